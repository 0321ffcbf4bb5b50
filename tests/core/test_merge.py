"""Keys, ages and sources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from tests.support.facts import ACCOUNT, at
from topstepx import events
from topstepx.core.merge import (
    NOTHING,
    Freshness,
    RowOrder,
    earliest,
    fresher,
    heard,
    later,
    told,
)
from topstepx.events import ListRead


def test_something_beats_nothing_whatever_the_time() -> None:
    assert later(told(None, at(9)), told(1, at(0)))[1] == 1
    assert later(NOTHING, told(1, at(0)))[1] == 1


def test_later_beats_earlier_and_ties_go_by_the_value() -> None:
    early, late = told(Decimal(9), at(0)), told(Decimal(1), at(1))
    assert later(early, late) == later(late, early) == late
    one, other = told(Decimal(1), at(0)), told(Decimal(2), at(0))
    assert later(one, other) == later(other, one) == other


def test_the_earliest_moment_is_kept() -> None:
    first = earliest(None, at(5))
    assert earliest(first, at(6))[1] == at(5)
    assert earliest(first, at(4))[1] == at(4)


def test_age_is_measured_on_the_monotonic_clock() -> None:
    read = heard(events.ListRead(what="orders", account_id=ACCOUNT, at=at(0)), 5_000_000_000)
    assert read.age_s(7_500_000_000) == 2.5
    assert read.age_s(1) == 0.0


def test_the_journals_word_has_no_age_and_yields() -> None:
    replayed = heard(
        events.ListRead(what="orders", account_id=ACCOUNT, at=at(0), origin="replayed"), 5
    )
    assert replayed == Freshness(at(0), "journal", None)
    live = Freshness(at(0), "hub", 5)
    assert fresher(replayed, live) == fresher(live, replayed) == live
    assert fresher(None, replayed) == replayed
    assert fresher(live, Freshness(at(1), "hub", 9)).as_of == at(1)


def test_reports_of_a_run_whose_clock_was_set_back_come_after_those_of_the_run_before() -> None:
    order = RowOrder()
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def read(when: datetime, origin: Literal["live", "replayed"] = "replayed") -> ListRead:
        return ListRead(at=when, what="accounts", origin=origin, source="rest")

    order.run_begins(noon)
    assert order.placed(read(noon)).at == noon
    assert order.placed(read(noon + timedelta(seconds=9))).at == noon + timedelta(seconds=9)
    order.run_begins(noon - timedelta(hours=1))
    first = order.placed(read(noon - timedelta(hours=1))).at
    second = order.placed(read(noon - timedelta(hours=1) + timedelta(seconds=2))).at
    assert noon + timedelta(seconds=9) < first < second
    assert second - first == timedelta(seconds=2)
    now = read(noon - timedelta(hours=1), "live")
    assert order.placed(now) is now
