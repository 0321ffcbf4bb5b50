from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sim_line import NOON
from topstepx.sim.calls import Call, SimUser, bearer


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("", None),
    ],
)
def test_bearer(header: str, token: str | None) -> None:
    assert bearer({"authorization": header}) == token


def test_a_call_at_another_time_is_the_same_call() -> None:
    call = Call("Order/place", {}, b"{}", NOON)
    later = call.at(NOON + timedelta(seconds=1))
    assert (later.route, later.body) == (call.route, call.body)
    assert later.now > call.now


def test_without_a_session_nobody_pretends() -> None:
    with pytest.raises(RuntimeError, match="Order/place"):
        _ = Call("Order/place", {}, b"", NOON).known_session


def test_no_secret_is_printed() -> None:
    call = Call("Auth/validate", {"authorization": "Bearer geheim"}, b"geheim", NOON, "geheim")
    assert "geheim" not in repr(call) + repr(SimUser("me", "geheim"))
