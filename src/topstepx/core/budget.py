"""The request budget that several processes of one user share: what they ask of the store they share.

The gateway counts per user (assumed), so two programs of the same user on one machine draw on the same
limit. Each asks a common store before it sends; the store writes the attempt down first and then says
yes, so a process that dies in between costs a slot and never breaks the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Sequence


class BudgetUnavailable(TopstepxError):
    """The shared store cannot be reached: locked too long, not writable, or damaged."""


@dataclass(frozen=True, slots=True)
class Want:
    """One attempt: yes if the bucket's last `window_ns` hold fewer than `line`; None is always yes."""

    bucket: str
    line: int | None
    window_ns: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The answer to one `Want`; `at_ns` is the attempt's time in the store."""

    granted: bool
    at_ns: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """An attempt of another process."""

    bucket: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """The answers, in order, and what others did since the last answer."""

    claims: tuple[Claim, ...]
    foreign: tuple[Foreign, ...]


class BudgetStore(Protocol):
    """The port. Calls block for some milliseconds at most and are made from one thread at a time."""

    def open(self) -> tuple[int, tuple[Foreign, ...]]:
        """Since when (nanoseconds) every attempt is in the store, and the recent ones of others."""
        ...

    def claim(self, wants: Sequence[Want]) -> Claimed:
        """Write down and allow what fits. Raises `BudgetUnavailable`."""
        ...

    def record(self, attempts: Sequence[Foreign]) -> None:
        """Write down attempts that left while the store was out of reach."""
        ...

    def release(self, bucket: str, at_ns: int) -> None:
        """Take back an own attempt that certainly never left."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...
