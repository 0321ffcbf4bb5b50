"""What a simulated gateway is made of before it is one: market, accounts, user, key, the house's rules."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from topstepx.sim.bars import BarHistory
from topstepx.sim.calendar import AlwaysOpen, GlobexHours
from topstepx.sim.calls import SimUser
from topstepx.sim.catalogue import AccountListing, Catalogue
from topstepx.sim.feed import Feed
from topstepx.sim.market import Market
from topstepx.sim.venue import Venue, VenueAccount

if TYPE_CHECKING:
    from datetime import date, time, timedelta

    from topstepx.sim.bar_file import RealBars
    from topstepx.sim.scenarios import Scenario
    from topstepx.sim.switches import Switches
    from topstepx.sim.venue.house import HouseRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a gateway is given when it is made."""

    market: Market
    bars: BarHistory
    users: tuple[SimUser, ...]
    signing_key: bytes
    switches: Switches
    rules: tuple[HouseRule, ...] = ()
    early: dict[date, time]


def make_parts(
    *,
    seed: int,
    hours: Literal["always", "true"],
    real: RealBars | None,
    switches: Switches,
    user_name: str,
    api_key: str | None,
    signing_key: bytes | None,
    accounts: tuple[AccountListing, ...],
    rate: float,
    catch_up: timedelta | None,
    scenario: Scenario | None,
) -> Parts:
    """The parts, with the meanings of `Gateway.build`; key and signing key from the seed unless given."""
    if scenario is not None:
        accounts, hours = scenario.accounts, scenario.hours
        rate *= scenario.rate
    early = scenario.early if scenario is not None else {}
    calendar = GlobexHours(early) if hours == "true" else AlwaysOpen()
    feed = Feed(seed, calendar=calendar, rate=rate, real=real, catch_up=catch_up)
    venue = Venue([_venue_account(one) for one in accounts], (), switches)
    market = Market(Catalogue(), feed, venue, frozenset(one.id for one in accounts))
    if scenario is not None:
        market.hand.spread_of_all = scenario.spread_ticks
    signing_key = signing_key or hashlib.sha256(b"signing key %d" % seed).digest()
    if api_key is None:
        api_key = base64.b64encode(hmac.digest(signing_key, b"api key", "sha256")).decode()
    return Parts(
        market=market,
        bars=BarHistory(
            feed,
            tick_bars=switches.tick_bars,
            end_inclusive=switches.bars_end_inclusive,
            extra_fields=switches.bars_extra_fields,
        ),
        users=(SimUser(user_name, api_key),),
        signing_key=signing_key,
        switches=switches,
        rules=scenario.rules if scenario is not None else (),
        early=early,
    )


def _venue_account(listing: AccountListing) -> VenueAccount:
    return VenueAccount(
        id=listing.id,
        name=listing.name,
        balance=listing.balance,
        can_trade=listing.can_trade,
        is_visible=listing.is_visible,
        simulated=listing.simulated,
        follower=listing.follower,
        max_minis=listing.max_minis,
        bracket_mode=listing.bracket_mode,
    )
