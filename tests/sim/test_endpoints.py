from __future__ import annotations

from topstepx.sim.endpoints import ENDPOINTS, NAME_OF_PATH, OPEN_TO_ALL, PING, ROUTE_NAMES
from topstepx.wire import routes


def test_every_route_of_the_wire_is_answered() -> None:
    known = {route.name for route in vars(routes).values() if isinstance(route, routes.Route)}
    assert known <= set(ROUTE_NAMES)
    assert set(ENDPOINTS) | {PING} == set(ROUTE_NAMES)


def test_paths_are_found_in_any_case_and_only_logins_and_the_ping_are_open() -> None:
    assert NAME_OF_PATH["/api/order/place"] == "Order/place"
    assert {"Auth/loginKey", "Auth/loginApp", "Status/ping"} == OPEN_TO_ALL
