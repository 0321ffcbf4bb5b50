"""The house's rules, as the venue's accounts meet them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.support.pit import ACCOUNT_ID, Pit, d
from topstepx.sim.venue.house import House, HouseRule

# The pit's day begins at 14:00 UTC on Wednesday, 19 August 2026: 09:00 in Chicago.
FLAT_AT = datetime(2026, 8, 19, 20, 9, 50, tzinfo=UTC)
ROLL_AT = datetime(2026, 8, 19, 22, 0, tzinfo=UTC)


class Ruled:
    """A pit with a rule, and a hand that lets both move."""

    def __init__(self, **rule: Any) -> None:  # noqa: ANN401  passed through by name
        self.pit = Pit(market_fill_ms=0)
        self.notes: list[str] = []
        whole = HouseRule(account_id=ACCOUNT_ID, start=d(150_000), **rule)
        self.house = House(self.pit.venue.floor, [whole], lambda _, text: self.notes.append(text))
        self.house.advance(self.pit.now)

    def price(self, bid: int) -> None:
        self.pit.quote(bid, str(Decimal(bid) + d("0.25")))
        self.pass_to(self.pit.now + timedelta(milliseconds=250))

    def pass_to(self, moment: datetime) -> None:
        """To a moment, looking only where something can happen: nothing moves on the way."""
        for mark in sorted({FLAT_AT, ROLL_AT, moment}):
            if self.pit.now < mark <= moment:
                self.house.looked_at = max(self.pit.now, mark - timedelta(milliseconds=1))
                self.pit.now = mark
                self.pit.venue.advance(mark)
                self.house.advance(mark)
                self.pit.venue.advance(mark)

    def can_trade(self) -> bool:
        return self.pit.account.can_trade


def test_the_daily_loss_counts_what_is_open_and_ends_with_the_day() -> None:
    ruled = Ruled(daily_loss=d(100))
    ruled.pit.buy(10)
    ruled.price(96)
    assert ruled.can_trade()
    ruled.price(95)
    assert not ruled.can_trade()
    assert ruled.pit.net == 0
    assert "daily loss" in ruled.notes[-1]
    ruled.pass_to(ROLL_AT)
    assert ruled.can_trade()
    assert "rolls to 2026-08-20" in ruled.notes[-1]


def test_the_maximum_loss_is_for_ever() -> None:
    ruled = Ruled(max_loss=d(50))
    ruled.pit.buy(10)
    ruled.price(98)
    assert not ruled.can_trade()
    ruled.pass_to(ROLL_AT)
    assert not ruled.can_trade()
    assert ruled.house.standings[ACCOUNT_ID].failed


def test_the_floor_rises_with_the_close_of_the_day_up_to_the_start() -> None:
    ruled = Ruled(max_loss=d(2000))
    assert ruled.house.floor_of(ACCOUNT_ID) == d(148_000)
    ruled.pit.venue.adjust_balance(ACCOUNT_ID, d(500), ruled.pit.now)
    assert ruled.house.floor_of(ACCOUNT_ID) == d(148_000)
    ruled.pass_to(ROLL_AT)
    assert ruled.house.floor_of(ACCOUNT_ID) == d(148_500)
    ruled.pit.venue.adjust_balance(ACCOUNT_ID, d(5000), ruled.pit.now)
    ruled.house.looked_at = ROLL_AT + timedelta(days=1) - timedelta(milliseconds=1)
    ruled.house.advance(ROLL_AT + timedelta(days=1))
    assert ruled.house.floor_of(ACCOUNT_ID) == d(150_000)


def test_everybody_is_flat_before_ten_past_three_and_may_trade_again_at_five() -> None:
    ruled = Ruled()
    ruled.pit.buy(2)
    ruled.pass_to(FLAT_AT - timedelta(seconds=1))
    assert ruled.pit.net == 2
    ruled.pass_to(FLAT_AT)
    assert (ruled.pit.net, ruled.can_trade()) == (0, False)
    ruled.pass_to(ROLL_AT)
    assert ruled.can_trade()


def test_friday_afternoon_lasts_until_sunday_evening() -> None:
    ruled = Ruled()
    friday = FLAT_AT + timedelta(days=2)
    ruled.house.looked_at = friday - timedelta(seconds=1)
    ruled.house.advance(friday)
    assert not ruled.can_trade()
    ruled.house.advance(friday + timedelta(hours=3))
    assert not ruled.can_trade()
    ruled.house.advance(ROLL_AT + timedelta(days=4))
    assert ruled.can_trade()


def test_without_rules_it_never_asks_to_be_woken() -> None:
    pit = Pit()
    house = House(pit.venue.floor, (), lambda *_: None)
    house.advance(pit.now)
    assert house.next_at(pit.now) is None
