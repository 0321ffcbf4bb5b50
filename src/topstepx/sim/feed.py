"""The simulated market data of all contracts, merged in time.

A feed holds one `Player` per contract that somebody subscribed to or trades, and steps whichever comes
next. The market is a function of the seed, the contract and the time: the same events come whether time
advances in steps of a millisecond or an hour, and whenever the contract was started.

`rate` scales how many events there are. Above 1 generated bars get that much more volume; real bars keep
theirs, so their tape gets no more trades than contracts. Below 1 trades are fewer and larger.
"""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

from topstepx.errors import InvalidRequest
from topstepx.sim.calendar import AlwaysOpen
from topstepx.sim.hurried import hurried
from topstepx.sim.minutes import MinuteBar, MinuteSource, from_us, to_us
from topstepx.sim.player import Player
from topstepx.sim.synthetic import SyntheticMinutes, busy_minute_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from topstepx.sim.calendar import Calendar
    from topstepx.sim.catalogue import Listing
    from topstepx.sim.market_events import (
        Book,
        DepthEvent,
        MarketEvent,
        QuoteEvent,
        State,
        TapeEvent,
    )
    from topstepx.sim.real_bars import RealBars
    from topstepx.sim.tape import Trade

_MINUTE_S = 60
_CONTRACTS_KEPT = 256


class Feed:
    """The market data of every contract.

    `real` replaces the generated market of its contract by real bars. `catch_up` is the longest jump of
    time that is played through: after a longer one (a laptop slept) the contracts skip ahead and each
    tells a snapshot; `hurried` gives the prints on the way. None plays everything.
    """

    def __init__(
        self,
        seed: int,
        *,
        calendar: Calendar | None = None,
        rate: float = 1.0,
        real: RealBars | None = None,
        catch_up: timedelta | None = None,
    ) -> None:
        if not rate > 0:
            raise InvalidRequest("rate", rate, "must be above 0.", "Use 1 for live-like rates.")
        self.calendar: Calendar = calendar or AlwaysOpen()
        self._seed = seed
        self._rate = rate
        self._real = real
        self._catch_up_us = None if catch_up is None else int(catch_up.total_seconds() * 1_000_000)
        self._started: dict[str, Player] = {}
        self._known: dict[str, Player] = {}
        self._queue: list[tuple[int, str, Player]] = []
        self._now_us: int | None = None

    # ------------------------------------------------------------------ starting and stopping

    def start(self, listing: Listing, now: datetime) -> None:
        """Bring a contract to life; nothing happens when it lives already.

        Raises:
            InvalidRequest: the feed is already past `now`.
        """
        if listing.id in self._started:
            return
        us = to_us(now)
        if self._now_us is not None and us < self._now_us:
            raise InvalidRequest(
                "now",
                now,
                f"the market is at {from_us(self._now_us)}.",
                "Time does not run backwards.",
            )
        if self._now_us is None:
            self._now_us = us  # so that a jump right after the start is skipped, not played
        player = self._make(listing)
        player.start(us)
        self._started[listing.id] = player
        self._arrange()

    def stop(self, contract_id: str) -> None:
        """Let a contract sleep; started again, it is where it would have been."""
        if self._started.pop(contract_id, None) is not None:
            self._arrange()

    def started(self, contract_id: str) -> bool:
        """Whether that contract is alive."""
        return contract_id in self._started

    # ------------------------------------------------------------------ time

    def advance(self, now: datetime) -> list[MarketEvent]:
        """Everything that happens up to and including `now`, in order of time."""
        us = to_us(now)
        out: list[MarketEvent] = []
        skips = self.skips(now)
        self._now_us = us if self._now_us is None else max(us, self._now_us)
        if skips:
            self._skip(us, out)
            return out
        queue = self._queue
        while queue and queue[0][0] <= us:
            _, contract_id, player = queue[0]
            # Others with their next event at the same moment have their turn after this one.
            limit = min((row[0] for row in queue[1:3]), default=us)
            limit = min(limit, us)
            player.step(out)
            while player.next_us is not None and player.next_us < limit:
                player.step(out)
            if player.next_us is None:
                self._arrange()
                queue = self._queue
            else:
                heapreplace(queue, (player.next_us, contract_id, player))
        return out

    def skips(self, now: datetime) -> bool:
        """Whether going there now is further than what is played through."""
        last, catch_up = self._now_us, self._catch_up_us
        return last is not None and catch_up is not None and to_us(now) - last > catch_up

    def hurried(self, contract_id: str, now: datetime) -> Iterator[QuoteEvent | TapeEvent]:
        """The prints of a started contract up to a moment that `advance` would skip to."""
        player, after_us = self._started[contract_id], self._now_us
        return iter(()) if after_us is None else hurried(player, after_us, to_us(now))

    def next_event_at(self) -> datetime | None:
        """When to advance to next (it may tell nothing); None: nothing is started or all data ended."""
        return from_us(self._queue[0][0]) if self._queue else None

    # ------------------------------------------------------------------ the market now

    def snapshot(self, contract_id: str) -> tuple[QuoteEvent, DepthEvent]:
        """A full quote, and a RESET with every level: what a new subscriber needs.

        Raises:
            KeyError: the contract was not started; so do the other readings.
        """
        player = self._started[contract_id]
        return player.top(), player.depth()

    def top(self, contract_id: str) -> QuoteEvent:
        """The full quote."""
        return self._started[contract_id].top()

    def book(self, contract_id: str) -> Book:
        """The displayed book."""
        return self._started[contract_id].book()

    def state(self, contract_id: str) -> State:
        """Whether the contract trades now."""
        return self._started[contract_id].state

    # ------------------------------------------------------------------ what the bars are made of

    def source(self, listing: Listing) -> MinuteSource:
        """The one-minute bars behind a contract; it need not be started."""
        return self._make(listing).source

    def trades(self, listing: Listing, bar: MinuteBar) -> Iterator[Trade]:
        """The trades that are (were, will be) on the tape inside one of those bars."""
        return self._make(listing).trades(bar)

    def _make(self, listing: Listing) -> Player:
        player = self._started.get(listing.id) or self._known.get(listing.id)
        if player is None:
            usual = busy_minute_volume(listing) / (_MINUTE_S * listing.product.trades_per_s)
            source: MinuteSource
            if self._real is not None and self._real.listing.id == listing.id:
                source, mean_size = self._real, usual / self._rate
            else:
                source = SyntheticMinutes(listing, self._seed, self.calendar, max(1.0, self._rate))
                mean_size = usual / min(1.0, self._rate)
            player = Player(
                listing, source, self.calendar, self._seed, mean_size=mean_size, rate=self._rate
            )
            if len(self._known) >= _CONTRACTS_KEPT:
                self._known.clear()
            self._known[listing.id] = player
        return player

    def _arrange(self) -> None:
        self._queue = [
            (player.next_us, contract_id, player)
            for contract_id, player in self._started.items()
            if player.next_us is not None
        ]
        heapify(self._queue)

    def _skip(self, us: int, out: list[MarketEvent]) -> None:
        for contract_id in sorted(self._started):
            player = self._started[contract_id]
            before = player.state
            player.start(us)
            out.extend(player.skipped(before))
        self._arrange()
