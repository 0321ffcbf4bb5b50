"""When to leave a failing part of the gateway alone: the circuit breaker of one scope.

Theory of operation
-------------------
CLOSED: every call passes and its result counts. Five bad results in a row open the breaker (so that three
orders a minute are enough), and so does half or more of at least six results within a minute.

OPEN: calls are refused for 1 s, then 2, 4 … 30 s, each give or take a quarter. Then one probe may leave.

PROBING: one probe is out, and only one. The probe is a read, never an order: an order is no test. Good
probes (two for trade mutations, one elsewhere) close the breaker; a bad one, or one that has not come back
by its deadline, opens it again for twice as long. So a lost probe delays, and cannot wedge.

ISOLATED: a person shut it. Only a person opens it again. No probes.

Each ticket is settled once; a second verdict is ignored. A result counts only in the life it began in: a
call that left before the breaker opened, and answers late, proves nothing about now.

Exits pass every state. Their results count while CLOSED and are tallied otherwise.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

import msgspec

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

Verdict = Literal["ok", "bad", "void"]


class Scope(Enum):
    """The parts that fail separately."""

    AUTH = "auth"
    TRADE_MUTATION = "trade mutations"
    TRADE_READ = "trade reads"
    HISTORY = "history"
    HUB_USER = "user hub"
    HUB_MARKET = "market hub"
    NETWORK = "network"
    """This computer's own connection: name resolution, routes, TLS to every host."""

    # Enum's own hash runs Python code for every look into a dictionary.
    __hash__ = object.__hash__


class State(Enum):
    """What a breaker lets through; the module's docstring tells how one becomes another."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When one scope opens and how it comes back. Times in seconds."""

    consecutive: int = 5
    rate: float = 0.5
    rate_least: int = 6
    rate_window_s: float = 60.0
    open_s: float = 1.0
    open_cap_s: float = 30.0
    spread: float = 0.25
    slow_s: float = 5.0
    probe_deadline_s: float = 10.0
    probes_to_close: int = 1


