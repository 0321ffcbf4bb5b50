"""One fill on its way through the order, the position, the tape of trades and the cash.

The order of what is told: the order, each half-turn, the position, the account; then what the fill
means for brackets. A fill that turns a position around is two half-turns and two position events:
the old one flat, the new one with its own id.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from topstepx.sim.venue import brackets
from topstepx.sim.venue.floor import ACTION_TRADE
from topstepx.sim.venue.money import charges, shown_price
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import TradeModel

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.orders import Order
    from topstepx.sim.venue.positions import HalfTurn, Position


def fill(floor: Floor, order: Order, size: int, price: Decimal, reason: str = "filled") -> None:
    """Fill `size` contracts of an order at `price`."""
    held_before = floor.truth.net_size(order.account_id, order.contract_id)
    _fill_order(floor, order, size, price, reason)
    _settle(floor, order, size, price)
    brackets.after_fill(floor, order, size, held_before)


def _fill_order(floor: Floor, order: Order, size: int, price: Decimal, reason: str) -> None:
    order.fill_volume += size
    order.cost = price * size if order.cost is None else order.cost + price * size
    order.filled_price = shown_price(Fraction(order.cost) / order.fill_volume)
    if order.left <= 0 and not order.is_final:
        floor.move(order, OrderStatus.FILLED, reason)
    elif order.status is OrderStatus.PENDING:
        # Assumed: a market order that is filled in part is open for the rest.
        floor.move(order, OrderStatus.OPEN, reason)
    else:
        floor.tell_order(order, order.status, reason)


def _settle(floor: Floor, order: Order, size: int, price: Decimal) -> None:
    position = floor.position(order.account_id, order.contract_id)
    was_flat = position.size == 0
    closing = position.closes(order.side, size)
    if closing:
        (turn,) = position.apply(order.side, closing, price)
        _book_trade(floor, order, turn, price)
        floor.tell_position(position)
    if size > closing:
        if was_flat or closing:
            _open_position(floor, position)
        (turn,) = position.apply(order.side, size - closing, price)
        _book_trade(floor, order, turn, price)
        floor.tell_position(position)
    floor.tell_account(floor.accounts[order.account_id])


def _open_position(floor: Floor, position: Position) -> None:
    position.id = floor.new_position_id()
    position.opened = floor.now


def _book_trade(floor: Floor, order: Order, turn: HalfTurn, price: Decimal) -> None:
    account = floor.accounts[order.account_id]
    cost = charges(floor.books[order.contract_id].contract, turn.size)
    trade = TradeModel(
        id=floor.new_trade_id(),
        account_id=order.account_id,
        contract_id=order.contract_id,
        creation_timestamp=floor.now,
        price=price,
        profit_and_loss=turn.profit,
        fees=cost.fees,
        commissions=cost.commissions,
        side=order.side,
        size=turn.size,
        voided=False,
        order_id=order.id,
    )
    account.balance += (turn.profit or 0) - cost.total
    floor.truth.note_trade(trade)
    floor.send("trade", ACTION_TRADE, account.id, trade)
