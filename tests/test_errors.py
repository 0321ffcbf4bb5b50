"""The whole tree of errors: each leaf answers the same questions, and docs/errors.md says the same."""

from __future__ import annotations

import inspect
from decimal import Decimal
from typing import Any

import pytest

from tests.support.errors_page import PAGE, classes, page
from topstepx import errors
from topstepx.core.outcome import Verdict
from topstepx.errors import AnswerUnusable, GatewayRefused, OrderRefused, TopstepxError
from topstepx.net.auth import judge_answer
from topstepx.net.rest import Sent, error_of
from topstepx.net.transport import HttpAnswer
from topstepx.wire import routes
from topstepx.wire.refusals import TABLES
from topstepx.wire.routes import ROUTES, Route, Safety

_VALUES: dict[str, Any] = {
    "message": "something.",
    "field": "size",
    "value": 0,
    "rule": "must be positive.",
    "next_step": "Give 1.",
    "price": Decimal("1.1"),
    "tick_size": Decimal("0.25"),
    "below": Decimal("1.00"),
    "above": Decimal("1.25"),
    "name": "MNQ",
    "near": ("MNQ", "NQ"),
    "mode": "HALTED",
    "causes": ("killed",),
    "limit": "contracts_max",
    "order": None,
    "left": ("an order",),
    "remaining": (),
    "hub": "user",
    "status": 503,
    "stream": "quotes",
    "missed": 7,
    "what": "the position in MNQZ6",
    "age_s": 31.0,
    "max_age_s": 20.0,
    "source": "poll",
    "route": "Order/place",
    "code": 2,
    "meaning": "refused",
}


def made(kind: type[TopstepxError]) -> TopstepxError:
    """One of this kind, with whatever it must be given."""
    chosen = kind if kind is not OrderRefused else GatewayRefused
    wanted = inspect.signature(chosen.__init__).parameters.values()
    needed = {
        each.name: _VALUES[each.name]
        for each in list(wanted)[1:]
        if each.default is inspect.Parameter.empty and each.kind is not each.VAR_KEYWORD
    }
    return kind(**needed)


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_error_answers_the_same_questions(kind: type[TopstepxError]) -> None:
    error = made(kind)
    assert error.did_it_happen in {"no", "unknown"}
    assert error.meaning
    assert error.meaning[-1] not in ".!", "a sentence is made of it"
    assert error.next_step.endswith((".", "?"))
    assert error.retry_after_s is None
    assert str(error)
    assert repr(error)
    for name in ("route", "status", "code", "name", "gateway_text"):
        assert hasattr(error, name)
    assert kind.__doc__


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_error_is_drawn_in_the_tree(kind: type[TopstepxError]) -> None:
    assert f" {kind.__name__} " in f" {(errors.__doc__ or '').replace(chr(10), ' ')} "


def test_only_what_may_have_happened_says_unknown() -> None:
    unknown = {kind.__name__ for kind in classes() if kind.did_it_happen == "unknown"}
    assert {"AnswerLost", "AnswerUnusable", "OrderUnresolved"} <= unknown
    assert not unknown & {"OrderRefused", "NotSent", "RateLimited", "BreakerOpen", "GatewayBusy"}


def test_the_page_says_the_same() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.support.errors_page"


# ---------------------------------------------------------------- answers become errors


def raised(route: Route[Any, Any], status: int, body: bytes) -> TopstepxError:
    outcome = judge_answer(route, HttpAnswer(status, {}, body))
    assert outcome.verdict is not Verdict.ACCEPTED
    return error_of(route, Sent(outcome))


def refusal(code: object, text: str | None = None, more: str = "") -> bytes:
    said = "null" if text is None else f'"{text}"'
    return f'{{"success":false,"errorCode":{code},"errorMessage":{said}{more}}}'.encode()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_code_of_every_endpoint(route: Route[Any, Any]) -> None:
    for row in TABLES[route.errors]:
        error = raised(route, 200, refusal(row.code, "because \\u001b[31m of it\\u202e"))
        assert (error.route, error.code, error.name) == (route.name, row.code, row.name)
        assert (error.meaning, error.gateway_text) == (row.meaning, "because [31m of it")
        assert row.name in str(error)
        assert "because [31m of it" in str(error)
        definite = row.outcome == "definite"
        assert isinstance(error, GatewayRefused) is definite
        certain = definite or route.safety is Safety.READ
        assert error.did_it_happen == ("no" if certain else "unknown")
        assert error.next_step in str(error)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("code", [99, 2**31, -1])
def test_an_unknown_code_keeps_its_number(route: Route[Any, Any], code: int) -> None:
    error = raised(route, 200, refusal(code, "new words"))
    assert isinstance(error, AnswerUnusable)
    assert (error.code, error.name, error.gateway_text) == (code, f"Unknown{code}", "new words")
    assert str(code) in str(error)
    assert error.did_it_happen == ("no" if route.safety is Safety.READ else "unknown")


def test_a_refused_place_that_carries_an_order_id_is_a_refusal() -> None:
    error = raised(routes.PLACE, 200, refusal(2, "Invalid price", ',"orderId":4711'))
    assert isinstance(error, OrderRefused)
    assert (error.order_id, error.did_it_happen) == (4711, "no")


def test_a_400_names_the_field() -> None:
    body = (
        b'{"title":"One or more validation errors occurred.","status":400,"errors":'
        b'{"$.size":["The JSON value could not be converted to System.Int32.\\u0007"]}}'
    )
    error = raised(routes.PLACE, 400, body)
    assert isinstance(error, OrderRefused)
    assert "$.size" in str(error)
    assert "\x07" not in str(error)
    assert (error.status, error.did_it_happen) == (400, "no")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b"<html><h1>Bad Gateway</h1></html>"),
        (504, b""),
        (500, b'{"title":"An error occurred"}'),
        (302, b""),
        (200, b""),
        (200, b'{"success":true,"errorCode":0,"orderId":12'),
        (200, b'{"success":true,"errorCode":2,"orderId":12}'),
        (200, b'{"success":false,"errorCode":0}'),
        (200, b'{"errorCode":0,"orderId":12}'),
        (200, b"[]"),
        (200, b"null"),
        (403, b"<html>blocked</html>"),
    ],
)
@pytest.mark.parametrize(
    "route",
    [
        routes.PLACE,
        routes.MODIFY,
        routes.CANCEL,
        routes.CLOSE_CONTRACT,
        routes.PARTIAL_CLOSE,
        routes.POSITION_SEARCH_OPEN,
    ],
    ids=lambda route: route.name,
)
def test_what_proves_nothing_is_neither_yes_nor_no(
    route: Route[Any, Any], status: int, body: bytes
) -> None:
    error = raised(route, status, body)
    assert type(error) is AnswerUnusable
    assert (error.route, error.status) == (route.name, status)
    assert error.did_it_happen == ("no" if route.safety is Safety.READ else "unknown")
    assert error.next_step in str(error)


@pytest.mark.parametrize("missing", ["", ',"orderId":null', ',"orderId":0', ',"orderId":-5'])
def test_an_accepted_order_without_its_id_is_unknown(missing: str) -> None:
    error = raised(
        routes.PLACE, 200, f'{{"success":true,"errorCode":0,"errorMessage":null{missing}}}'.encode()
    )
    assert type(error) is AnswerUnusable
    assert error.did_it_happen == "unknown"
