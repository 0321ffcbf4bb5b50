"""`orders/*`: fill by hand, refuse, void a trade, act as another client of the same accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from topstepx.errors import InvalidRequest
from topstepx.sim.control.command import Body, Command, Machine, contract_id_of
from topstepx.sim.dialect import rest_record
from topstepx.wire import models as m
from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from topstepx.sim.venue import Venue

OTHER = "other"
"""The origin of what another client does: auditors do not count it as the API's."""
_TYPES = {
    "limit": OrderType.LIMIT,
    "market": OrderType.MARKET,
    "stop": OrderType.STOP,
    "stop-limit": OrderType.STOP_LIMIT,
    "trailing-stop": OrderType.TRAILING_STOP,
    "join-bid": OrderType.JOIN_BID,
    "join-ask": OrderType.JOIN_ASK,
}
TypeName = Literal["limit", "market", "stop", "stop-limit", "trailing-stop", "join-bid", "join-ask"]


class Listed(Body):
    """`account_id`: of one account only. `all`: also those that are over."""

    account_id: int | None = None
    all: bool = False


class Fill(Body):
    """`size` none: all that is left; `price` none: where the market is."""

    order_id: int
    size: int | None = None
    price: Decimal | None = None
    beyond_size: bool = False


class Reject(Body):
    """The next `count` requests of a kind get `code` and `text`; `executes`: and happen all the same."""

    verb: Literal["place", "modify", "cancel", "close", "partial_close"] = "place"
    code: int = 2
    text: str | None = None
    count: int = 1
    executes: bool = False


class Void(Body):
    """The exchange takes a half-turn back."""

    trade_id: int


class Place(Body):
    """An order of another client; `contract` is a name such as MNQ or an id."""

    account_id: int
    contract: str
    side: Literal["buy", "sell"]
    size: int = 1
    type: TypeName = "market"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    tag: str | None = None


class Cancel(Body):
    """Another client cancels an order."""

    account_id: int
    order_id: int


class Close(Body):
    """Another client closes a position; `size` none: all of it."""

    account_id: int
    contract: str
    size: int | None = None


def listed(machine: Machine, body: Listed) -> object:
    """Orders, trades and positions as they really are."""
    truth = machine.gateway.venue.truth
    ids = [one for one in machine.gateway.venue.floor.accounts if body.account_id in {None, one}]
    orders = [
        order for one in ids for order in (truth.orders(one) if body.all else truth.working(one))
    ]
    return {
        "orders": [rest_record(order) for order in orders],
        "trades": [rest_record(trade) for one in ids for trade in truth.trades(one)],
        "positions": [rest_record(row) for one in ids for row in truth.positions(one)],
    }


def fill(machine: Machine, body: Fill) -> object:
    """Fill an order whatever the market is."""
    venue = machine.gateway.venue
    order = venue.floor.orders.get(body.order_id)
    if order is None:
        raise InvalidRequest("order_id", body.order_id, "no such order.", "See orders/list.")
    price = body.price
    if price is None:
        book = venue.floor.books[order.contract_id]
        price = order.limit_price or book.opposite(order.side) or book.last
    if price is None:
        raise InvalidRequest("price", None, "the market has none now.", "Name a price.")
    if not price.is_finite() or price % order.tick_size:
        raise InvalidRequest(
            "price", str(price), f"is off the {order.tick_size} grid.", "Name a price on it."
        )
    size = order.left if body.size is None else body.size
    try:
        venue.fill(body.order_id, size, price, machine.gateway.now, beyond_size=body.beyond_size)
    except ValueError as error:
        raise InvalidRequest("size", size, f"{error}.", "See orders/list.") from error
    _told(machine)
    return {"order": rest_record(venue.truth.order(body.order_id))}


def reject(machine: Machine, body: Reject) -> object:
    """Refuse the next requests of a kind."""
    if body.count < 1:
        raise InvalidRequest("count", body.count, "must be 1 or more.", "1 is the next one.")
    faults = machine.gateway.venue.faults
    faults.reject_next(
        body.verb, code=body.code, text=body.text, count=body.count, executes=body.executes
    )
    return {"waiting": body.count}


def void(machine: Machine, body: Void) -> object:
    """Take a half-turn back."""
    venue = machine.gateway.venue
    try:
        venue.void_trade(body.trade_id, machine.gateway.now)
    except KeyError as error:
        raise InvalidRequest(
            "trade_id", body.trade_id, "no such trade.", "See orders/list."
        ) from error
    _told(machine)
    return {"trade": rest_record(venue.truth.trade(body.trade_id))}


def place(machine: Machine, body: Place) -> object:
    """Place an order as another client."""
    request = m.PlaceRequest(
        account_id=body.account_id,
        contract_id=contract_id_of(machine, body.contract) or "",
        type=_TYPES[body.type],
        side=Side.BUY if body.side == "buy" else Side.SELL,
        size=body.size,
        limit_price=body.limit_price,
        stop_price=body.stop_price,
        trail_price=body.trail_price,
        custom_tag=body.tag,
    )
    answer = _venue(machine).place(request, machine.gateway.now, origin=OTHER)
    return _answered(machine, answer)


def cancel(machine: Machine, body: Cancel) -> object:
    """Cancel an order as another client."""
    request = m.CancelRequest(account_id=body.account_id, order_id=body.order_id)
    return _answered(machine, _venue(machine).cancel(request, machine.gateway.now, origin=OTHER))


def close(machine: Machine, body: Close) -> object:
    """Close a position as another client."""
    contract_id = contract_id_of(machine, body.contract) or ""
    now, venue = machine.gateway.now, _venue(machine)
    if body.size is None:
        whole = m.CloseContractRequest(account_id=body.account_id, contract_id=contract_id)
        return _answered(machine, venue.close_contract(whole, now, origin=OTHER))
    part = m.PartialCloseRequest(
        account_id=body.account_id, contract_id=contract_id, size=body.size
    )
    return _answered(machine, venue.partial_close(part, now, origin=OTHER))


def _venue(machine: Machine) -> Venue:
    return machine.gateway.venue


def _told(machine: Machine) -> None:
    """Let the hubs tell what happened."""
    machine.gateway.advance(machine.gateway.now)


def _answered(machine: Machine, answer: m.Envelope) -> object:
    _told(machine)
    return {
        "success": answer.success,
        "errorCode": answer.error_code,
        "errorMessage": answer.error_message,
        **({"orderId": answer.order_id} if isinstance(answer, m.PlaceAnswer) else {}),
    }


COMMANDS = (
    Command(
        "orders/list",
        Listed,
        "Orders, trades and positions as they really are.",
        listed,
        reads=True,
    ),
    Command("orders/fill", Fill, "Fill an order, or a part of it, whatever the market is.", fill),
    Command("orders/reject", Reject, "Refuse the next requests of a kind, as the venue.", reject),
    Command("orders/void", Void, "Take a half-turn back, as the exchange.", void),
    Command("orders/place", Place, "Place an order as another client of the account.", place),
    Command("orders/cancel", Cancel, "Cancel an order as another client.", cancel),
    Command("orders/close", Close, "Close a position as another client.", close),
)
