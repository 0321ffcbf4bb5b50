"""A desk binds an account and a contract; nothing of another contract shows through."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.trading import mnq, practice
from topstepx.core.terms import Limit, Market
from topstepx.errors import InvalidRequest, NotReady
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side


@virtual
async def test_buy_sell_and_close_go_to_its_account_and_contract() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        assert repr(desk) == f"<Desk {account.name} MNQZ6>"
        long = await desk.buy(2, at=Market(), key="long")
        await long.filled(timeout=5)
        assert pair.truth.net_size(account.id, contract.id) == 2
        assert desk.position is not None
        assert desk.position.net == 2
        short = await desk.sell(3, at=Market())
        await short.filled(timeout=5)
        assert (long.side, short.side) == (Side.BUY, Side.SELL)
        assert pair.truth.net_size(account.id, contract.id) == -1
        closed = await desk.close()
        assert closed.position is not None
        assert closed.position.is_flat
        assert pair.truth.net_size(account.id, contract.id) == 0
        others = [one.id for one in await pair.tsx.accounts.all() if one.id != account.id]
        assert not any(pair.truth.orders(other) for other in others)


@virtual
async def test_working_is_of_this_contract_only() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        mnq_desk = pair.tsx.desk(account, await mnq(pair))
        es_desk = pair.tsx.desk(account, await pair.tsx.contracts.front("ES"))
        assert mnq_desk.position is None
        with pytest.raises(NotReady, match="were not read yet"):
            assert mnq_desk.working
        order = await mnq_desk.buy(1, at=Limit("29000"))
        async with pair.tsx.market.quotes(es_desk.contract) as quotes:
            last = (await anext(quotes)).last
        assert last is not None
        other = await es_desk.buy(1, at=Limit(last - 20))
        assert [one.id for one in mnq_desk.working] == [order.id]
        assert [one.id for one in es_desk.working] == [other.id]
        await mnq_desk.close()
        assert mnq_desk.working == ()
        assert [one.id for one in es_desk.working] == [other.id], (
            "close leaves other contracts alone"
        )
        assert {one.id for one in pair.truth.working(account.id)} == {other.id}


@virtual
async def test_the_same_key_is_the_same_order() -> None:
    async with Pair() as pair:
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        first = await desk.buy(1, at=Market(), key="k")
        again = await desk.buy(1, at=Market(), key="k")
        assert first.id == again.id
        assert pair.truth.executions(desk.account.id, first.tag or "") == 1


@virtual
async def test_names_instead_of_an_account_and_a_contract_are_refused_at_once() -> None:
    async with Pair() as pair:
        account: Any = await practice(pair)
        contract: Any = await mnq(pair)
        name: Any = "MNQ"
        with pytest.raises(InvalidRequest, match=r"accounts\.one") as refused:
            pair.tsx.desk(name, contract)
        assert refused.value.field == "account"
        with pytest.raises(InvalidRequest, match=r"contracts\.front") as refused:
            pair.tsx.desk(account, name)
        assert refused.value.field == "contract"
