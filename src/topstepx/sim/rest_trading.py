"""`Order/*`, `Position/*` and `Trade/search`: what the venue is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.wire import models as m
from topstepx.wire.routes import (
    CANCEL,
    CLOSE_CONTRACT,
    MODIFY,
    ORDER_BY_ID,
    ORDER_QUERY,
    ORDER_SEARCH,
    ORDER_SEARCH_OPEN,
    PARTIAL_CLOSE,
    PLACE,
    POSITION_SEARCH_OPEN,
    TRADE_SEARCH,
    Route,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.sim.calls import Call
    from topstepx.sim.gateway import Gateway
    from topstepx.sim.venue import Venue

# No account has this number, so the venue answers for it as for any that does not exist.
_NOBODY = -1

_ASKED: dict[
    str, tuple[type[m.Request], Callable[[Venue], Callable[[Any, datetime], m.Envelope]]]
] = {
    PLACE.name: (m.PlaceRequest, lambda venue: venue.place),
    MODIFY.name: (m.ModifyRequest, lambda venue: venue.modify),
    CANCEL.name: (m.CancelRequest, lambda venue: venue.cancel),
    CLOSE_CONTRACT.name: (m.CloseContractRequest, lambda venue: venue.close_contract),
    PARTIAL_CLOSE.name: (m.PartialCloseRequest, lambda venue: venue.partial_close),
    ORDER_SEARCH.name: (m.OrderSearchRequest, lambda venue: venue.orders),
    ORDER_SEARCH_OPEN.name: (m.OrderSearchOpenRequest, lambda venue: venue.open_orders),
    ORDER_QUERY.name: (m.OrderQueryRequest, lambda venue: venue.query),
    ORDER_BY_ID.name: (m.OrderByIdRequest, lambda venue: venue.order_by_id),
    POSITION_SEARCH_OPEN.name: (m.PositionSearchOpenRequest, lambda venue: venue.positions),
    TRADE_SEARCH.name: (m.TradeSearchRequest, lambda venue: venue.trades),
}

TRADING_ROUTES: tuple[Route[Any, Any], ...] = (
    PLACE,
    MODIFY,
    CANCEL,
    CLOSE_CONTRACT,
    PARTIAL_CLOSE,
    ORDER_SEARCH,
    ORDER_SEARCH_OPEN,
    ORDER_QUERY,
    ORDER_BY_ID,
    POSITION_SEARCH_OPEN,
    TRADE_SEARCH,
)


def ask_venue(gateway: Gateway, call: Call, body: dict[str, Any]) -> m.Envelope:
    """The venue's answer, with the market of the contract running and foreign accounts unseen."""
    request_type, method = _ASKED[call.route]
    if contract_id := body.get("contractId"):
        gateway.market.start(contract_id, call.now)
    _hide_foreign(gateway, call, body)
    request = msgspec.convert(body, request_type)
    return method(gateway.venue)(request, call.now)


def _hide_foreign(gateway: Gateway, call: Call, body: dict[str, Any]) -> None:
    part = body["filter"] if call.route == ORDER_QUERY.name else body
    if not gateway.owns_account(call.known_session.user_name, part["accountId"]):
        part["accountId"] = _NOBODY
