"""`Position/closeContract` and `Position/partialCloseContract`.

Both send a market order of the opposite side, without a tag, and answer without its id. Resting
orders of the contract stay where they are (verified): a stop that is left behind opens a position
when it is hit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.sim.venue import changes, matching
from topstepx.sim.venue.changes import ACCOUNT_NOT_FOUND, DONE, refused
from topstepx.sim.venue.checks import LIVE_ACCOUNT
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.positions import Position
    from topstepx.wire.models import CloseContractRequest, Envelope, PartialCloseRequest

POSITION_NOT_FOUND = 2
CONTRACT_NOT_FOUND = 3
CONTRACT_NOT_ACTIVE = 4
# closeContract: no 5 for the size, so everything after it is one lower than in partialClose.
CLOSE_REJECTED = 5
CLOSE_PENDING = 6
CLOSE_ACCOUNT_REJECTED = 8
INVALID_CLOSE_SIZE = 5
PARTIAL_REJECTED = 6
PARTIAL_PENDING = 7
PARTIAL_ACCOUNT_REJECTED = 9


def close_contract(floor: Floor, request: CloseContractRequest, origin: str) -> Envelope:
    """Close all of one contract."""
    forced = floor.faults.take_refusal("close") if origin == "api" else None
    if forced is not None and not forced.executes:
        return refused(forced.code, forced.text)
    found = _find(floor, request, CLOSE_ACCOUNT_REJECTED)
    if not isinstance(found, int):
        return found
    refusal = _not_now(floor, request, CLOSE_REJECTED, CLOSE_PENDING)
    if refusal is not None:
        return refusal
    if floor.switches.close_cancels_orders:
        cancel_all(floor, request.account_id, "closed", request.contract_id)
    send_exit(floor, floor.position(request.account_id, request.contract_id), abs(found), origin)
    return DONE if forced is None else refused(forced.code, forced.text)


def partial_close(floor: Floor, request: PartialCloseRequest, origin: str) -> Envelope:
    """Close a part of one contract; more than there is gets code 5."""
    forced = floor.faults.take_refusal("partial_close") if origin == "api" else None
    if forced is not None and not forced.executes:
        return refused(forced.code, forced.text)
    found = _find(floor, request, PARTIAL_ACCOUNT_REJECTED)
    if not isinstance(found, int):
        return found
    if not 0 < request.size <= abs(found):
        return refused(INVALID_CLOSE_SIZE)
    refusal = _not_now(floor, request, PARTIAL_REJECTED, PARTIAL_PENDING)
    if refusal is not None:
        return refusal
    position = floor.position(request.account_id, request.contract_id)
    send_exit(floor, position, request.size, origin)
    return DONE if forced is None else refused(forced.code, forced.text)


def _find(
    floor: Floor, request: CloseContractRequest | PartialCloseRequest, account_rejected: int
) -> int | Envelope:
    """The signed size that is held, or the answer that there is nothing to close."""
    account = floor.accounts.get(request.account_id)
    if account is None:
        return refused(ACCOUNT_NOT_FOUND)
    book = floor.books.get(request.contract_id)
    if book is None:
        return refused(CONTRACT_NOT_FOUND)
    if not account.simulated:
        return refused(account_rejected, LIVE_ACCOUNT)
    held = floor.truth.net_size(account.id, book.contract.id)
    if held == 0:
        return refused(POSITION_NOT_FOUND)
    if not book.contract.active:
        return refused(CONTRACT_NOT_ACTIVE)
    return held


def _not_now(
    floor: Floor,
    request: CloseContractRequest | PartialCloseRequest,
    rejected: int,
    pending: int,
) -> Envelope | None:
    """No closing while closed or without a price, nor while another close is on its way (assumed)."""
    book = floor.books[request.contract_id]
    held = floor.truth.net_size(request.account_id, request.contract_id)
    if not book.is_open or book.opposite(Side.SELL if held > 0 else Side.BUY) is None:
        return refused(rejected)
    last_exit = floor.closing.get((request.account_id, request.contract_id))
    if last_exit is not None and not floor.orders[last_exit].is_final:
        return refused(pending)
    return None


def send_exit(floor: Floor, position: Position, size: int, origin: str) -> Order:
    """A market order against the position."""
    contract = position.contract
    order = Order(
        id=floor.new_order_id(),
        account_id=position.account_id,
        contract_id=contract.id,
        symbol_id=contract.symbol_id,
        tick_size=contract.tick_size,
        type=OrderType.MARKET,
        side=Side.SELL if position.size > 0 else Side.BUY,
        size=size,
        created=floor.now,
        origin=origin,
    )
    floor.closing[position.account_id, contract.id] = order.id
    floor.add(order, OrderStatus.PENDING, "close")
    matching.enter(floor, order)
    return order


def cancel_all(floor: Floor, account_id: int, reason: str, contract_id: str | None = None) -> None:
    """Cancel every living order of the account, or of one contract of it."""
    for order in list(floor.live_of[account_id].values()):
        if contract_id in {None, order.contract_id} and not order.is_final:
            changes.end(floor, order, reason)
