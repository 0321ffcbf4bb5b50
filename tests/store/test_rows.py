"""Rows in a chain: any change, gap or insertion is seen at its place."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ACCOUNT, at
from topstepx import errors, events
from topstepx.store.rows import GENESIS, Row, chained, entry_of, verified


def chain(length: int) -> list[Row]:
    entries = [
        entry_of(events.PollingStopped(account_id=ACCOUNT, at=at(number)), number)
        for number in range(1, length + 1)
    ]
    return list(chained(entries, after_seq=0, previous=GENESIS, writer="w"))


def test_a_row_is_its_fact_and_follows_the_one_before() -> None:
    one, two = chain(2)
    assert one.event() == events.PollingStopped(account_id=ACCOUNT, at=at(1))
    assert (one.seq, one.previous, one.kind, one.account_id) == (
        1,
        GENESIS,
        "PollingStopped",
        ACCOUNT,
    )
    assert (two.seq, two.previous) == (2, one.digest)
    assert list(verified([one, two])) == [one, two]
    assert list(verified([two], after_seq=1, previous=one.digest)) == [two]


@given(st.integers(0, 4), st.sampled_from(Row._fields))
def test_any_changed_column_is_seen_at_its_row(index: int, column: str) -> None:
    rows = chain(5)
    value = getattr(rows[index], column)
    other = value + 7 if isinstance(value, int) else str(value)[::-1] + "x"
    changes: dict[str, Any] = {column: other}
    rows[index] = rows[index]._replace(**changes)
    intact: list[Row] = []
    with pytest.raises(errors.RecordUnavailable, match="damaged"):
        intact.extend(verified(rows))
    assert list(verified(rows[:index])) == rows[:index]


@pytest.mark.parametrize("index", [0, 1, 3])
def test_a_missing_row_and_two_swapped_ones_are_seen(index: int) -> None:
    rows = chain(5)
    with pytest.raises(errors.RecordUnavailable, match=f"row {index + 1} is missing"):
        list(verified(rows[:index] + rows[index + 1 :]))
    swapped = [*rows]
    swapped[index], swapped[index + 1] = swapped[index + 1], swapped[index]
    with pytest.raises(errors.RecordUnavailable, match="damaged"):
        list(verified(swapped))


def test_a_row_made_up_whole_does_not_fit() -> None:
    rows = chain(3)
    forged = rows[1]._replace(body="{}")
    forged = forged._replace(digest=forged.expected_digest())
    with pytest.raises(errors.RecordUnavailable, match="row 3 does not follow row 2"):
        list(verified([rows[0], forged, rows[2]]))


def test_what_stands_before_the_damage_is_given_out() -> None:
    rows = chain(3)
    checked = verified([rows[0], rows[1], rows[2]._replace(body="{}")])
    assert [next(checked), next(checked)] == rows[:2]
    with pytest.raises(errors.RecordUnavailable, match=r"Rows 1 to 2 are intact"):
        next(checked)


def test_a_fact_of_another_version_is_named() -> None:
    (row,) = chain(1)
    strange = row._replace(
        kind="QuantumFluxed", body='{"kind":"QuantumFluxed","at":"2026-01-01T00:00:00Z"}'
    )
    with pytest.raises(
        errors.RecordUnavailable, match="Row 1 of the journal holds a QuantumFluxed"
    ):
        strange.event()


def test_a_body_is_json_for_any_tool() -> None:
    (row,) = chain(1)
    assert msgspec.json.decode(row.body)["account_id"] == ACCOUNT
