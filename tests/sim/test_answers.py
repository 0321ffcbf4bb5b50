from __future__ import annotations

import pytest

from tests.support.sim_line import NOON
from topstepx.sim.answers import (
    GatewayAnswer,
    empty_answer,
    http_date,
    json_answer,
    problem_answer,
    text_answer,
)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/plain", "text/plain"),
        ("text/json;q=0.9, application/json", "text/json"),
        ("image/png", "application/json"),
    ],
)
def test_the_content_type_follows_accept(accept: str | None, content_type: str) -> None:
    headers = {} if accept is None else {"accept": accept}
    answer = json_answer({"a": 1}, headers)
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert answer.body == b'{"a":1}'


def test_empty_problem_and_text() -> None:
    assert empty_answer(429, retry_after="7").headers == {"retry-after": "7", "content-length": "0"}
    assert empty_answer(401).body == b""
    assert (
        problem_answer({"$": ["x"]}, "t")
        .headers["content-type"]
        .startswith("application/problem+json")
    )
    assert text_answer("pong").body == b"pong"


def test_a_promise_becomes_its_answer_and_tells() -> None:
    told = []
    promise = GatewayAnswer(ready=False, headers={"date": "now"})
    promise.on_ready = lambda: told.append(1)
    promise.become(GatewayAnswer(503, {"x": "y"}, b"no", deliver=False, hold_s=2))
    assert told == [1]
    assert promise.ready
    assert (promise.status, promise.body, promise.deliver, promise.hold_s) == (503, b"no", False, 2)
    assert promise.headers == {"date": "now", "x": "y"}


def test_the_date_header() -> None:
    assert http_date(NOON) == "Mon, 05 Jan 2026 15:00:00 GMT"
