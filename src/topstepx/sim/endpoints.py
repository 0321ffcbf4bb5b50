"""Which function answers which route, and which routes need no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topstepx.sim import rest_auth, rest_reference
from topstepx.sim.rest_trading import TRADING_ROUTES, ask_venue
from topstepx.wire import routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.calls import Call
    from topstepx.sim.gateway import Gateway
    from topstepx.wire.models import Envelope

    Endpoint = Callable[[Gateway, Call, dict[str, Any]], Envelope]

PING = "Status/ping"
ENDPOINTS: dict[str, Endpoint] = {
    routes.LOGIN_KEY.name: rest_auth.login_key,
    routes.LOGIN_APP.name: rest_auth.login_app,
    routes.VALIDATE.name: rest_auth.validate,
    routes.LOGOUT.name: rest_auth.log_out,
    routes.ACCOUNT_SEARCH.name: rest_reference.account_search,
    routes.CONTRACT_SEARCH.name: rest_reference.contract_search,
    routes.CONTRACT_AVAILABLE.name: rest_reference.contract_available,
    routes.CONTRACT_BY_ID.name: rest_reference.contract_by_id,
    routes.RETRIEVE_BARS.name: rest_reference.retrieve_bars,
    **dict.fromkeys((route.name for route in TRADING_ROUTES), ask_venue),
}
ROUTE_NAMES = (*ENDPOINTS, PING)
OPEN_TO_ALL = {routes.LOGIN_KEY.name, routes.LOGIN_APP.name, PING}
NAME_OF_PATH = {f"/api/{name}".lower(): name for name in ROUTE_NAMES}
