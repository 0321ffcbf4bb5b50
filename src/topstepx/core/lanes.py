"""Lanes of requests, and the queues in which patient ones wait.

Each lane may use the budget only up to a line, and the line is lower for lanes of lower rank. What lies
above a lane's line is thereby reserved for the lanes above it: reads can never take the room that a
cancel will need.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Lane(IntEnum):
    """Who goes first, highest rank first."""

    EXIT = 0
    """Cancel, close, flatten, logout: what ends or reduces a position. Always leaves."""
    RESOLVE = 1
    """Finding out what became of an order."""
    ORDER = 2
    """Place and modify. Never waits: there is room now, or it is refused with the time to come back."""
    RECONCILE = 3
    """Snapshots after a reconnect, polling while a hub is down, logging in."""
    READ = 4
    """Everything else a program asks for."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that waits for its turn. Times are monotonic nanoseconds."""

    number: int
    lane: Lane
    caller: str
    asked_ns: int
    deadline_ns: int


class WaitingRoom:
    """Tickets of one lane: callers take turns, and each caller's tickets keep their order."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self.tickets: dict[int, Ticket] = {}
        """Who waits, by number; to be looked at only."""
        self._deadlines: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.tickets)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self.tickets.values())

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket.number in self.tickets

    def join(self, ticket: Ticket) -> None:
        """Stand in the caller's own row; a new caller gets the last turn."""
        self._turns.setdefault(ticket.caller, deque()).append(ticket)
        self._note(ticket)

    def rejoin(self, ticket: Ticket) -> None:
        """Take the very next turn: it had its turn already and could not use it."""
        self._turns.setdefault(ticket.caller, deque()).appendleft(ticket)
        self._turns.move_to_end(ticket.caller, last=False)
        self._note(ticket)

    def _note(self, ticket: Ticket) -> None:
        self.tickets[ticket.number] = ticket
        heapq.heappush(self._deadlines, (ticket.deadline_ns, ticket.number))

    def next(self) -> Ticket:
        """Take the ticket whose turn it is; its caller's next turn comes after everybody else's."""
        caller, row = self._turns.popitem(last=False)
        ticket = row.popleft()
        if row:
            self._turns[caller] = row
        del self.tickets[ticket.number]
        return ticket

    def leave(self, ticket: Ticket) -> bool:
        """Give up a place; False when it was gone already."""
        if self.tickets.pop(ticket.number, None) is None:
            return False
        row = self._turns[ticket.caller]
        row.remove(ticket)
        if not row:
            del self._turns[ticket.caller]
        return True

    def deadline(self) -> int | None:
        """When the first waiting ticket gives up, or None when nobody waits."""
        while self._deadlines and self._deadlines[0][1] not in self.tickets:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, now_ns: int) -> list[Ticket]:
        """Take out every ticket whose deadline has come, earliest deadline first."""
        gone: list[Ticket] = []
        while (deadline_ns := self.deadline()) is not None and deadline_ns <= now_ns:
            ticket = self.tickets[self._deadlines[0][1]]
            self.leave(ticket)
            gone.append(ticket)
        return gone
