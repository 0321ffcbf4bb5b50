"""The house's own rules: loss limits, the hour by which everybody is flat, the next trading day.

The gateway tells none of this (verified: an account row has a balance and `canTrade`, no limits), so a
client learns of it as it does live: its orders are cancelled, its position is closed, `canTrade` turns
false. The figures are Topstep's published ones; that an intraday breach is judged at the price at
which the position could be closed, and that a flattened account is locked until 17:00 Chicago, is
assumed.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from topstepx.sim.calendar import chicago, trading_day, trading_day_end
from topstepx.sim.venue import interventions
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.positions import Position

FLAT_BEFORE = timedelta(seconds=10)
"""The platform flattens about ten seconds before the hour (documented)."""
FLAT_BY = time(15, 10)
_LOOK_EVERY = timedelta(milliseconds=250)
_SATURDAY = 5
_ZERO = Decimal(0)


class HouseRule(msgspec.Struct, frozen=True, kw_only=True):
    """What one account has to keep to.

    `start` is the balance it began with. `max_loss`: how far the floor lies below the highest balance
    at the end of a day; it rises up to `start` and never falls. `daily_loss`: how much a day may lose.
    `flat_by`: whether nobody holds anything from 15:10 to 17:00 Chicago. None: no such limit.
    """

    account_id: int
    start: Decimal
    max_loss: Decimal | None = None
    daily_loss: Decimal | None = None
    flat_by: bool = True


class Standing(msgspec.Struct, kw_only=True):
    """Where an account stands under its rule. `failed` is for ever, `locked_until` ends by itself."""

    day_start: Decimal
    highest_close: Decimal
    failed: bool = False
    locked_until: datetime | None = None


class House:
    """Watches the accounts that have a rule. `note` is told what it does, in words."""

    def __init__(
        self,
        floor: Floor,
        rules: Iterable[HouseRule],
        note: Callable[[datetime, str], None],
        early: dict[date, time] | None = None,
    ) -> None:
        self.rules = {rule.account_id: rule for rule in rules}
        self.standings = {
            rule.account_id: Standing(day_start=rule.start, highest_close=rule.start)
            for rule in self.rules.values()
        }
        self.looked_at: datetime | None = None
        self.dozing = False
        """While the clock is set ahead: the marks of the day and `look` count, not every quarter second."""
        self._floor, self._note = floor, note
        self._early = early or {}
        self._upcoming: datetime | None = None

    # ------------------------------------------------------------ what people ask

    def floor_of(self, account_id: int) -> Decimal | None:
        """The balance at which the account fails; None without a maximum loss."""
        rule, standing = self.rules[account_id], self.standings[account_id]
        if rule.max_loss is None:
            return None
        return min(rule.start, standing.highest_close - rule.max_loss)

    def equity(self, account_id: int) -> Decimal:
        """The balance plus what the open positions would make if closed now."""
        open_profit = sum(
            (
                self._open_profit(position)
                for (owner, _), position in self._floor.positions.items()
                if owner == account_id and position.size
            ),
            start=_ZERO,
        )
        return self._floor.accounts[account_id].balance + open_profit

    # ------------------------------------------------------------ time

    def next_at(self, now: datetime) -> datetime | None:
        """When to look next; None: there are no rules."""
        if not self.rules:
            return None
        if self.looked_at is None or self._upcoming is None:
            return now
        if self.dozing or not self._anything_held():
            return self._upcoming
        return min(self._upcoming, self.looked_at + _LOOK_EVERY)

    def advance(self, now: datetime) -> None:
        """Everything the rules ask for between the last look and `now`."""
        if not self.rules:
            return
        last, self.looked_at = self.looked_at or now, now
        if trading_day(last) != trading_day(now):
            self._new_day(now)
        if last < self._flat_at(last) <= now and self._weekday(last):
            self._flatten(now)
        for account_id in self.rules:
            self._judge(account_id, now)
        if self._upcoming is None or now >= self._upcoming:
            marks = (trading_day_end(trading_day(now)), self._flat_at(now))
            self._upcoming = min(mark for mark in marks if mark > now)

    def look(self, now: datetime) -> None:
        """Judge every open position at the prices of this moment, while the clock is set ahead."""
        if self.dozing and self.rules and self._anything_held():
            for account_id in self.rules:
                self._judge(account_id, now)

    # ------------------------------------------------------------ inside

    def _flat_at(self, moment: datetime) -> datetime:
        day = trading_day(moment)
        flat_by = FLAT_BY
        if (early := self._early.get(day)) is not None:
            # Flat a quarter of an hour before an early close (documented).
            closes = datetime.combine(day, early) - timedelta(minutes=15)
            flat_by = min(flat_by, closes.time())
        return chicago(day, flat_by) - FLAT_BEFORE

    @staticmethod
    def _weekday(moment: datetime) -> bool:
        return trading_day(moment).weekday() < _SATURDAY

    def _anything_held(self) -> bool:
        return any(
            position.size and owner in self.rules
            for (owner, _), position in self._floor.positions.items()
        )

    def _open_profit(self, position: Position) -> Decimal:
        book = self._floor.books[position.contract.id]
        way_out = Side.SELL if position.size > 0 else Side.BUY
        mark = book.opposite(way_out) or book.last
        if mark is None:
            return _ZERO
        return (mark - position.average_price) * position.size * position.contract.point_value

    def _new_day(self, now: datetime) -> None:
        weekday = self._weekday(now)
        for account_id, standing in self.standings.items():
            balance = self._floor.accounts[account_id].balance
            standing.day_start = balance
            standing.highest_close = max(standing.highest_close, balance)
            locked = standing.locked_until is not None
            if locked and not standing.failed and weekday:
                standing.locked_until = None
                interventions.set_can_trade(self._floor, account_id, can_trade=True)
                self._note(now, f"account {account_id}: a new trading day, it may trade again")
        self._note(now, f"the trading day rolls to {trading_day(now).isoformat()}")

    def _flatten(self, now: datetime) -> None:
        for account_id, rule in self.rules.items():
            if rule.flat_by and self.standings[account_id].locked_until is None:
                self._lock(account_id, now)
                self._note(now, f"account {account_id}: flat by {FLAT_BY:%H:%M} Chicago time")

    def _judge(self, account_id: int, now: datetime) -> None:
        rule, standing = self.rules[account_id], self.standings[account_id]
        if standing.failed:
            return
        floor, equity = self.floor_of(account_id), self.equity(account_id)
        if floor is not None and equity <= floor:
            standing.failed = True
            self._lock(account_id, now)
            self._note(now, f"account {account_id}: maximum loss reached ({equity} at {floor})")
        elif (
            rule.daily_loss is not None
            and standing.locked_until is None
            and equity <= standing.day_start - rule.daily_loss
        ):
            self._lock(account_id, now)
            self._note(now, f"account {account_id}: daily loss limit reached ({equity})")

    def _lock(self, account_id: int, now: datetime) -> None:
        self.standings[account_id].locked_until = trading_day_end(trading_day(now))
        interventions.liquidate(self._floor, account_id, lock=True)
