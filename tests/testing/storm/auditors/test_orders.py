from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from topstepx.events import AlarmRaised, Event, Flattened, OrderObserved, TradeObserved
from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Flatness, Legality, Soundness
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.testing.storm.life import Life


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


@virtual
async def test_what_was_never_so_and_what_is_told_twice_is_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Legality(world), world.new_life()
        await life.begin()
        request = PlaceRequest(
            account_id=world.account_id,
            contract_id=world.contract_id,
            type=OrderType.MARKET,
            side=Side.BUY,
            size=1,
        )
        world.price()
        world.gateway.venue.place(request, world.memory.now(), origin="other")
        heard: list[tuple[Life, Event, tuple[Change, ...]]] = []
        world.listeners.append(lambda *told: heard.append(told))
        world.gateway.advance(world.memory.now())
        await asyncio.sleep(5.0)
        trades = [told for told in heard if isinstance(told[1], TradeObserved) and told[2]]
        orders = [told for told in heard if isinstance(told[1], OrderObserved) and told[2]]
        for told in (*orders, *trades):
            auditor.heard(*told)
        assert trades
        assert not auditor.findings
        auditor.heard(*trades[0])
        assert "was told twice" in auditor.findings[0].what
        _, seen, changes = orders[-1]
        assert isinstance(seen, OrderObserved)
        never = msgspec.structs.replace(seen.order, fill_volume=7, size=7)
        life.ledger.apply(msgspec.structs.replace(seen, order=never))
        auditor.heard(life, msgspec.structs.replace(seen, order=never), changes)
        assert "was never" in auditor.findings[1].what
        await life.end()
