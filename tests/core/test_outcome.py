"""Verdicts: only evidence moves a call out of UNKNOWN."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.outcome import Verdict, judge, problem_text
from topstepx.wire import models, routes
from topstepx.wire.refusals import TABLES

PLACE = routes.PLACE


def _place(**parts: Any) -> models.PlaceAnswer:  # noqa: ANN401  the parts of an answer
    return models.PlaceAnswer(**parts)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (_place(success=True, error_code=0, order_id=5), Verdict.ACCEPTED),
        (_place(success=True, error_code=0, order_id=None), Verdict.UNKNOWN),
        (_place(success=True, error_code=0, order_id=0), Verdict.UNKNOWN),
        (_place(success=True, error_code=0, order_id=-1), Verdict.UNKNOWN),
        (_place(success=True, error_code=2, order_id=5), Verdict.UNKNOWN),
        (_place(success=False, error_code=0, order_id=5), Verdict.UNKNOWN),
        (_place(error_code=0, order_id=5), Verdict.UNKNOWN),
        (_place(success=True, order_id=5), Verdict.UNKNOWN),
        (_place(success=False, error_code=2, order_id=5), Verdict.REFUSED),
        (_place(success=False, error_code=8), Verdict.REFUSED),
        (_place(success=False, error_code=6), Verdict.UNKNOWN),
        (_place(success=False, error_code=7), Verdict.UNKNOWN),
        (_place(success=False, error_code=99), Verdict.UNKNOWN),
        (None, Verdict.UNKNOWN),
    ],
)
def test_a_200_is_what_its_envelope_proves(
    answer: models.PlaceAnswer | None, verdict: Verdict
) -> None:
    assert judge(PLACE, 200, answer, None).verdict is verdict


@pytest.mark.parametrize(
    ("status", "problem", "verdict"),
    [
        (400, "size: required", Verdict.REFUSED),
        (400, None, Verdict.UNKNOWN),
        (401, None, Verdict.NOT_EXECUTED),
        (403, "no", Verdict.REFUSED),
        (404, None, Verdict.UNKNOWN),
        (408, "late", Verdict.UNKNOWN),
        (429, None, Verdict.NOT_EXECUTED),
        (307, None, Verdict.UNKNOWN),
        (204, None, Verdict.UNKNOWN),
        (500, "boom", Verdict.UNKNOWN),
        (502, None, Verdict.UNKNOWN),
        (503, None, Verdict.UNKNOWN),
    ],
)
def test_other_statuses(status: int, problem: str | None, verdict: Verdict) -> None:
    assert judge(PLACE, status, None, problem).verdict is verdict


@given(
    st.integers(100, 599),
    st.one_of(
        st.none(),
        st.builds(
            models.PlaceAnswer,
            success=st.booleans(),
            error_code=st.integers(-1, 100),
            order_id=st.one_of(st.none(), st.integers(-5, 5)),
        ),
    ),
    st.one_of(st.none(), st.just("a problem")),
)
def test_accepted_and_refused_are_never_given_without_their_evidence(
    status: int, answer: models.PlaceAnswer | None, problem: str | None
) -> None:
    outcome = judge(PLACE, status, answer if status == 200 else None, problem)
    if outcome.verdict is Verdict.ACCEPTED:
        assert status == 200
        assert answer is not None
        assert (answer.success, answer.error_code) == (True, 0)
        assert (answer.order_id or 0) > 0
    if outcome.verdict is Verdict.REFUSED and status == 200:
        assert answer is not None
        assert answer.success is False
        rows = [row for row in TABLES[PLACE.errors] if row.code == answer.error_code]
        assert [row.outcome for row in rows] == ["definite"]
    if status >= 500 or 300 <= status < 400:
        assert outcome.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        (routes.POSITION_SEARCH_OPEN, models.PositionsAnswer(success=True, error_code=0)),
        (
            routes.POSITION_SEARCH_OPEN,
            models.PositionsAnswer(success=True, error_code=0, positions=None),
        ),
        (routes.ORDER_BY_ID, models.OrderAnswer(success=True, error_code=0, order=None)),
        (routes.LOGIN_KEY, models.TokenAnswer(success=True, error_code=0, token="")),
    ],
)
def test_a_success_without_its_part_is_unknown_never_empty(
    route: Any,  # noqa: ANN401  rows of different types
    answer: models.Envelope,
) -> None:
    outcome = judge(route, 200, answer, None)
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.breaks_contract


def test_an_empty_list_is_an_answer() -> None:
    answer = models.PositionsAnswer(success=True, error_code=0, positions=[])
    assert judge(routes.POSITION_SEARCH_OPEN, 200, answer, None).verdict is Verdict.ACCEPTED


def test_only_the_gateway_breaking_its_word_counts_against_it() -> None:
    refused = _place(success=False, error_code=2, order_id=5)
    assert not judge(PLACE, 200, refused, None).breaks_contract
    assert not judge(PLACE, 401, None, None).breaks_contract
    assert not judge(PLACE, 429, None, None).breaks_contract
    assert judge(PLACE, 200, None, "not JSON").breaks_contract
    assert judge(PLACE, 200, _place(success=True, error_code=2), None).breaks_contract


def test_problem_details_name_the_field_and_nothing_else() -> None:
    body = (
        b'{"title":"One or more validation errors occurred.","status":400,"errors":'
        b'{"$.size":["The JSON value could not be converted."]},"traceId":"00-abc"}'
    )
    assert problem_text(body) == (
        "One or more validation errors occurred. $.size: The JSON value could not be converted."
    )
    assert problem_text(b"") is None
    assert problem_text(b"<html>502</html>") is None
    assert problem_text(b"[" * 100_000) is None
    assert problem_text(b'{"title":5}') is None
