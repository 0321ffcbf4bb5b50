"""The log of one order: its beginning, its end, and an honest count of what lies between."""

from __future__ import annotations

import pytest

from tests.support.facts import ACCOUNT, at
from topstepx.desk.order_log import FIRST_KEPT, LAST_KEPT, OrderLog, missed_since
from topstepx.events import FactsLeftOut, OrderAnomaly

KEPT = FIRST_KEPT + LAST_KEPT


def fact(number: int) -> OrderAnomaly:
    return OrderAnomaly(at=at(number), account_id=ACCOUNT, order_id=7, what=str(number))


def log_of(count: int, about: int | str = 7) -> OrderLog:
    log = OrderLog(about)
    for number in range(count):
        log.note(fact(number))
    return log


def test_of_few_facts_all_are_kept() -> None:
    assert [one.at for one in log_of(KEPT).facts()] == [at(number) for number in range(KEPT)]
    assert log_of(KEPT).left_out == 0


def test_of_many_the_first_and_the_last_with_a_count_in_their_place() -> None:
    log = log_of(50_000)
    facts = log.facts()
    assert len(facts) == KEPT + 1
    gap = facts[FIRST_KEPT]
    assert isinstance(gap, FactsLeftOut)
    assert (gap.left_out, gap.order_id, gap.at) == (49_000, 7, at(50_000 - LAST_KEPT - 1))
    whats = [one.what for one in facts if isinstance(one, OrderAnomaly)]
    assert whats[:FIRST_KEPT] == [str(number) for number in range(FIRST_KEPT)]
    assert whats[FIRST_KEPT:] == [str(number) for number in range(50_000 - LAST_KEPT, 50_000)]
    assert log.noted == len(whats) + gap.left_out == 50_000
    (named,) = [one for one in log_of(KEPT + 1, "01A").facts() if isinstance(one, FactsLeftOut)]
    assert (named.left_out, named.intent_id, named.order_id) == (1, "01A", None)


@pytest.mark.parametrize(
    ("before", "noted", "missed"),
    [
        (0, KEPT, 0),
        (0, KEPT + 3, 3),
        (KEPT, KEPT + LAST_KEPT, 0),
        (KEPT, KEPT + LAST_KEPT + 2, 2),
        (10, KEPT + 1, 1),
        (KEPT + 5, KEPT + 5, 0),
    ],
)
def test_what_a_reader_has_missed(before: int, noted: int, missed: int) -> None:
    assert missed_since(before, noted) == missed
