from __future__ import annotations

from topstepx.core.terms import Limit
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.trader import Trader
from topstepx.testing.storm.world import World
from topstepx.wire.enums import Side


@virtual
async def test_what_was_said_is_written_down_and_asked_again_under_the_same_key() -> None:
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        trader = Trader(life)
        terms = {"side": Side.BUY, "size": 1, "at": Limit(world.price() - 200)}
        good = world.notebook.wish(terms)
        trader.do("rest", lambda: trader.place(good))
        await eventually(lambda: good.said == ["accepted"])
        world.gateway.faults.add(Fault(where="Order/place", what=f.LoseRequest()))
        lost = world.notebook.wish({**terms, "size": 2})
        trader.do("rest", lambda: trader.place(lost))
        await trader.rest()
        assert lost.said == ["unknown"]
        assert trader._left_open() == [lost]
        assert [one.what for one in world.notebook.sayings] == ["done", "OrderUnresolved[unknown]"]

        async def bug() -> None:
            raise KeyError("odd")

        trader.do("read", bug)
        await trader.rest()
        assert world.notebook.foreign == ["read raised KeyError('odd')"]
        await life.end()
