"""What others do to an account: the firm, the exchange, a person on the platform.

None of these are requests of the API. A client learns of them from events and reads only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.sim.venue import brackets, fills
from topstepx.sim.venue.closing import cancel_all, send_exit
from topstepx.sim.venue.floor import ACTION_TRADE
from topstepx.sim.venue.positions import Position
from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.sim.venue.floor import Floor
    from topstepx.wire.models import TradeModel


def set_can_trade(floor: Floor, account_id: int, *, can_trade: bool) -> None:
    """Lock or unlock an account."""
    account = floor.accounts[account_id]
    account.can_trade = can_trade
    floor.tell_account(account)


def adjust_balance(floor: Floor, account_id: int, amount: Decimal) -> None:
    """Pay in (or, negative, out)."""
    account = floor.accounts[account_id]
    account.balance += amount
    floor.tell_account(account)


def liquidate(floor: Floor, account_id: int, *, lock: bool) -> None:
    """The firm ends it: every order cancelled, every position closed, the account locked.

    A shut exchange takes no closing order, so what is held there stays (assumed).
    """
    cancel_all(floor, account_id, "liquidated")
    for (owner, _), position in list(floor.positions.items()):
        is_open = floor.books[position.contract.id].is_open
        if owner == account_id and position.size and is_open:
            send_exit(floor, position, abs(position.size), "firm")
    if lock:
        set_can_trade(floor, account_id, can_trade=False)


def expire(floor: Floor, contract_id: str | None) -> None:
    """The end of the session's orders: Expired, on one contract or on all."""
    for orders in list(floor.live_of.values()):
        for order in list(orders.values()):
            if contract_id in {None, order.contract_id} and not order.is_final:
                floor.move(order, OrderStatus.EXPIRED, "session ended")
                brackets.after_end(floor, order)


def fill_by_hand(
    floor: Floor, order_id: int, size: int, price: Decimal, *, beyond_size: bool
) -> None:
    """Fill an order regardless of the market; with `beyond_size` even more than it has left.

    Raises:
        ValueError: the order does not work, or has less left.
    """
    order = floor.orders[order_id]
    if size <= 0:
        raise ValueError(f"size={size}: a fill has at least one contract")
    if not beyond_size and (not order.is_matchable or size > order.left):
        raise ValueError(
            f"order {order_id} is {order.status.name} with {order.left} left: cannot fill {size}"
        )
    fills.fill(floor, order, size, price, "filled by hand")


def void_trade(floor: Floor, trade_id: int) -> None:
    """Take a half-turn back: its charges, its profit, and its part in the position.

    The position and the profits of later half-turns become what they would have been without it
    (assumed); the order keeps its fill. Only the voided half-turn is sent again.
    """
    trade = floor.truth.trade(trade_id)
    if trade.voided:
        return
    account = floor.accounts[trade.account_id]
    account.balance += trade.fees + (trade.commissions or 0) - (trade.profit_and_loss or 0)
    voided = msgspec.structs.replace(trade, voided=True)
    floor.truth.note_trade(voided)
    floor.send("trade", ACTION_TRADE, account.id, voided)
    _replay(floor, voided)
    floor.tell_account(account)


def _replay(floor: Floor, voided: TradeModel) -> None:
    """Rebuild the position from what is not voided."""
    position = floor.position(voided.account_id, voided.contract_id)
    account = floor.accounts[voided.account_id]
    rebuilt = Position(voided.account_id, position.contract)
    for trade in floor.truth.trades(voided.account_id):
        if trade.contract_id != voided.contract_id or trade.voided:
            continue
        turns = rebuilt.apply(Side(trade.side), trade.size, trade.price)
        profits = [turn.profit for turn in turns if turn.profit is not None]
        profit = profits[0] if profits else None
        if profit != trade.profit_and_loss:
            account.balance += (profit or 0) - (trade.profit_and_loss or 0)
            floor.truth.note_trade(msgspec.structs.replace(trade, profit_and_loss=profit))
    if position.size == 0 and rebuilt.size != 0:
        position.id = floor.new_position_id()
        position.opened = floor.now
    position.take_over(rebuilt)
    floor.tell_position(position)
