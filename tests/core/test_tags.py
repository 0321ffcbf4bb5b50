"""Tags: unique, short, and safe on the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.tags import installation_code, intent_id, tag_of

TEN = st.binary(min_size=10, max_size=10)
FIVE = st.binary(min_size=5, max_size=5)
WHEN = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001  hypothesis adds the zone below
    datetime(2100, 1, 1),  # noqa: DTZ001  as above
    timezones=st.just(UTC),
)


@given(FIVE, TEN, WHEN)
def test_a_tag_fits_and_survives_folding_and_trimming(
    five: bytes, ten: bytes, at: datetime
) -> None:
    tag = tag_of(installation_code(five), intent_id(ten, at))
    assert re.fullmatch(r"T1[0-9A-Z]{34}", tag)
    assert tag.strip().upper() == tag


@given(TEN, TEN, WHEN)
def test_ids_differ_with_chance_and_sort_by_time(one: bytes, other: bytes, at: datetime) -> None:
    assert (intent_id(one, at) == intent_id(other, at)) == (one == other)
    assert intent_id(one, at) < intent_id(other, at + timedelta(milliseconds=2))


@pytest.mark.parametrize("chance", [b"", b"123", b"x" * 11])
def test_too_little_chance_is_a_mistake(chance: bytes) -> None:
    with pytest.raises(ValueError, match="bytes"):
        intent_id(chance, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="bytes"):
        installation_code(chance)
