"""Which complete lists of the gateway were read, and when: only they can say that something is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.merge import fresher

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx import events
    from topstepx.core.merge import Freshness


class Lists:
    """The lists that were read, by name and account; the list of accounts has None for its account."""

    def __init__(self) -> None:
        self._ages: dict[tuple[events.ListName, int | None], Freshness] = {}

    def read(self, what: events.ListName, account_id: int | None, age: Freshness) -> bool:
        """A list was read whole, at a moment; whether it is the first of its kind."""
        before = self._ages.get((what, account_id))
        self._ages[what, account_id] = fresher(before, age)
        return before is None

    def at(self, what: events.ListName, account_id: int | None) -> datetime | None:
        """The moment that the last one speaks of; None: never read, so nothing is excluded."""
        age = self._ages.get((what, account_id))
        return None if age is None else age.as_of

    def age(self, what: events.ListName, account_id: int | None) -> Freshness | None:
        """When and how the last one was read; None: never, also not in an earlier run."""
        return self._ages.get((what, account_id))

    def state(self) -> object:
        """Everything believed here, ages aside, for comparing two ledgers."""
        return set(self._ages)
