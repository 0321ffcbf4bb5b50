"""The trading mode, alarms, breakers and budgets."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from topstepx.events.fact import Event


class ModeCauseAdded(Event, frozen=True, kw_only=True):
    """Something began to restrict trading.

    ``account_id`` None: on every account; ``contract_id`` None: the whole account. ``reason`` is a row
    of `core.mode.CAUSES`; ``subject`` tells several of one reason apart (an intent, a hub).
    """

    reason: str
    account_id: int | None = None
    contract_id: str | None = None
    subject: str = ""
    detail: str = ""


class ModeCauseCleared(Event, frozen=True, kw_only=True):
    """It stopped. ``released_by`` names the person; without one a latched cause stays."""

    reason: str
    account_id: int | None = None
    contract_id: str | None = None
    subject: str = ""
    released_by: str = ""


class ModeChanged(Event, frozen=True, kw_only=True):
    """An account's mode became another one; follows from the causes and is written by the record."""

    account_id: int
    before: str
    after: str
    reasons: tuple[str, ...] = ()


class AlarmRaised(Event, frozen=True, kw_only=True):
    """A person should look. ``name`` is stable, ``detail`` says what happened and what to do."""

    name: str
    detail: str
    account_id: int | None = None


class BreakerChanged(Event, frozen=True, kw_only=True):
    """The breaker of one part of the gateway changed its state.

    ``next_probe_at`` says when that part is tried again by itself; None: it is closed, or a person has
    to reset it.
    """

    scope: str
    state: Literal["closed", "open", "half_open", "isolated"]
    reason: str = ""
    next_probe_at: datetime | None = None


class BudgetThrottled(Event, frozen=True, kw_only=True):
    """A request waits because its budget is used up, or the gateway answered 429.

    ``lane`` names bucket and lane, ``wait_s`` is until its next free slot. The window holds ``used``
    requests, and this lane stops at ``line``: what lies above is reserved for more urgent ones.
    """

    lane: str
    wait_s: float
    reason: str = ""
    used: int = 0
    line: int = 0
