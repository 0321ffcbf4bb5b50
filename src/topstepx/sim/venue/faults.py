"""What can be made to go wrong at the venue, as plain fields and one method.

Nothing here acts by itself: the parts of the venue look at these fields at the step they belong to.
`VenueFaults()` is a venue without faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Verb = Literal["place", "modify", "cancel", "close", "partial_close"]


@dataclass(slots=True)
class ForcedRefusal:
    """A refusal that waits for the next request of its kind."""

    code: int
    text: str | None
    count: int
    executes: bool


@dataclass(slots=True)
class VenueFaults:
    """Faults in force; set and clear the fields at any time.

    A `visibility_*` delay makes that read show the world as it was so long ago. `hide_legs` makes
    bracket legs exist and trade without any read or event showing them. Accounts in `hidden_accounts`
    are missing from `Account/search`. On `frozen_contracts` nothing matches. `max_fill_size` chops
    every fill into pieces: one per market input, or one per millisecond for a market order.
    """

    visibility_orders: timedelta = timedelta(0)
    visibility_open_orders: timedelta = timedelta(0)
    visibility_query: timedelta = timedelta(0)
    visibility_by_id: timedelta = timedelta(0)
    visibility_trades: timedelta = timedelta(0)
    visibility_positions: timedelta = timedelta(0)
    hide_legs: bool = False
    hidden_accounts: set[int] = field(default_factory=set)
    frozen_contracts: set[str] = field(default_factory=set)
    max_fill_size: int | None = None
    _refusals: dict[Verb, list[ForcedRefusal]] = field(default_factory=dict)

    def reject_next(
        self,
        verb: Verb,
        *,
        code: int = 2,
        text: str | None = None,
        count: int = 1,
        executes: bool = False,
    ) -> None:
        """Refuse the next `count` requests of a kind; with `executes` they happen all the same."""
        self._refusals.setdefault(verb, []).append(ForcedRefusal(code, text, count, executes))

    def take_refusal(self, verb: Verb) -> ForcedRefusal | None:
        """The refusal in force for this request, if any; counts it as used."""
        waiting = self._refusals.get(verb)
        if not waiting:
            return None
        first = waiting[0]
        first.count -= 1
        if first.count <= 0:
            waiting.pop(0)
        return first
