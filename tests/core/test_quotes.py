"""Quotes: sparse parts become a whole, and silence is never zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from topstepx.core.quotes import merged
from topstepx.wire.hub_events import Quote as Sparse

AT = datetime(2026, 8, 19, 20, 51, 31, tzinfo=UTC)


def test_absent_and_null_keep_what_was_said_before() -> None:
    first = merged(
        None,
        "C",
        Sparse(best_bid=Decimal(29547), best_ask=Decimal("29547.5"), volume=7, timestamp=AT),
    )
    second = merged(first, "C", Sparse(best_bid=Decimal("29547.25"), best_ask=None))
    assert (second.bid, second.ask, second.volume) == (Decimal("29547.25"), Decimal("29547.5"), 7)
    assert second.last is None
    assert second.spread == Decimal("0.25")
    assert second.mid == Decimal("29547.375")
    assert second.at == AT


def test_nothing_is_known_before_it_is_said() -> None:
    empty = merged(None, "C", Sparse())
    assert (empty.bid, empty.ask, empty.mid, empty.spread) == (None, None, None, None)


PARTS = st.one_of(st.just(UNSET), st.none(), st.decimals(1, 9, places=2))


@given(st.lists(st.tuples(PARTS, PARTS), max_size=12))
def test_the_whole_is_the_last_thing_said_of_each_part(
    updates: list[tuple[Decimal | None, Decimal | None]],
) -> None:
    quote = merged(None, "C", Sparse())
    bid = ask = None
    for new_bid, new_ask in updates:
        quote = merged(quote, "C", Sparse(best_bid=new_bid, best_ask=new_ask))
        bid = new_bid if isinstance(new_bid, Decimal) else bid
        ask = new_ask if isinstance(new_ask, Decimal) else ask
    assert (quote.bid, quote.ask) == (bid, ask)


def test_each_part_goes_to_its_own_place_and_is_kept_there() -> None:
    numbers = {
        "best_bid": "bid",
        "best_ask": "ask",
        "last_price": "last",
        "change": "change",
        "change_percent": "change_percent",
        "open": "open",
        "high": "high",
        "low": "low",
    }
    said: dict[str, Any] = {name: Decimal(place) for place, name in enumerate(numbers)}
    said |= {"volume": 0, "timestamp": AT, "last_updated": AT + timedelta(seconds=1)}
    whole = merged(None, "C", Sparse(**said))
    for theirs, ours in numbers.items():  # the first is zero, which is a price like any other
        assert getattr(whole, ours) == said[theirs], ours
    assert (whole.volume, whole.at, whole.updated_at) == (0, AT, AT + timedelta(seconds=1))
    assert merged(whole, "C", Sparse()) == whole
    zero = merged(whole, "C", Sparse(best_ask=Decimal(0), volume=0))
    assert (zero.ask, zero.volume) == (Decimal(0), 0)


MOMENTS = st.one_of(st.just(UNSET), st.none(), st.datetimes(timezones=st.just(UTC)))
SPARSE = st.builds(
    Sparse,
    **dict.fromkeys(
        ["best_bid", "best_ask", "last_price", "change", "change_percent", "open", "high", "low"],
        PARTS,
    ),
    volume=st.one_of(st.just(UNSET), st.none(), st.integers(0, 9)),
    timestamp=MOMENTS,
    last_updated=MOMENTS,
)


@given(SPARSE, st.lists(SPARSE, max_size=4))
def test_many_at_once_are_what_one_after_the_other_is(first: Sparse, later: list[Sparse]) -> None:
    quote = merged(None, "C", first)
    for update in later:
        quote = merged(quote, "C", update)
    assert merged(None, "C", first, *later) == quote


def test_a_quote_reads_as_a_trader_says_it() -> None:
    update = Sparse(best_bid=Decimal("29093.50"), last_price=Decimal("29093.75"))
    assert str(merged(None, "CON.F.US.MNQ.Z26", update)) == "MNQZ6 29093.50/?, last 29093.75"
