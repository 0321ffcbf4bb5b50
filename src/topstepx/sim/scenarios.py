"""Ready-made worlds for the simulator: which accounts, under which rules, at which hour, in what market.

A scenario is data. `topstepx sim --scenario NAME` starts one, `topstepx sim scenarios` lists them, and
`Gateway.build(scenario=SCENARIOS["combine-50k"])` is the same in Python.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from topstepx.errors import ConfigurationError
from topstepx.sim.catalogue import ACCOUNTS, AccountListing
from topstepx.sim.venue.house import HouseRule

_MONDAY_MORNING = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
_THANKSGIVING = date(2026, 11, 26)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One world. `at` None starts at the real time; `early` are days that close early, in Chicago time.

    `rate` scales how busy the market is, `spread_ticks` widens every spread, `switches` answers open
    questions differently.
    """

    name: str
    summary: str
    accounts: tuple[AccountListing, ...] = ACCOUNTS
    rules: tuple[HouseRule, ...] = ()
    hours: Literal["always", "true"] = "always"
    at: datetime | None = None
    rate: float = 1.0
    spread_ticks: int | None = None
    early: dict[date, time] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)


def _combine(size: int, account_id: int, max_minis: int, max_loss: int, daily: int) -> Scenario:
    """A Trading Combine with the published limits of its size (in thousands)."""
    balance = Decimal(size * 1000)
    return Scenario(
        name=f"combine-{size}k",
        summary=(
            f"A {size}K Combine: {max_minis} minis, maximum loss ${max_loss:,}, daily loss"
            f" ${daily:,}, flat by 15:10 Chicago time."
        ),
        accounts=(
            AccountListing(
                account_id,
                f"{size}KTC-V2-DLL-600001-{account_id % 10**8}",
                balance,
                max_minis=max_minis,
            ),
        ),
        rules=(
            HouseRule(
                account_id=account_id,
                start=balance,
                max_loss=Decimal(max_loss),
                daily_loss=Decimal(daily),
            ),
        ),
        hours="true",
        at=_MONDAY_MORNING,
    )


_PRACTICE = AccountListing(26282001, "PRAC-V2-600001-47190001", Decimal(150_000), max_minis=15)
_FUNDED = AccountListing(27310001, "EXPRESS-V2-600001-31840001", Decimal(0), max_minis=5)

_ALL = (
    Scenario(
        name="mixed",
        summary="The default: a Combine, a practice, a funded and a follower account, no house rules.",
    ),
    Scenario(
        name="practice",
        summary="One 150K practice account in a market that is always open.",
        accounts=(_PRACTICE,),
    ),
    _combine(50, 25775001, 5, 2000, 1000),
    _combine(100, 25775002, 10, 3000, 2000),
    _combine(150, 25775003, 15, 4500, 3000),
    Scenario(
        name="funded",
        summary=(
            "An Express Funded account of the 50K size: it starts at $0 and fails at -$2,000; flat"
            " by 15:10 Chicago time."
        ),
        accounts=(_FUNDED,),
        rules=(HouseRule(account_id=_FUNDED.id, start=Decimal(0), max_loss=Decimal(2000)),),
        hours="true",
        at=_MONDAY_MORNING,
    ),
    Scenario(
        name="follower",
        summary="An account that copies another one: its orders cannot be cancelled.",
        accounts=(
            AccountListing(
                27310002, "50KTC-V2-600001-31840002", Decimal(50_000), follower=True, max_minis=5
            ),
        ),
    ),
    Scenario(
        name="position-brackets",
        summary="A practice account in Position Brackets mode: orders with brackets are refused.",
        accounts=(
            AccountListing(
                26282001,
                "PRAC-V2-600001-47190001",
                Decimal(150_000),
                max_minis=15,
                bracket_mode="position",
            ),
        ),
    ),
    Scenario(
        name="closed",
        summary="A Saturday: the market is closed until Sunday 17:00 Chicago time.",
        hours="true",
        at=datetime(2026, 11, 21, 18, 0, tzinfo=UTC),
    ),
    Scenario(
        name="fast",
        summary="A fast market: five times the events, spreads of at least eight ticks.",
        accounts=(_PRACTICE,),
        rate=5.0,
        spread_ticks=8,
    ),
    Scenario(
        name="holiday",
        summary="Thanksgiving: everything closes at 12:00 Chicago time and opens again at 17:00.",
        accounts=(_PRACTICE,),
        rules=(HouseRule(account_id=_PRACTICE.id, start=_PRACTICE.balance),),
        hours="true",
        at=datetime(2026, 11, 26, 17, 30, tzinfo=UTC),
        early={_THANKSGIVING: time(12)},
    ),
    Scenario(
        name="roll",
        summary="The Friday before equities roll: on Sunday 17:00 Chicago March is the front month.",
        accounts=(_PRACTICE,),
        hours="true",
        at=datetime(2026, 12, 11, 20, 30, tzinfo=UTC),
    ),
)
SCENARIOS: dict[str, Scenario] = {one.name: one for one in _ALL}
DEFAULT = SCENARIOS["mixed"]


def scenario(name: str) -> Scenario:
    """The scenario of that name; raises `ConfigurationError` with the known and the nearest one."""
    found = SCENARIOS.get(name.strip().lower().replace("_", "-"))
    if found is None:
        near = difflib.get_close_matches(name.lower(), SCENARIOS, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise ConfigurationError(
            f"scenario {name!r}: there is none of that name.",
            next_step=f"{meant}Known: {', '.join(SCENARIOS)}.",
        )
    return found