@dataclass(frozen=True, slots=True)
class Refused:
    """The call must not leave; `next_probe_ns` is when the scope is looked at again (None: by hand)."""

    scope: Scope
    cause: str
    next_probe_ns: int | None


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state, its cause in words, and when the next probe is due (None: none is)."""

    scope: Scope
    before: State
    after: State
    cause: str
    at_ns: int
    next_probe_ns: int | None


class Ticket(msgspec.Struct, frozen=True):
    """One call that passed; hand it back to `settle`. `life` is the closed spell it began in."""

    number: int
    life: int
    began_ns: int
    probe: bool = False
    change: Transition | None = None
    """For a probe: the transition that sending it made."""


@dataclass(frozen=True, slots=True)
class ScopeState:
    """One scope, for people. Seconds count from now."""

    scope: Scope
    state: State
    cause: str | None
    next_probe_s: float | None
    consecutive_bad: int
    recent: int
    recent_bad: int
    in_flight: int


class Breaker:
    """The machine of one scope. `jitter` gives numbers in [0, 1); every `now_ns` is monotonic."""

    def __init__(self, scope: Scope, policy: BreakerPolicy, jitter: Callable[[], float]) -> None:
        self.scope, self.policy = scope, policy
        self.state = State.CLOSED
        self._jitter = jitter
        self._cause: str | None = None
        self._life = 0
        self._numbers = 0
        self._out: dict[int, Ticket] = {}
        self._results: deque[tuple[int, bool]] = deque(maxlen=1000)
        self._row = 0
        self._openings = 0
        self._good_probes = 0
        self._probe: Ticket | None = None
        self._probe_at_ns = 0

    # Asking

    def admit(self, now_ns: int, *, exits: bool = False) -> Ticket | Refused:
        """A ticket, or no. `exits` marks a cancel, close, flatten or logout: they always pass."""
        if self.state is State.CLOSED or exits:
            return self._issue(now_ns)
        at_ns = self._probe_at_ns
        if self.state is State.PROBING and self._probe is not None:
            at_ns = self._probe.began_ns + self._probe_deadline_ns
        cause = self._cause or "isolated by hand"
        return Refused(self.scope, cause, None if self.state is State.ISOLATED else at_ns)

    def probe(self, now_ns: int) -> Ticket | None:
        """The one probe, when it is due; None when it is not, or when one is out."""
        if not self.wants_probe(now_ns):
            return None
        change = None
        if self.state is State.OPEN:
            lost_ns = now_ns + self._probe_deadline_ns
            cause = self._cause or ""
            change = self._become(State.PROBING, cause, now_ns, lost_ns)
        self._probe = self._issue(now_ns, change, probe=True)
        return self._probe

    def wants_probe(self, now_ns: int) -> bool:
        """Whether a probe may leave now."""
        due = now_ns >= self._probe_at_ns and self._probe is None
        return due and self.state in {State.OPEN, State.PROBING}

    def _issue(
        self, now_ns: int, change: Transition | None = None, *, probe: bool = False
    ) -> Ticket:
        self._numbers += 1
        ticket = Ticket(self._numbers, self._life, now_ns, probe, change)
        self._out[ticket.number] = ticket
        return ticket

    # What came of it

    def settle(
        self, ticket: Ticket, verdict: Verdict, now_ns: int, cause: str = ""
    ) -> Transition | None:
        """Count one result: "ok", "bad", or "void" when the call proves nothing.

        What took longer than the policy's `slow_s` is bad by itself.
        """
        if self._out.pop(ticket.number, None) is None:
            return None
        if verdict == "ok" and now_ns - ticket.began_ns > self.policy.slow_s * NANOSECONDS:
            verdict, cause = "bad", f"slower than {self.policy.slow_s:g} s"
        if ticket.probe:
            return self._settle_probe(ticket, verdict, now_ns, cause)
        if verdict == "void" or ticket.life != self._life:
            return None
        self._results.append((now_ns, verdict == "bad"))
        if self.state is not State.CLOSED:
            return None
        self._row = self._row + 1 if verdict == "bad" else 0
        if verdict == "bad" and (why := self._too_bad(now_ns)):
            return self._open(now_ns, f"{why}, last: {cause or 'bad answer'}")
        return None

    def _settle_probe(
        self, ticket: Ticket, verdict: Verdict, now_ns: int, cause: str
    ) -> Transition | None:
        if self._probe is not ticket:
            return None  # given up as lost, or overtaken by a person
        self._probe = None
        if verdict == "void":
            # It proved nothing: another one after the first, short break; the break does not grow.
            return self._rest(now_ns, self._spread_ns(self.policy.open_s), "the probe was not sent")
        if verdict == "bad":
            return self._open(now_ns, f"the probe failed: {cause or 'bad answer'}")
        self._good_probes += 1
        if self._good_probes < self.policy.probes_to_close:
            self._probe_at_ns = now_ns
            return None
        return self._close(now_ns, "the probe came back")

    def _too_bad(self, now_ns: int) -> str | None:
        if self._row >= self.policy.consecutive:
            return f"{self._row} failures in a row"
        total, bad = self._recent(now_ns)
        if total >= self.policy.rate_least and bad >= self.policy.rate * total:
            return f"{bad} of {total} calls failed within {self.policy.rate_window_s:g} s"
        return None

    def _recent(self, now_ns: int) -> tuple[int, int]:
        while self._results and now_ns - self._results[0][0] > self._rate_window_ns:
            self._results.popleft()
        return len(self._results), sum(bad for _, bad in self._results)

    # Time and people

    def advance(self, now_ns: int, *, excused: bool = False) -> Transition | None:
        """Give up a probe that is past its deadline; `excused`: something else lost it."""
        probe = self._probe
        if probe is None or now_ns - probe.began_ns < self._probe_deadline_ns:
            return None
        self._out.pop(probe.number, None)
        self._probe = None
        cause = "the probe did not come back"
        if excused:
            return self._rest(now_ns, self._spread_ns(self.policy.open_s), cause)
        return self._open(now_ns, cause)

    def deadline(self) -> int | None:
        """When a probe is due or lost; None while closed or isolated."""
        if self._probe is not None:
            return self._probe.began_ns + self._probe_deadline_ns
        return self._probe_at_ns if self.state in {State.OPEN, State.PROBING} else None

    def isolate(self, cause: str, now_ns: int) -> Transition | None:
        """Shut it until `reset`; None when it was isolated already."""
        if self.state is State.ISOLATED:
            return None
        self._begin_life()
        return self._become(State.ISOLATED, cause, now_ns, None)

    def reset(self, now_ns: int) -> Transition | None:
        """Close it, whatever it was, and forget its past; None when it was closed."""
        if self.state is not State.CLOSED:
            return self._close(now_ns, "reset by hand")
        self._begin_life()
        return None

    def snapshot(self, now_ns: int) -> ScopeState:
        """Everything about this scope that a person may want to see."""
        recent, recent_bad = self._recent(now_ns)
        waits = self.state in {State.OPEN, State.PROBING}
        return ScopeState(
            scope=self.scope,
            state=self.state,
            cause=self._cause,
            next_probe_s=max(self._probe_at_ns - now_ns, 0) / NANOSECONDS if waits else None,
            consecutive_bad=self._row,
            recent=recent,
            recent_bad=recent_bad,
            in_flight=len(self._out),
        )

    # Changes

    def _open(self, now_ns: int, cause: str) -> Transition:
        longest_s = min(self.policy.open_s * 2.0 ** min(self._openings, 30), self.policy.open_cap_s)
        self._openings += 1
        self._begin_life()
        return self._rest(now_ns, self._spread_ns(longest_s), cause)

    def _rest(self, now_ns: int, break_ns: int, cause: str) -> Transition:
        self._good_probes = 0
        self._probe_at_ns = now_ns + break_ns
        return self._become(State.OPEN, cause, now_ns, self._probe_at_ns)

    def _close(self, now_ns: int, cause: str) -> Transition:
        self._openings = 0
        self._begin_life()
        return self._become(State.CLOSED, cause, now_ns, None)

    def _begin_life(self) -> None:
        self._life += 1
        self._row = self._good_probes = 0
        self._probe = None
        self._results.clear()

    def _become(
        self, state: State, cause: str, now_ns: int, next_probe_ns: int | None
    ) -> Transition:
        before, self.state = self.state, state
        self._cause = None if state is State.CLOSED else cause
        return Transition(self.scope, before, state, cause, now_ns, next_probe_ns)

    def _spread_ns(self, seconds: float) -> int:
        return round(seconds * (1 + self.policy.spread * (2 * self._jitter() - 1)) * NANOSECONDS)

    @property
    def _rate_window_ns(self) -> int:
        return round(self.policy.rate_window_s * NANOSECONDS)

    @property
    def _probe_deadline_ns(self) -> int:
        return round(self.policy.probe_deadline_s * NANOSECONDS)
