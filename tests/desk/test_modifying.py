"""One change: sent, read back, and told as done only where something shows it."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import MODIFY, world
from topstepx import Market, TrailingStop
from topstepx.errors import AnswerLost
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual


@virtual
@pytest.mark.parametrize("how", ["modify", "move"])
@pytest.mark.parametrize("fault", [f.LoseRequest(), f.DropAnswer()], ids=["lost", "unanswered"])
async def test_a_change_of_a_trail_is_not_believed_without_a_sign(
    fault: f.LoseRequest | f.DropAnswer, how: str
) -> None:
    """Its level cannot be read back, so a change that never came was told as done."""
    async with world() as w:
        await (await w.buy(2, at=Market())).filled(timeout=5)
        await asyncio.sleep(60)  # until there is a price to trail
        far, near = w.contract.floor(w.market() - 100), w.contract.floor(w.market() - 50)
        stop = await w.desk.sell(2, at=TrailingStop(far))
        w.break_(MODIFY, fault, times=2)
        change = stop.modify(trail=near) if how == "modify" else stop.move(near)
        if isinstance(fault, f.LoseRequest):
            with pytest.raises(AnswerLost):
                await change
            assert w.working[0].trail_price == 100
        else:
            await change
            assert w.working[0].trail_price != 100
            assert w.requests("modify") == 1
        assert not w.ledger.open_intents()
        await stop.modify(trail=near + 10)  # answered as it should be
        assert not w.ledger.open_intents()


@virtual
async def test_nor_after_a_restart() -> None:
    async with world() as w:
        await (await w.buy(2, at=Market())).filled(timeout=5)
        await asyncio.sleep(60)
        stop = await w.desk.sell(2, at=TrailingStop(w.contract.floor(w.market() - 100)))
        w.break_(MODIFY, f.LoseRequest())
        changing = asyncio.create_task(stop.modify(trail=w.contract.floor(w.market() - 50)))
        await asyncio.sleep(1)
        await w.pair.restart()
        await asyncio.gather(changing, return_exceptions=True)
        await w.tsx.ready(w.account)
        change = next(
            one for one in w.ledger.intents() if one.recorded and one.recorded.action == "modify"
        )
        assert change.state == "presumed_absent"
