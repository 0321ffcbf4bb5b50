"""How reports are merged, and how old what we believe is.

The merge is a join: each part of a belief keeps the report with the greatest key, so that the order
in which reports arrive, and whether they arrive twice, makes no difference. A key starts with what the
gateway itself says about time and ends with the value, so that no two different values ever tie.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from topstepx.events import Observation

NANOSECONDS = 1_000_000_000
_TICK = timedelta(microseconds=1)

KnownFrom = Literal["hub", "rest", "poll", "reconciled", "journal"]
"""Who told it last: the stream, an ordinary answer, a poll while the stream is missing, a look that
compared it with the gateway, or an earlier run's journal."""

Told = tuple[tuple[Any, ...], Any]
"""A value with the key that it won by."""

NOTHING: Told = ((0,), None)
"""What is believed before anything was told; a None that is told says no more than this."""


def told(value: object, *when: object) -> Told:
    """A value and its key; something always beats nothing."""
    return NOTHING if value is None else ((1, *when, value), value)


def later(one: Told, other: Told) -> Told:
    """The one of the greater key."""
    return one if one[0] >= other[0] else other


def earliest(old: Told | None, moment: datetime) -> Told:
    """The earlier moment: sources print the same one with different numbers of digits."""
    new: Told = ((1,), moment)
    return new if old is None or moment < old[1] else old


class Freshness(msgspec.Struct, frozen=True, gc=False):
    """When and from whom something was last heard.

    ``heard_ns`` is on the suspend-aware monotonic clock; None when it was read from the journal.
    """

    as_of: datetime
    source: KnownFrom
    heard_ns: int | None

    @property
    def is_asked(self) -> bool:
        """Whether it is the answer to a question, and not a hint of the hub or of the journal."""
        return self.source not in {"hub", "journal"}

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since it was heard; None: not heard at all since this program started."""
        return None if self.heard_ns is None else max(0, now_ns - self.heard_ns) / NANOSECONDS


def moment(observation: Observation) -> tuple[bool, datetime]:
    """When it was told, for comparing. What is heard in this run is later than all the journal says.

    (The clock may have been wrong in an earlier run, and stamps only ascend within one.)
    """
    return observation.origin != "replayed", observation.at


class RowOrder:
    """Reports of earlier runs, in the order of those runs.

    Stamps only ascend within one run. Where the wall clock was set back before the next, its reports are
    moved behind those of the one before, so that what was told later counts as later.
    """

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._moved_by = timedelta()

    def run_begins(self, at: datetime) -> None:
        """A run began at that moment of its own clock."""
        late = self._last is not None and self._last >= at
        self._moved_by = self._last - at + _TICK if late and self._last else timedelta()

    def placed(self, observation: Observation) -> Observation:
        """The report with a moment that fits; one of this run stays as it is."""
        if observation.origin != "replayed":
            return observation
        if self._moved_by:
            observation = msgspec.structs.replace(observation, at=observation.at + self._moved_by)
        if self._last is None or observation.at > self._last:
            self._last = observation.at
        return observation


def heard(observation: Observation, now_ns: int | None) -> Freshness:
    """The freshness of one report."""
    if observation.origin == "replayed":
        return Freshness(observation.at, "journal", None)
    return Freshness(observation.at, observation.source, now_ns)


def fresher(one: Freshness | None, other: Freshness) -> Freshness:
    """The later of two; the journal's word yields to any that was heard in this run."""
    if one is None or (other.source != "journal" and other.as_of > one.as_of):
        return other
    return max(one, other, key=_freshness_key)


def _freshness_key(freshness: Freshness) -> tuple[bool, datetime, bool, int]:
    heard_ns = freshness.heard_ns
    return (
        freshness.source != "journal",
        freshness.as_of,
        freshness.is_asked,
        -1 if heard_ns is None else heard_ns,
    )


class Aged:
    """What every belief can say about its age. The belief has a `freshness`, which comparing leaves out."""

    __slots__ = ()
    freshness: Freshness

    def _said(self) -> object:
        """What is compared."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._said() == other._said()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._said())

    @property
    def as_of(self) -> datetime:
        """The moment the last report speaks of, aware UTC."""
        return self.freshness.as_of

    @property
    def source(self) -> KnownFrom:
        """Who told it last, and why it was asked; "journal": nobody since this program started."""
        return self.freshness.source

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since it was last heard; None: not at all since this program started."""
        return self.freshness.age_s(now_ns)
