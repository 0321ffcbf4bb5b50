"""What a storm's world is like from its beginning to its end: the hour, the accounts, who else is there.

Troubles come and go; a condition stays, also in the calm, and the auditors know what it changes in
what is promised:

* *two accounts*: one client trades both; what is true of one account is said of no other.
* *short tokens*: a token lives so many seconds; renewals are part of every minute.
* *opening*, *closing*, *flat by*, *roll*: the exchange keeps its hours, and the storm stands across one
  of its marks. While the market is shut nobody can get out, and a flatten says so; an account that the
  house has flattened is locked until the next trading day, and the client knows it.
* *exits*, *reader*, *trader beside*: a second client of the same user. The first two run on the same
  computer and share its request budget and its log of logins; the third is software on another one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from topstepx.sim.catalogue import ACCOUNTS
from topstepx.sim.scenarios import Scenario
from topstepx.sim.venue.house import HouseRule
from topstepx.testing.pair import START

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from topstepx.sim.catalogue import AccountListing

HOURS: Final = ("opening", "closing", "flat by", "roll")
"""Chicago time 17:00 and 16:00, 15:10 less ten seconds, and 17:00 before the front month changes."""

BESIDE: Final = ("exits beside", "reader beside", "trader beside")
"""What a second client of the same user does; the first two are on the same computer."""

CONDITIONS: Final[dict[str, tuple[float, tuple[float, ...]]]] = {
    "two accounts": (0.12, (2,)),
    "short tokens": (0.12, (90, 240, 600)),
    "opening": (0.03, (1,)),
    "closing": (0.03, (1,)),
    "flat by": (0.03, (1,)),
    "roll": (0.03, (1,)),
    "exits beside": (0.05, (1,)),
    "reader beside": (0.03, (1,)),
    "trader beside": (0.05, (1,)),
}
"""Every condition: how likely a seed draws it, and with which number (seconds of a token's life)."""

_PRACTICE: Final = "PRAC-V2-600001-47190001"
_COMBINE: Final = "50KTC-V2-DLL-600001-97590001"
_STARTS: Final = {
    "opening": datetime(2026, 11, 23, 22, 59, 40, tzinfo=UTC),
    "closing": datetime(2026, 11, 23, 21, 59, 35, tzinfo=UTC),
    "flat by": datetime(2026, 11, 23, 21, 9, 30, tzinfo=UTC),
    "roll": datetime(2026, 12, 13, 22, 59, 40, tzinfo=UTC),
}


def drawn(chance: random.Random) -> dict[str, float]:
    """The conditions of a seed: at most one hour, and at most one other client."""
    found: dict[str, float] = {}
    for name, (how_likely, values) in CONDITIONS.items():
        is_drawn, value = chance.random() < how_likely, chance.choice(values)
        crowded = any(name in group and found.keys() & group for group in (set(HOURS), set(BESIDE)))
        if is_drawn and not crowded:
            found[name] = value
    return found


def start_of(conditions: Mapping[str, float]) -> datetime:
    """When the storm begins, by the gateway's clock."""
    return next((at for name, at in _STARTS.items() if name in conditions), START)


def accounts_of(conditions: Mapping[str, float]) -> tuple[AccountListing, ...]:
    """The accounts that are traded, the first of them mostly."""
    names = (_PRACTICE, _COMBINE)[: int(conditions.get("two accounts", 1))]
    return tuple(next(one for one in ACCOUNTS if one.name == name) for name in names)


def scenario_of(conditions: Mapping[str, float]) -> Scenario | None:
    """The exchange's hours and the house's rule, where the storm has them; None: always open."""
    if not conditions.keys() & set(HOURS):
        return None
    rules = tuple(
        HouseRule(account_id=one.id, start=one.balance) for one in accounts_of(conditions)
    )
    return Scenario(
        name="storm",
        summary="A storm across a mark of the trading day.",
        rules=rules if "flat by" in conditions else (),
        hours="true",
    )


def beside_of(conditions: Mapping[str, float]) -> str:
    """Which other client there is; empty: none."""
    return next((name for name in BESIDE if name in conditions), "")
