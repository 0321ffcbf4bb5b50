"""One session for several processes: what they ask of the record they share.

Whoever renews takes the lock first and then looks whether somebody else already did: a record of a
newer generation is taken over instead of asking the gateway again. The lock is the operating
system's, so that a process that dies lets go of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.settings import Secret


class SharingUnavailable(TopstepxError):
    """The shared record cannot be read or written; this process goes on with a session of its own."""


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A token in the shared record, with times on this computer's clocks."""

    generation: int
    value: Secret
    obtained_ns: int
    obtained_at: datetime
    life_s: float


class SharedSession(Protocol):
    """The port. Calls block for milliseconds at most and come from one thread at a time.

    All but `unlock` may raise `SharingUnavailable`.
    """

    def try_lock(self) -> bool:
        """Take the lock, or say at once that another process has it."""
        ...

    def unlock(self) -> None:
        """Give the lock back; nothing when it is not held."""
        ...

    def read(self) -> SharedToken | None:
        """What is in the record; None for nothing, or nothing that this user's key opens."""
        ...

    def write(self, token: SharedToken) -> None:
        """Replace the record in one step."""
        ...

    def forget(self) -> None:
        """Delete the record."""
        ...
