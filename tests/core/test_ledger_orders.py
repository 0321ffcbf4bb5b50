"""One order, merged from many reports."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ORDERS, START, at, order
from topstepx import events
from topstepx.core.ledger_orders import OrderBelief, OrderChanged, OrderEntry
from topstepx.core.merge import fresher, heard
from topstepx.wire.enums import OrderStatus, Side


def seen(*reports: dict[str, Any]) -> OrderBelief:
    """The belief after reports, each a second later than the one before unless it says otherwise."""
    entry = OrderEntry()
    for second, report in enumerate(reports):
        moment = at(report.pop("seconds", second))
        parts = {"update_timestamp": moment} | report
        entry.apply(events.OrderObserved(order=order(1, **parts), at=moment), None)
    assert entry.belief is not None
    return entry.belief


def test_filled_then_open_stays_filled() -> None:
    belief = seen(
        {"status": OrderStatus.FILLED, "fill_volume": 2, "seconds": 5},
        {"status": OrderStatus.OPEN, "seconds": 1},
        {"status": OrderStatus.OPEN, "seconds": 9},
    )
    assert belief.status is OrderStatus.FILLED
    assert (belief.is_working, belief.filled, belief.remaining) == (False, 2, 0)
    assert belief.anomalies == ()


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (OrderStatus.PENDING, OrderStatus.OPEN),
        (OrderStatus.SUSPENDED, OrderStatus.OPEN),
        (OrderStatus.OPEN, OrderStatus.PENDING_CANCELLATION),
        (OrderStatus.NONE, OrderStatus.PENDING),
    ],
)
def test_within_one_update_the_rank_decides(earlier: OrderStatus, later: OrderStatus) -> None:
    first, second = {"status": earlier, "seconds": 1}, {"status": later, "seconds": 1}
    assert seen(dict(first), dict(second)).status is later
    assert seen(dict(second), dict(first)).status is later


def test_a_cancel_that_the_gateway_gave_up_is_open_again() -> None:
    belief = seen({"status": OrderStatus.PENDING_CANCELLATION}, {"status": OrderStatus.OPEN})
    assert belief.status is OrderStatus.OPEN


def test_an_unknown_status_is_kept_and_counts_as_live() -> None:
    belief = seen({"status": OrderStatus.OPEN}, {"status": OrderStatus(42)})
    assert belief.status == 42
    assert belief.is_working
    assert seen({"status": OrderStatus(42)}, {"status": OrderStatus.CANCELLED}).is_terminal


def test_an_older_update_changes_no_price() -> None:
    belief = seen(
        {"limit_price": Decimal(5), "seconds": 5}, {"limit_price": Decimal(4), "seconds": 4}
    )
    assert belief.order.limit_price == 5


def test_a_part_that_is_left_out_is_not_forgotten() -> None:
    belief = seen({"custom_tag": "T1A", "symbol_id": "F.US.MNQ"}, {"limit_price": None})
    assert (belief.order.custom_tag, belief.order.symbol_id) == ("T1A", "F.US.MNQ")
    assert belief.order.limit_price == Decimal("21503.25")


def test_the_average_price_goes_with_the_volume() -> None:
    belief = seen(
        {"fill_volume": 2, "filled_price": Decimal(20), "seconds": 1},
        {"fill_volume": 1, "filled_price": Decimal(10), "seconds": 2},
    )
    assert (belief.filled, belief.order.filled_price) == (2, Decimal(20))


def test_contradictions_are_named_and_the_fill_is_believed() -> None:
    belief = seen({"status": OrderStatus.CANCELLED}, {"status": OrderStatus.FILLED})
    assert belief.status is OrderStatus.FILLED
    assert belief.anomalies == ("two endings",)
    assert seen({"fill_volume": 3}).anomalies == ("overfilled",)
    assert seen({}, {"side": Side.SELL}).anomalies == ("identity changed",)


def test_a_repeated_report_only_refreshes_the_age() -> None:
    entry = OrderEntry()
    report = events.OrderObserved(order=order(1), at=at(0), source="hub")
    assert entry.apply(report, 0) is not None
    again = events.OrderObserved(order=order(1), at=at(30))
    assert entry.apply(again, 30 * 10**9) is None
    assert entry.belief is not None
    assert (entry.belief.as_of, entry.belief.source) == (at(30), "rest")
    assert entry.belief.age_s(31 * 10**9) == 1.0


class EveryPart(OrderEntry):
    """Merges every report part by part, also where one look says that the report is the belief."""

    def apply(self, event: events.OrderObserved, now_ns: int | None) -> OrderChanged | None:
        before = self.belief
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        self._merge(event)
        self.belief = self._merged(event.order.id, age)
        return None if before == self.belief else OrderChanged(before, self.belief)


def _in_turn(drawn: list[tuple[Any, int | None, bool, bool]]) -> list[events.OrderObserved]:
    """Reports of one order: mostly each newer than the one before, as gateways tell them."""
    facts: list[events.OrderObserved] = []
    for index, (report, step, repeats, replayed) in enumerate(drawn):
        told = msgspec.structs.replace(report, id=1)
        if step is not None:
            updated = START + timedelta(seconds=index + step)
            told = msgspec.structs.replace(told, update_timestamp=updated, fill_volume=index // 3)
        if repeats and facts:
            told = facts[-1].order
        origin: events.Origin = "replayed" if replayed else "live"
        moment = at(index if step is None else index + step)
        facts.append(events.OrderObserved(order=told, at=moment, origin=origin))
    return facts


@given(
    st.lists(
        st.tuples(ORDERS, st.sampled_from([0, 0, 0, -2, None]), st.booleans(), st.booleans()),
        max_size=7,
    ).map(_in_turn)
)
def test_a_report_that_is_the_belief_is_what_merging_all_parts_gives(
    facts: list[events.OrderObserved],
) -> None:
    quick, slow = OrderEntry(), EveryPart()
    for number, fact in enumerate(facts):
        one, other = quick.apply(fact, number), slow.apply(fact, number)
        assert (one is None) == (other is None)
        assert quick.belief is not None
        assert slow.belief is not None
        assert quick.belief == slow.belief
        assert quick.belief.freshness == slow.belief.freshness
