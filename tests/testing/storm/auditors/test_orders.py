from __future__ import annotations

from topstepx.events import AlarmRaised, Flattened
from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Flatness, Legality, Soundness
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest


@virtual
async def test_a_flatten_that_is_not_flat_is_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Flatness(world), world.new_life()
        now = world.memory.now()
        flat = Flattened(at=now, account_id=world.account_id)
        auditor.flattened(life, flat)
        assert not auditor.findings
        request = PlaceRequest(
            account_id=world.account_id,
            contract_id=world.contract_id,
            type=OrderType.LIMIT,
            side=Side.BUY,
            size=1,
            limit_price=world.price() - 100,
        )
        world.gateway.venue.place(request, now)
        auditor.flattened(life, flat)
        auditor.flattened(life, None)
        assert len(auditor.findings) == 2


@virtual
async def test_a_bug_in_a_task_or_a_call_is_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Soundness(world), world.new_life()
        at = world.clock.now()
        auditor.heard(life, AlarmRaised(at=at, name="internal_error", detail="x died"), ())
        auditor.heard(life, AlarmRaised(at=at, name="order_late", detail="harmless"), ())
        world.notebook.foreign.append("read raised KeyError('x')")
        auditor.after()
        assert [one.what for one in auditor.findings] == [
            "internal_error: x died",
            "read raised KeyError('x')",
        ]


def test_legality_promises_order() -> None:
    assert "an end is final" in Legality.promise  # each breach: tests/storms/test_broken_builds.py
