"""Health at a glance: green only when everything that protects a trade works.

Whatever is not known to be well is a problem: a link that is still connecting, an outcome nobody has
found out yet, a breaker that is being probed. A hub that nobody asked anything of has nothing to say and
is no problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from topstepx.core.breaker import State
from topstepx.core.link_effects import LinkState
from topstepx.core.mode import Mode, rule_of
from topstepx.core.moot import settled_by
from topstepx.core.token import Session
from topstepx.net.hub_gate import SCOPES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from topstepx.core.breaker import ScopeState
    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.link import Link
    from topstepx.core.mode import ActiveCause
    from topstepx.core.permits import BucketState, LaneState
    from topstepx.events import Hub


@dataclass(frozen=True, slots=True)
class Health:
    """A moment's health. `problems` says in words what is not well; empty means green.

    `budgets` and `breakers` have the figures, `lines` all of it in words.
    """

    session: Session
    user_hub: LinkState
    market_hub: LinkState
    modes: dict[int, Mode]
    breakers: tuple[ScopeState, ...]
    budgets: tuple[BucketState, ...]
    malformed: int
    unresolved: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def lines(self) -> tuple[str, ...]:
        """Problems first, then the request budget: used, reserved and when the next slot is free."""
        first = self.problems or ("All is well.",)
        return (*first, *(line for budget in self.budgets for line in budget_lines(budget)))

    def __str__(self) -> str:
        return "\n".join(self.lines)


def health_of(
    ledger: Ledger,
    accounts: Collection[int],
    *,
    session: Session,
    links: Mapping[Hub, Link],
    now_ns: int,
    breakers: tuple[ScopeState, ...],
    budgets: tuple[BucketState, ...],
    malformed: int,
    now: datetime,
    notes: Collection[str] = (),
) -> Health:
    """Health from what is believed and from what the parts say of themselves.

    `accounts` are those in use; what restricts all accounts counts even when none is. `notes` are
    problems in words from parts that know more.
    """
    modes = {account_id: ledger.modes.mode(account_id) for account_id in accounts}
    causes = [
        cause
        for account_id in accounts or (_NOBODY,)
        for cause in ledger.modes.causes(account_id, everything=True)
        if accounts or cause.account_id is None
    ]
    unresolved = count_unresolved(
        (intent for intent in ledger.open_intents() if settled_by(ledger, intent) is None), now
    )
    return Health(
        session=session,
        user_hub=links["user"].state,
        market_hub=links["market"].state,
        modes=modes,
        breakers=breakers,
        budgets=budgets,
        malformed=malformed,
        unresolved=unresolved,
        problems=(
            *problems_of(
                session=session,
                links={hub: (link.state, link.due_in_s(now_ns)) for hub, link in links.items()},
                modes=modes,
                causes=causes,
                breakers=breakers,
                budgets=budgets,
                unresolved=unresolved,
            ),
            *notes,
        ),
    )


_NOBODY: Final = -1
"""No account: what is true of it is true of all."""


def problems_of(
    *,
    session: Session,
    links: Mapping[Hub, tuple[LinkState, float | None]],
    modes: Mapping[int, Mode],
    causes: Iterable[ActiveCause],
    breakers: Iterable[ScopeState],
    budgets: Iterable[BucketState],
    unresolved: int,
) -> tuple[str, ...]:
    """What is wrong, in words; every cause that restricts an account among it. Nothing is said twice.

    `links`: the state of each, and in how many seconds it is tried again, where that is waited for.
    """
    found = []
    if session not in {Session.GOOD, Session.ABSENT}:
        found.append(f"session: {session.value}")
    away = {hub: _away(hub, *link) for hub, link in links.items() if link[0] not in _WELL}
    found += away.values()
    found += [
        f"account {account}: {mode.value}"
        for account, mode in modes.items()
        if mode is not Mode.ACTIVE
    ]
    said = _SAID_BY_THE_LINK if "user" in away else frozenset()
    found += dict.fromkeys(_cause(cause) for cause in causes if cause.reason not in said)
    theirs = {SCOPES[hub] for hub in away}  # when such a hub is tried, its link says
    found += [
        _breaker(one, has_time=one.scope not in theirs)
        for one in breakers
        if one.state is not State.CLOSED
    ]
    found += dict.fromkeys(budget.note for budget in budgets if budget.note)
    if unresolved:
        found.append(
            "it is not known what became of one request"
            if unresolved == 1
            else f"it is not known what became of {unresolved} requests"
        )
    return tuple(found)


_WELL: Final = frozenset({LinkState.LIVE, LinkState.IDLE})
_SAID_BY_THE_LINK: Final = frozenset({"hub_down", "hub_closed", "recovering"})


def _away(hub: Hub, state: LinkState, due_s: float | None) -> str:
    if state is LinkState.RECOVERING:
        return f"the {hub} hub is connected again, and what was missed is being looked up"
    if state is LinkState.CLOSED:
        return f"the {hub} hub is not connected (closed): it is given up; release it with resume"
    when = "" if due_s is None else f"; it is tried again in {due_s:.0f} s"
    return f"the {hub} hub is not connected ({state.value}{when})"


UNDER_WAY: Final = timedelta(seconds=30)
"""Longer than any request can be under way by its time-outs."""


def count_unresolved(intents: Iterable[IntentBelief], now: datetime) -> int:
    """How many intents have an outcome that nobody knows; those still under way do not count."""
    return sum(not _is_under_way(intent, now) for intent in intents if intent.is_open)


def _is_under_way(intent: IntentBelief, now: datetime) -> bool:
    recorded = intent.recorded
    return (
        intent.state != "unknown"
        and recorded is not None
        and recorded.origin == "live"  # an earlier run's are not on their way any more
        and timedelta() <= now - recorded.at <= UNDER_WAY
    )


def _cause(cause: ActiveCause) -> str:
    where = "" if cause.contract_id is None else f"{cause.contract_id}: "
    detail = f" ({cause.detail})" if cause.detail else ""
    return f"{where}{rule_of(cause.reason).meaning}{detail}"


def _breaker(one: ScopeState, *, has_time: bool) -> str:
    why = f" ({one.cause})" if one.cause else ""
    if one.state is State.ISOLATED:
        return f"{one.scope.value}: shut by hand{why}; reset it by hand"
    if one.state is State.PROBING:
        return f"{one.scope.value}: failing{why}, being tried now"
    when = f", tried again in {one.next_probe_s or 0.0:.1f} s" if has_time else ""
    return f"{one.scope.value}: failing{why}{when}"


def budget_lines(budget: BucketState) -> tuple[str, ...]:
    """One bucket in words: the window, then each lane."""
    used = f"{budget.used} of {budget.limit} used in the last {budget.window_s:.1f} s"
    first = f"{budget.bucket.value} requests: {used}"
    if budget.share < 1.0:
        first += f"; reads keep to {budget.share:.0%} after a 429"
    if budget.paused_s > 0:
        first += f"; paused for {budget.paused_s:.1f} s"
    lines = [first]
    for lane, state in budget.lanes.items():
        lines.append(f"  {lane.name.lower() if len(budget.lanes) > 1 else 'all'}: {_lane(state)}")
    return tuple(lines)


def _lane(state: LaneState) -> str:
    if state.free:
        words = f"{state.free} free now"
    elif state.next_free_s is None:
        words = "no slot in sight"
    else:
        words = f"next slot in {state.next_free_s:.1f} s"
    if state.reason:
        words += f" ({state.reason})"
    if state.reserved:
        words += f", {state.reserved} reserved"
    if state.waiting:
        words += f", {state.waiting} waiting"
    return words
