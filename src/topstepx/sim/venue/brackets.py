"""Bracket legs: born asleep beside their entry, awake at its fill, one cancelling the other.

Observed live for a market entry n: the stop loss is n+1 and the profit target n+2, their tags are the
entry's with `-SL` and `-TP`, both name their parent, and only the target links to the stop. Asleep
(status 8) they have no prices; the stop shows its signed distance. At the fill they get absolute
prices from the fill price, the target first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.sim.venue.checks import STOP_SUFFIX, TARGET_SUFFIX
from topstepx.sim.venue.floor import Step
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.sim.venue.floor import Floor
    from topstepx.wire.models import BracketModel, PlaceRequest


def legs_for(
    floor: Floor, entry: Order, request: PlaceRequest
) -> tuple[Order | None, Order | None]:
    """The sleeping stop loss and profit target of an entry, not yet taken in; None without one."""
    stop_wish, target_wish = request.stop_loss_bracket, request.take_profit_bracket
    stop = _leg(floor, entry, stop_wish, STOP_SUFFIX) if stop_wish else None
    target = _leg(floor, entry, target_wish, TARGET_SUFFIX) if target_wish else None
    if stop:
        stop.trail_ticks = stop.bracket_ticks
    if stop and target:
        stop.sibling_id, target.sibling_id = target.id, stop.id
        target.linked_order_id = stop.id
    entry.leg_ids = tuple(leg.id for leg in (stop, target) if leg)
    return stop, target


def _leg(floor: Floor, entry: Order, wish: BracketModel, suffix: str) -> Order:
    leg = Order(
        id=floor.new_order_id(),
        account_id=entry.account_id,
        contract_id=entry.contract_id,
        symbol_id=entry.symbol_id,
        tick_size=entry.tick_size,
        type=wish.type,
        side=entry.side.opposite,
        size=entry.size,
        created=entry.created,
        custom_tag=None if entry.custom_tag is None else entry.custom_tag + suffix,
        origin=entry.origin,
    )
    leg.parent_order_id = entry.id
    leg.bracket_ticks = wish.ticks
    return leg


def after_fill(floor: Floor, order: Order, size: int, held_before: int) -> None:
    """What a fill means for the order's own legs, for its sibling, and for others' legs."""
    if order.leg_ids:
        done = order.is_final
        if done or floor.switches.bracket_wakes == "each_fill":
            floor.schedule(Step.WAKE, order, floor.switches.bracket_wake_ms)
    if order.parent_order_id is not None:
        _sibling_after_fill(floor, order, size)
    else:
        _legs_after_exit(floor, order, size, held_before)


def after_end(floor: Floor, order: Order) -> None:
    """What the end of an order by cancel or expiry means for its legs."""
    if not order.leg_ids:
        return
    if order.fill_volume:
        floor.schedule(Step.WAKE, order, floor.switches.bracket_wake_ms)
    elif floor.switches.legs_die_with_entry:
        for leg in _sleeping_legs(floor, order):
            floor.move(leg, OrderStatus.CANCELLED, "entry ended unfilled")


def wake(floor: Floor, entry: Order) -> Iterator[Order]:
    """Wake an entry's legs for what is filled, the target first; gives those that work now.

    Legs that work already grow by what was filled since (switch `bracket_wakes`).
    """
    for leg_id in sorted(entry.leg_ids, reverse=True):
        leg = floor.orders[leg_id]
        if leg.status is OrderStatus.SUSPENDED:
            leg.size = leg.covered = entry.fill_volume
            _price(floor, entry, leg)
            floor.move(leg, OrderStatus.OPEN, "entry filled")
            yield leg
        elif leg.status is OrderStatus.OPEN and entry.fill_volume > leg.covered:
            leg.size += entry.fill_volume - leg.covered
            leg.covered = entry.fill_volume
            floor.tell_order(leg, leg.status, "entry filled further")


def _price(floor: Floor, entry: Order, leg: Order) -> None:
    """Turn a leg's distance into a price, from the entry's average fill."""
    assert entry.filled_price is not None  # noqa: S101  legs wake after a fill
    contract = floor.books[leg.contract_id].contract
    price = contract.nearest(entry.filled_price + contract.points(leg.bracket_ticks))
    if leg.type is OrderType.LIMIT:
        leg.limit_price = price if leg.limit_price is None else leg.limit_price
        return
    leg.stop_price = price if leg.stop_price is None else leg.stop_price
    leg.trail_ticks = abs(leg.bracket_ticks) if leg.type is OrderType.TRAILING_STOP else None


def _sleeping_legs(floor: Floor, entry: Order) -> list[Order]:
    legs = (floor.orders[leg_id] for leg_id in entry.leg_ids)
    return [leg for leg in legs if leg.status is OrderStatus.SUSPENDED]


def _sibling_after_fill(floor: Floor, leg: Order, size: int) -> None:
    sibling = floor.orders.get(leg.sibling_id) if leg.sibling_id else None
    if sibling is None or sibling.is_final:
        return
    policy = floor.switches.oco_on_partial
    if leg.left <= 0 or policy == "cancel":
        floor.move(sibling, OrderStatus.CANCELLED, "OCO cancelled")
    elif policy == "reduce":
        sibling.size -= size
        if sibling.left <= 0:
            floor.move(sibling, OrderStatus.CANCELLED, "OCO cancelled")
        else:
            floor.tell_order(sibling, sibling.status, "OCO reduced")


def after_cancelled_leg(floor: Floor, leg: Order) -> None:
    """What cancelling one leg by request means for the other."""
    sibling = floor.orders.get(leg.sibling_id) if leg.sibling_id else None
    if sibling and not sibling.is_final and floor.switches.cancel_leg_cancels_sibling:
        floor.move(sibling, OrderStatus.CANCELLED, "OCO cancelled")


def _legs_after_exit(floor: Floor, order: Order, size: int, held_before: int) -> None:
    """An exit by a separate order may take working legs with it (switch `exit_cancels_legs`)."""
    policy = floor.switches.exit_cancels_legs
    if policy == "never" or held_before * order.side.sign >= 0:
        return
    if policy == "when_flat":
        if floor.truth.net_size(order.account_id, order.contract_id) == 0:
            _cancel_working_legs(floor, order, abs(held_before))
    elif order.side is Side.SELL:
        _cancel_working_legs(floor, order, size)


def _cancel_working_legs(floor: Floor, exit_order: Order, size: int) -> None:
    """Cancel the legs of the oldest entries until `size` contracts of them are covered."""
    entries: dict[int, int] = {}
    for leg in list(floor.live_of[exit_order.account_id].values()):
        parent = leg.parent_order_id
        if parent is None or leg.contract_id != exit_order.contract_id or leg.is_final:
            continue
        if parent not in entries and sum(entries.values()) >= size:
            continue
        entries.setdefault(parent, leg.left)
        floor.move(leg, OrderStatus.CANCELLED, "exited by another order")
