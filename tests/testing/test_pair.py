"""The pair: the main job in virtual time."""

from __future__ import annotations

from topstepx import Bracket, Market
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair


@virtual
async def test_a_bracket_order_lives_its_life_in_memory() -> None:
    async with Pair() as pair:
        account = await pair.tsx.accounts.one("PRAC")
        contract = await pair.tsx.contracts.front("MNQ")
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(2, at=Market(), bracket=Bracket(stop_ticks=40, target_ticks=80))
        await order.filled(timeout=10)
        assert pair.truth.net_size(account.id, contract.id) == 2
        await order.stop.working()
        await desk.close()
        assert pair.truth.net_size(account.id, contract.id) == 0
        assert not pair.truth.working(account.id)
        assert pair.truth.executions(account.id, order.tag or "") == 1
