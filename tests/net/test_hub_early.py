"""What the second line of a market hub tells before it counts: books, quotes, and a tape without a seam."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from topstepx.core.signalr import Invocation
from topstepx.net import hub_early
from topstepx.net.hub_early import Early
from topstepx.wire.enums import DomType, TradeLogType
from topstepx.wire.hub_models import Depth, DepthRow, Quote, QuoteUpdate, TapeTrade, TapeUpdate

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def depth(contract_id: str, kind: DomType, price: int = 1) -> Depth:
    row = DepthRow(timestamp=AT, type=kind, price=Decimal(price), volume=1)
    return Depth(contract_id, (row,))


def begun() -> Early:
    early = Early()
    early.begin()
    return early


def tape(*numbers: int) -> TapeUpdate:
    """Trades by number, told together."""
    return TapeUpdate(
        "A",
        tuple(
            TapeTrade(
                price=Decimal(7), timestamp=AT + timedelta(0, one), type=TradeLogType.BUY, volume=1
            )
            for one in numbers
        ),
    )


def numbers(events: object) -> list[int]:
    assert isinstance(events, (list, tuple))
    return [round((trade.timestamp - AT).total_seconds()) for one in events for trade in one.trades]


def test_each_book_is_kept_from_its_last_reset_on_and_quotes_from_the_first() -> None:
    early = begun()
    bid = QuoteUpdate("A", Quote(best_bid=Decimal(5)))
    whole, after = depth("A", DomType.RESET), depth("A", DomType.BID, 2)
    other = depth("B", DomType.RESET)
    early.keep([depth("A", DomType.BID), depth("A", DomType.RESET), bid, depth("A", DomType.ASK)])
    early.keep([whole, depth("C", DomType.BID), other, after])
    assert early.take() == (bid, whole, other, after)
    assert early.take() == ()


def test_a_record_that_cannot_be_read_spoils_it_and_so_does_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    early = begun()
    early.keep([depth("A", DomType.RESET)])
    early.hear(Invocation("GatewayDepth", (msgspec.Raw(b"7"),)))
    early.keep([depth("A", DomType.RESET)])
    assert early.take() == ()
    monkeypatch.setattr(hub_early, "_KEPT_MAX", 2)
    early = begun()
    early.keep([depth("A", DomType.RESET), depth("A", DomType.BID)])
    early.keep([depth("A", DomType.BID)])
    assert early.take() == ()
    early = begun()
    early.keep([tape(1, 2, 3)])
    assert early.take() == ()


@pytest.mark.parametrize("ahead", ["first", "second", "neither"])
@pytest.mark.parametrize("joins_at", [1, 4, 6])
def test_a_trade_of_the_tape_is_told_once_whichever_line_is_ahead(
    ahead: str, joins_at: int
) -> None:
    early = begun()
    first_has = 8 if ahead == "first" else 6
    second_has = 8 if ahead == "second" else 6
    told: list[int] = []
    for one in range(1, first_has + 1):
        told += numbers(early.passing([tape(one)]))
    early.keep([tape(*range(joins_at, second_has + 1))])
    told += numbers(early.take())
    told += numbers(early.passing([tape(second_has + 1, second_has + 2)]))
    told += numbers(early.passing([tape(11), tape(12)]))
    assert told[-2:] == [11, 12]
    assert told == sorted(set(told)), "none twice"
    assert told == [*range(1, max(first_has, second_has + 2) + 1), 11, 12], "and none missing"


@pytest.mark.parametrize("behind", [0, 10, -10])
def test_thousands_of_trades_while_it_moves_are_told_once_too(behind: int) -> None:
    early, until = begun(), 3000
    told = numbers([*early.passing([tape(*range(until))])])
    early.keep([tape(*range(100, until - behind))])
    told += numbers(early.take())
    told += numbers(early.passing([tape(*range(until - behind, until + 20))]))
    assert told == [*range(until + 20)]


def test_a_second_line_that_said_nothing_yet_is_laid_upon_the_first_when_it_speaks() -> None:
    early = begun()
    early.passing([tape(1, 2, 3, 4)])
    assert early.take() == ()
    assert numbers(early.passing([tape(3)])) == []
    assert numbers(early.passing([tape(4, 5), tape()])) == [5]
    assert early.is_busy


def test_twins_of_one_moment_are_told_as_often_as_they_came() -> None:
    early = begun()
    early.passing([tape(1, 1, 1, 2)])
    early.keep([tape(1, 1, 2, 2)])
    assert numbers(early.take()) == [2]
    assert numbers(early.passing([tape(2, 3)])) == [2, 3]


def test_after_a_while_nothing_is_looked_at_any_more() -> None:
    early = begun()
    early.passing([tape(1)])
    early.take()
    for _ in range(2_000):
        assert early.is_busy
        early.passing([depth("A", DomType.BID)])
    assert not early.is_busy
