from __future__ import annotations

from topstepx.testing.loop import virtual
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World


@virtual
async def test_a_run_trades_every_account_and_knows_what_it_sent() -> None:
    async with World(Options(seed=1, conditions={"two accounts": 2})) as world:
        life = world.new_life()
        await life.begin()
        assert [one.id for one in life.accounts] == list(world.account_ids)
        assert life.account is life.accounts[0]
        assert not life.is_beside
        assert len(life.sent("Auth/loginKey")) == 1
        assert life.sent("Order/place") == []
        assert not life.hub_spoke_of(1)
        await life.end()
        assert not life.hubs.count
