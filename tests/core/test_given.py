"""Keys, labels and time-outs, refused where they come in."""

from __future__ import annotations

import pytest

from topstepx.core.given import NAME_LENGTH_MAX, check_time, check_wait, named
from topstepx.errors import InvalidRequest


@pytest.mark.parametrize("field", ["key", "label"])
@pytest.mark.parametrize(
    ("name", "step"),
    [
        (5, 'Write it as a string: "5".'),
        ("", "Give a name"),
        ("  ", "Give a name"),
        ("k" * 201, "Shorten"),
        ("k\ud800", "Take out the lone surrogate"),
    ],
)
def test_what_names_an_order(field: str, name: object, step: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        named(field, name)
    assert refused.value.field == field
    assert refused.value.next_step.startswith(step)
    assert named(field, "k" * NAME_LENGTH_MAX)


@pytest.mark.parametrize("seconds", ["3", True, -1, float("nan"), object()])
def test_a_wait_is_a_number_of_seconds(seconds: object) -> None:
    with pytest.raises(InvalidRequest, match="is a number of seconds"):
        check_wait("timeout", seconds)


def test_a_wait_may_have_no_end() -> None:
    for seconds in (None, 0, 2.5, float("inf")):
        check_wait("timeout", seconds)


@pytest.mark.parametrize("seconds", ["3", None, True, -1, float("nan"), float("inf")])
def test_a_time_ends(seconds: object) -> None:
    with pytest.raises(InvalidRequest, match="is a number of seconds"):
        check_time("max_age_s", seconds)
    check_time("max_age_s", 0)
