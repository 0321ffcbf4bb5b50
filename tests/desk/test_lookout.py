"""One look at an account: whole or unknown, a short list of positions believed only when two agree."""

from __future__ import annotations

import pytest

from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.terms import Limit, Market
from topstepx.errors import AnswerUnusable
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

EMPTY = '{"success":true,"errorCode":0,"errorMessage":null,"positions":[]}'


async def long_one(pair: Pair) -> None:
    desk = pair.tsx.desk(await practice(pair), await mnq(pair))
    await desk.buy(1, at=Market())
    await eventually(lambda: desk.position is not None and desk.position.net == 1)


def net(pair: Pair) -> int:
    return sum(belief.net or 0 for belief in pair.tsx.state.positions(PRACTICE_ID))


@virtual
async def test_one_short_list_is_not_believed() -> None:
    async with Pair() as pair:
        await long_one(pair)
        pair.faults.add(Fault(where="Position/searchOpen", what=f.Answer(200, EMPTY)))
        seen = await pair.tsx._recovery.snapshot(PRACTICE_ID, origin="reconciled")
        assert net(pair) == 1
        assert seen.agrees


@virtual
async def test_two_short_lists_that_agree_are() -> None:
    async with Pair() as pair:
        await long_one(pair)
        pair.faults.add(Fault(where="Position/searchOpen", what=f.Answer(200, EMPTY), times=2))
        seen = await pair.tsx._recovery.snapshot(PRACTICE_ID, origin="reconciled")
        assert net(pair) == 0
        assert seen.unexplained
        assert not seen.agrees


@virtual
async def test_orders_are_told_although_trades_cannot_be_read() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        pair.faults.add(Fault(where="Trade/search", what=f.Edit("trades", "null"), times=None))
        with pytest.raises(AnswerUnusable, match="trades"):
            await pair.tsx._recovery.snapshot(account.id)
        assert len(pair.tsx.state.working(account)) == 1
