from __future__ import annotations

from topstepx.wire.routes import (
    CANCEL,
    CLOSE_CONTRACT,
    HUB_METHODS,
    LOGIN_APP,
    LOGIN_KEY,
    MODIFY,
    PARTIAL_CLOSE,
    PLACE,
    RETRIEVE_BARS,
    ROUTE_OF_PATH,
    ROUTES,
    Bucket,
    Safety,
)


def test_only_three_calls_may_act_twice_when_repeated() -> None:
    assert {route for route in ROUTES if route.safety is Safety.ONCE} == {
        PLACE,
        MODIFY,
        PARTIAL_CLOSE,
    }
    assert CANCEL.safety is CLOSE_CONTRACT.safety is Safety.REPEATABLE


def test_reads_are_reads() -> None:
    for route in ROUTES:
        searching = route.name.rsplit("/", maxsplit=1)[-1].startswith(
            ("search", "available", "retrieve", "query")
        )
        assert (route.safety is Safety.READ) == searching, route.name


def test_bars_have_their_own_budget() -> None:
    assert [route for route in ROUTES if route.bucket is Bucket.BARS] == [RETRIEVE_BARS]


def test_only_logins_go_without_a_token() -> None:
    assert {route for route in ROUTES if not route.wants_token} == {LOGIN_KEY, LOGIN_APP}


def test_paths_are_found_in_any_case() -> None:
    assert len(ROUTE_OF_PATH) == len(ROUTES) == 20
    assert ROUTE_OF_PATH["/api/order/v2/query"].path == "/api/Order/v2/query"
    for route in ROUTES:
        assert ROUTE_OF_PATH[route.path.lower()] is route
        assert route.method == "POST"


def test_every_hub_method_has_its_twin() -> None:
    for method in HUB_METHODS:
        assert method.unsubscribe == "Uns" + method.subscribe[1:]
        assert method.subscribe.startswith("SubscribeContract") == (method.hub == "market")
        assert method.event.startswith("GatewayUser") == (method.hub == "user")
    assert len({method.event for method in HUB_METHODS}) == len(HUB_METHODS) == 7
