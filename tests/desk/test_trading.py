"""The trading parts: built once, wired whole."""

from __future__ import annotations

from tests.cards.world import world
from topstepx import Bracket, Market
from topstepx.testing.loop import virtual


@virtual
async def test_every_part_is_there_and_listens() -> None:
    async with world() as w:
        trading = w.tsx._trading
        assert w.tsx.orders is trading.orders
        assert w.tsx.positions is trading.positions
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(timeout=5)
        assert trading.accounting.is_settled(order.id)
        assert order.log
        assert trading.protection.missing(w.account.id, w.contract.id) in {0, 2}
        await w.tsx.flatten(w.account)
        assert w.net == 0
