"""Cards about orders: sent once, told truly, and out again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from topstepx.sim import fault_kinds as f
from topstepx.testing.conformance.stage import SETTLE_S, require
from topstepx.testing.eventually import eventually
from topstepx.wire.enums import OrderStatus, OrderType

if TYPE_CHECKING:
    from topstepx.testing.conformance.stage import Stage
    from topstepx.wire.models import OrderModel

_HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
_PLACE = "Order/place"
_REFUSED_S = 3.0


async def plain(stage: Stage) -> None:
    """An order at the market is accepted, its fill is told once, and the position is right."""
    await stage.begin()
    await stage.bought()
    await stage.told_once(await stage.trades(1))
    await stage.level()


async def answer_lost(stage: Stage) -> None:
    """The order is executed and the answer lost: there is one order, and nobody says no."""
    await _one_place(stage, f.DropAnswer(), 1)
    await stage.level()


async def answer_silent(stage: Stage) -> None:
    """The order is executed and the answer never comes: there is one order, and nobody says no."""
    await _one_place(stage, f.DropAnswer(cut=False), 1)
    await stage.level()


async def request_lost(stage: Stage) -> None:
    """The request never arrives: nobody says accepted, and it is not sent again."""
    await _one_place(stage, f.LoseRequest(), 0)


async def refused_after_accept(stage: Stage) -> None:
    """503 although the order was executed: there is one order, and nobody says no."""
    await _one_place(stage, f.Answer(503, when="after"), 1)
    await stage.level()


async def bad_gateway(stage: Stage) -> None:
    """502 with a page of HTML, nothing executed: nobody says accepted, and it is not sent again."""
    await _one_place(stage, f.Answer(502, _HTML), 0)


async def too_many_on_place(stage: Stage) -> None:
    """429 on places for three seconds: what is said is so, and the gateway is left in peace."""
    await stage.begin()
    stage.fault(_PLACE, f.Answer(429), for_s=_REFUSED_S)
    said = await stage.place()
    asked = stage.asked(_PLACE)
    require(asked <= 2, f"429, and the order was sent {asked} times")  # noqa: PLR2004  once more is a fair try
    await asyncio.sleep(_REFUSED_S)
    stage.honest(said, min(len(stage.made()), 1))


async def same_key(stage: Stage) -> None:
    """The same key twice: one order, and both answers name it."""
    await stage.begin()
    first = await stage.bought()
    again = await stage.place()
    stage.honest(again, 1)
    require(again["result"] == "accepted", f"the key is used, and place says {again['result']}")
    require(again["order_id"] == first.id, "the same key names another order")


async def off_grid(stage: Stage) -> None:
    """A price between two ticks is refused by the program itself, and never sent."""
    await stage.begin()
    price = stage.far_price() + stage.tick_size / 2
    said = await stage.place(type="limit", price=str(price))
    stage.honest(said, 0)
    require(said["result"] == "no", f"a price off the grid is told as {said['result']}")
    require(not stage.asked(_PLACE), "a price off the grid was sent")


async def not_active(stage: Stage) -> None:
    """A contract that is not active: no, and no order."""
    await stage.begin()
    said = await stage.place(contract_id=stage.inactive_contract_id())
    stage.honest(said, 0)
    require(said["result"] == "no", f"an order that was refused is told as {said['result']}")


async def partial_fill(stage: Stage) -> None:
    """Three contracts filled one by one: three fills, each told once."""
    await stage.begin()
    stage.fault("*", f.PartialFills(1))
    order = await stage.bought(size=3)
    trades = await stage.trades(3)
    await stage.told_once(trades)
    require(all(one.order_id == order.id for one in trades), "a fill is of another order")
    await stage.level()


async def bracket_legs(stage: Stage) -> None:
    """A stop 40 ticks below the fill and a target 80 above it; the target fills and all is over."""
    await stage.begin()
    await stage.bought(stop_ticks=40, target_ticks=80)
    entry = (await stage.trades(1))[0]
    # Legs have no prices until they wake, a moment after the fill.
    await eventually(lambda: [one.status for one in _working(stage)] == [OrderStatus.OPEN] * 2)
    legs = {one.type: one for one in _working(stage)}
    stop, target = legs.get(OrderType.STOP), legs.get(OrderType.LIMIT)
    if stop is None or target is None:
        require(False, f"the legs are {sorted(one.name for one in legs)}")  # noqa: FBT003  it is not so
        return
    below = entry.price - 40 * stage.tick_size
    above = entry.price + 80 * stage.tick_size
    require(stop.stop_price == below, f"the stop is at {stop.stop_price}, not {below}")
    require(target.limit_price == above, f"the target is at {target.limit_price}, not {above}")
    await stage.level()
    stage.fill(target)
    await stage.told_once(await stage.trades(2))
    await stage.level()


async def cancel_lost(stage: Stage) -> None:
    """The order is cancelled and the answer lost: nobody says no, and it is known to be over."""
    await stage.begin()
    order = await stage.resting()
    stage.fault("Order/cancel", f.DropAnswer())
    said = await stage.say("cancel", order_id=order.id)
    require(stage.struck(f.DropAnswer) == 1, "the program sent no cancel")
    require(said["result"] in {"done", "unknown"}, f"it is cancelled, and it says {said['result']}")
    await stage.level()


async def close_lost(stage: Stage) -> None:
    """The position is closed and the answer lost: it is flat once and never turned."""
    await stage.begin()
    await stage.bought(size=2)
    await stage.trades(1)
    await stage.level()
    stage.fault("Position/closeContract", f.DropAnswer())
    stage.fault("Position/partialCloseContract", f.DropAnswer())
    said = await stage.say("close")
    await asyncio.sleep(SETTLE_S)
    require(said["result"] in {"done", "unknown"}, f"it is closed, and it says {said['result']}")
    sizes = stage.truth.position_versions[stage.account_id, stage.contract_id]
    require(sizes[-1][1].size == 0, "the position is still open")
    turned = sum(one.size for one in stage.truth.trades(stage.account_id)) != 4  # noqa: PLR2004  in and out
    require(not turned, "more was traded than two in and two out")
    await stage.level()


async def killed(stage: Stage) -> None:
    """Killed while it waits for an answer; after a restart the same key makes no second order."""
    await stage.begin()
    stage.fault(_PLACE, f.DropAnswer(cut=False))
    waiting = asyncio.create_task(stage.place())
    await eventually(lambda: len(stage.made()) == 1 or waiting.done())
    waiting.cancel()
    await asyncio.wait({waiting})
    require(len(stage.made()) == 1, "no order was sent")
    await stage.crash()
    stage.honest(await stage.place(), 1)
    await asyncio.sleep(SETTLE_S)
    require(len(stage.made()) == 1, "the same key made a second order after the restart")
    await stage.level()


# ---------------------------------------------------------------- what they share


def _working(stage: Stage) -> list[OrderModel]:
    return stage.truth.working(stage.account_id)


async def _one_place(stage: Stage, what: f.What, orders: int) -> None:
    """One place with trouble in the way; so many orders may come of it."""
    await stage.begin()
    stage.fault(_PLACE, what)
    said = await stage.place()
    require(stage.struck(type(what)) == 1, "the program sent no order")
    await asyncio.sleep(SETTLE_S)
    stage.sent_once()
    stage.honest(said, orders)
