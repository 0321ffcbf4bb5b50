from __future__ import annotations

from topstepx.events import Flattened
from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Honesty, SingleExecution
from topstepx.testing.storm.notebook import Saying
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest


def place(world: World, tag: str) -> None:
    """An order that came over the API, whoever sent it."""
    request = PlaceRequest(
        account_id=world.account_id,
        contract_id=world.contract_id,
        type=OrderType.MARKET,
        side=Side.BUY,
        size=1,
        custom_tag=tag,
    )
    world.price()
    assert world.gateway.venue.place(request, world.memory.now()).success


@virtual
async def test_an_order_without_an_intent_is_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor = SingleExecution(world)
        place(world, "T1NOBODY")
        auditor.after()
        assert "has no intent" in auditor.findings[0].what


@virtual
async def test_words_that_are_not_so_are_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor = Honesty(world)
        world.notebook.wish({}).said.append("accepted")
        place(world, "T1SOMEBODY")
        world.gateway.advance(world.memory.now())
        now = world.memory.now()
        flat = Flattened(at=now, account_id=world.account_id)
        world.gateway.venue.fill(world.truth.orders(world.account_id)[0].id, 1, world.price(), now)
        world.notebook.hollow.append("wish 1 got the handle of an order not sent")
        world.notebook.sayings.append(Saying(now, now, 1, "flatten", "done", flat))
        auditor.after()
        told = [finding.what for finding in auditor.findings]
        assert told == [
            "wish 1 was called accepted and made no order",
            "wish 1 got the handle of an order not sent",
            "flatten said flat, and there was a position all the time",
        ]
