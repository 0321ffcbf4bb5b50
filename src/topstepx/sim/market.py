"""The simulated market's plumbing: one feed, told to the venue first and to the hubs second.

Contracts are listed at the venue and started at the feed when somebody first asks for them, and
stopped when nobody listens and nothing works on them.
"""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from topstepx.sim.market_events import DepthEvent, MarketEvent, QuoteEvent, SessionEvent, TapeEvent
from topstepx.sim.market_hand import MarketHand
from topstepx.sim.venue import VenueContract
from topstepx.wire.routes import SUBSCRIBE_DEPTH, SUBSCRIBE_QUOTES, SUBSCRIBE_TAPE, HubMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.catalogue import Catalogue, Listing
    from topstepx.sim.feed import Feed
    from topstepx.sim.hub_session import HubSession
    from topstepx.sim.hubs import Hubs
    from topstepx.sim.venue import Venue

_IDLE_CHECK = timedelta(minutes=1)


class Market:
    """Catalogue, feed and venue as one."""

    def __init__(
        self, catalogue: Catalogue, feed: Feed, venue: Venue, account_ids: frozenset[int]
    ) -> None:
        self.catalogue, self.feed, self.venue = catalogue, feed, venue
        self.account_ids = account_ids
        self.hand = MarketHand()
        self._looked_at: datetime | None = None
        self._listed: dict[str, bool] = {}
        self._quiet: set[str] = set()

    def listing(self, contract_id: str, now: datetime) -> Listing | None:
        """The contract, or None; as a side effect the venue knows it as active or not."""
        listing = self.catalogue.by_id(contract_id, now=now)
        if listing is None:
            return None
        active = self.catalogue.is_active(listing, now=now)
        if self._listed.get(contract_id) is not active:
            self._listed[contract_id] = active
            self.venue.list_contract(_venue_contract(listing, active=active))
        return listing

    def start(self, contract_id: str, now: datetime) -> bool:
        """Make sure that the contract's market runs; False when there is no such contract."""
        listing = self.listing(contract_id, now)
        if listing is None:
            return False
        if not self.feed.started(contract_id):
            self.feed.start(listing, now)
            self.hand.meet(listing)
            self._set_state(contract_id, self.feed.state(contract_id), now)
            quote = self.hand.touched(self.feed.snapshot(contract_id)[0])
            if isinstance(quote, QuoteEvent):
                self._quote(quote, now)
        return True

    def advance(self, now: datetime, hubs: Hubs, before: Callable[[datetime], None]) -> None:
        """Let the market run up to `now`; `before(at)` is called ahead of each event.

        A stretch that is too long to be played goes by in a hurry: hubs hear its end only, and what
        waits at the venue meets every price on the way.
        """
        if self.feed.skips(now):
            self._hurry(now, before)
        for event in self.feed.advance(now):
            before(event.at)
            self._take(event, hubs)
        self._stop_idle(hubs, now)

    def next_mark(self, now: datetime) -> datetime | None:
        """When the next session of a contract that lives opens or closes; None: never."""
        marks: list[datetime] = []
        calendar = self.feed.calendar
        for contract_id in self._listed:
            if not self.feed.started(contract_id):
                continue
            listing = self.catalogue.by_id(contract_id, now=now)
            if listing is not None:
                opens = calendar.next_open(listing.product, now)
                closes = calendar.next_close(listing.product, now)
                marks += [one for one in (opens, closes) if one is not None and one > now]
        return min(marks, default=None)

    def refresh(self, hubs: Hubs, now: datetime) -> None:
        """Tell everybody where the markets stand, after a hand has changed something."""
        for contract_id in self._listed:
            if self.feed.started(contract_id):
                self._set_state(contract_id, self.feed.state(contract_id), now)
                for event in reversed(self.feed.snapshot(contract_id)):
                    self._take(event._replace(at=now), hubs)

    def snapshot(
        self, session: HubSession, method: HubMethod, contract_id: str, hubs: Hubs, now: datetime
    ) -> None:
        """What a new subscriber is sent first, as the policy says; nothing while it is halted."""
        wanted = {
            SUBSCRIBE_QUOTES: hubs.policy.quote_on_subscribe,
            SUBSCRIBE_DEPTH: hubs.policy.depth_on_subscribe,
        }
        if wanted.get(method, False):
            quote, depth = self.feed.snapshot(contract_id)
            told = self.hand.touched(quote if method is SUBSCRIBE_QUOTES else depth)
            if isinstance(told, QuoteEvent | DepthEvent):
                hubs.tell_one(session, method.event, contract_id, told.payload(), now)

    def _stop_idle(self, hubs: Hubs, now: datetime) -> None:
        """Once a minute, stop the markets that nobody listens to and nothing works on."""
        if self._looked_at is not None and now - self._looked_at < _IDLE_CHECK:
            return
        self._looked_at = now
        listened = hubs.market_contracts()
        for contract_id in list(self._listed):
            idle = contract_id not in listened and not self._in_use(contract_id)
            if idle and self.feed.started(contract_id):
                self.feed.stop(contract_id)

    def _in_use(self, contract_id: str) -> bool:
        truth = self.venue.truth
        return any(
            truth.net_size(account_id, contract_id)
            or any(order.contract_id == contract_id for order in truth.working(account_id))
            for account_id in self.account_ids
        )

    def _hurry(self, now: datetime, before: Callable[[datetime], None]) -> None:
        used = {one for one in self._listed if self.feed.started(one) and self._in_use(one)}
        rows = [self.feed.hurried(contract_id, now) for contract_id in sorted(used)]
        looked_at: datetime | None = None
        settled_at: datetime | None = None
        for event in heapq.merge(*rows, key=lambda one: one.at):
            if looked_at is None or event.at - looked_at >= _IDLE_CHECK:
                looked_at = event.at
                used = {one for one in used if self._in_use(one)}
                if not used:
                    return
            if event.contract_id not in used:
                continue
            if event.at != settled_at:
                before(event.at)
                settled_at = event.at
            if event.contract_id in self._quiet:
                self._set_state(event.contract_id, "open", event.at)
            touched = self.hand.touched(event)
            if isinstance(touched, QuoteEvent):
                self._quote(touched, touched.at)
            elif isinstance(touched, TapeEvent):
                self._print(touched)

    def _print(self, event: TapeEvent) -> None:
        self.venue.trade(event.contract_id, event.price, event.volume, event.side, event.at)

    def _take(self, event: MarketEvent, hubs: Hubs) -> None:
        if not self.hand.idle:
            touched = self.hand.touched(event)
            if touched is None:
                return
            event = touched
        contract_id, at = event.contract_id, event.at
        if isinstance(event, QuoteEvent):
            self._quote(event, at)
            if hubs.listens(SUBSCRIBE_QUOTES.event, contract_id):
                hubs.tell_market(SUBSCRIBE_QUOTES.event, contract_id, event.payload(), at)
        elif isinstance(event, TapeEvent):
            self._print(event)
            if hubs.listens(SUBSCRIBE_TAPE.event, contract_id):
                hubs.tell_market(SUBSCRIBE_TAPE.event, contract_id, event.payload(), at)
        elif isinstance(event, DepthEvent):
            if hubs.listens(SUBSCRIBE_DEPTH.event, contract_id):
                hubs.tell_market(SUBSCRIBE_DEPTH.event, contract_id, event.payload(), at)
        elif isinstance(event, SessionEvent):
            self._set_state(contract_id, event.state, at)

    def _quote(self, quote: QuoteEvent, at: datetime) -> None:
        self.venue.quote(
            quote.contract_id, quote.match_bid, quote.bid_size, quote.match_ask, quote.ask_size, at
        )

    def _set_state(self, contract_id: str, state: str, at: datetime) -> None:
        is_open = state != "closed" and not self.hand.is_halted(contract_id)
        self.venue.set_session(contract_id, is_open, at)
        frozen = self.venue.faults.frozen_contracts
        if state == "quiet":
            # In a minute without trades nothing may fill: no bar would hold the price.
            if contract_id not in frozen:
                self._quiet.add(contract_id)
                frozen.add(contract_id)
        elif contract_id in self._quiet:
            self._quiet.discard(contract_id)
            frozen.discard(contract_id)


def _venue_contract(listing: Listing, *, active: bool) -> VenueContract:
    return VenueContract(
        id=listing.id,
        symbol_id=listing.symbol_id,
        display_name=listing.display_name,
        tick_size=listing.tick_size,
        tick_value=listing.tick_value,
        fees=listing.fees,
        commissions=listing.commissions,
        micro=listing.micro,
        active=active,
    )
