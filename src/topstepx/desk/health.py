"""Health at a glance: green only when everything that protects a trade works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.breaker import Scope, State
from topstepx.core.link import LinkState
from topstepx.core.mode import Mode
from topstepx.core.token import Session

if TYPE_CHECKING:
    from topstepx.core.breaker import ScopeState
    from topstepx.core.permits import BucketState


@dataclass(frozen=True, slots=True)
class Health:
    """A moment's health. `problems` says in words what is not well; empty means green."""

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


_AWAY = {LinkState.WAITING, LinkState.CLOSED}


def problems_of(
    session: Session,
    links: dict[str, LinkState],
    modes: dict[int, Mode],
    breakers: tuple[ScopeState, ...],
    unresolved: int,
) -> tuple[str, ...]:
    """What is wrong, in words."""
    found = []
    if session not in {Session.GOOD, Session.ABSENT}:
        found.append(f"session: {session.value}")
    found += [f"the {hub} hub is not connected" for hub, state in links.items() if state in _AWAY]
    found += [
        f"account {account}: {mode.value}"
        for account, mode in modes.items()
        if mode is not Mode.ACTIVE
    ]
    found += [
        f"{_scope(one.scope)} keeps failing" for one in breakers if one.state is not State.CLOSED
    ]
    if unresolved:
        found.append(f"{unresolved} orders may or may not exist")
    return tuple(found)


def _scope(scope: Scope) -> str:
    return scope.value.replace("_", " ")
