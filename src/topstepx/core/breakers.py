"""All breakers of one gateway, and the difference between a sick gateway and a lost connection.

Every call draws on two breakers: its own scope's and the network's. A failure of this computer (no route,
no name resolution, TLS failing to every host) is booked on the network alone, and while the network's
breaker is open no other breaker opens, learns or spends a probe: a lost Wi-Fi is not a sick venue.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from topstepx.core.breaker import (
    Breaker,
    BreakerPolicy,
    Refused,
    Scope,
    ScopeState,
    State,
    Ticket,
    Transition,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "POLICIES",
    "Breakers",
    "Call",
    "Refused",
    "Scope",
    "ScopeState",
    "State",
    "Transition",
    "Verdict",
]

POLICIES: Final[Mapping[Scope, BreakerPolicy]] = MappingProxyType(
    {
        **dict.fromkeys(Scope, BreakerPolicy()),
        Scope.TRADE_MUTATION: BreakerPolicy(probes_to_close=2),
        # An answer that took long still came: slowness is the venue's, not this computer's.
        Scope.NETWORK: BreakerPolicy(slow_s=math.inf),
    }
)


class Call(msgspec.Struct, frozen=True):
    """One admitted call: its scope, and its tickets on that scope and on the network."""

    scope: Scope
    ticket: Ticket | None
    network: Ticket | None

    @property
    def change(self) -> Transition | None:
        """The transition that sending this made: a probe moves its scope to PROBING."""
        own = self.network if self.scope is Scope.NETWORK else self.ticket
        return own.change if own is not None else None


class Breakers:
    """One breaker per scope. Every `now_ns` is the suspend-aware monotonic clock's."""

    def __init__(
        self,
        jitter: Callable[[], float],
        policies: Mapping[Scope, BreakerPolicy] = POLICIES,
    ) -> None:
        self._breakers = {scope: Breaker(scope, policies[scope], jitter) for scope in Scope}
        self._network = self._breakers[Scope.NETWORK]

    def admit(self, scope: Scope, now_ns: int, *, exits: bool = False) -> Call | Refused:
        """A call that may leave, or the refusal of its scope or of the network.

        `exits` marks a cancel, close, flatten or logout: these always get a call.
        """
        network = self._network.admit(now_ns, exits=exits)
        if isinstance(network, Refused):
            return network
        if scope is Scope.NETWORK:
            return Call(scope, None, network)
        ticket = self._breakers[scope].admit(now_ns, exits=exits)
        if isinstance(ticket, Refused):
            self._network.settle(network, "void", now_ns)
            return ticket
        return Call(scope, ticket, network)

    def probe(self, scope: Scope, now_ns: int) -> Call | None:
        """A due probe of this scope: send a read, never an order. None: none is due, or one is out.

        While the network is down only the network is probed.
        """
        if scope is Scope.NETWORK:
            probe = self._network.probe(now_ns)
            return None if probe is None else Call(scope, None, probe)
        if self._network.state is not State.CLOSED:
            return None
        ticket = self._breakers[scope].probe(now_ns)
        if ticket is None:
            return None
        network = self._network.admit(now_ns)
        return Call(scope, ticket, network if isinstance(network, Ticket) else None)

    def settle(
        self, call: Call, verdict: Verdict, now_ns: int, *, cause: str = "", local: bool = False
    ) -> tuple[Transition, ...]:
        """Count what came of a call, once; a second time changes nothing.

        "ok": a usable answer, refusals of any kind included. "bad": no connection, a timeout, HTTP 5xx,
        an answer that breaks the contract. "void": it never left or was cancelled. `local` with "bad":
        the failure is this computer's, so it counts on the network and proves nothing about the scope.
        """
        # What fails while the network is down proves nothing about the gateway.
        shut = self._network.state is not State.CLOSED
        own: Verdict = "void" if local or (shut and verdict == "bad") else verdict
        # An answer, even a bad one, may have come from the gateway or not at all: only a good one
        # proves the network, and only a local failure speaks against it.
        network: Verdict = "bad" if local and verdict == "bad" else "ok"
        if verdict == "void" or (verdict == "bad" and not local):
            network = "void"
        changes: tuple[Transition, ...] = ()
        if call.network is not None:
            change = self._network.settle(call.network, network, now_ns, cause)
            changes = () if change is None else (change,)
        if call.ticket is not None:
            change = self._breakers[call.scope].settle(call.ticket, own, now_ns, cause)
            changes = changes if change is None else (*changes, change)
        return changes

    def advance(self, now_ns: int) -> tuple[Transition, ...]:
        """Give up probes that are past their deadline."""
        shut = self._network.state is not State.CLOSED
        changes = [
            breaker.advance(now_ns, excused=shut and breaker is not self._network)
            for breaker in self._breakers.values()
        ]
        return tuple(change for change in changes if change is not None)

    def due(self, now_ns: int) -> tuple[Scope, ...]:
        """The scopes that want a probe now."""
        if self._network.state is not State.CLOSED:
            return (Scope.NETWORK,) if self._network.wants_probe(now_ns) else ()
        return tuple(each.scope for each in self._breakers.values() if each.wants_probe(now_ns))

    def deadline(self) -> int | None:
        """When a probe is due or lost; None when all is well."""
        shut = self._network.state is not State.CLOSED
        moments = [
            moment
            for breaker in ((self._network,) if shut else self._breakers.values())
            if (moment := breaker.deadline()) is not None
        ]
        return min(moments, default=None)

    def isolate(self, scope: Scope, cause: str, now_ns: int) -> tuple[Transition, ...]:
        """Shut a scope until `reset`; exits still pass."""
        change = self._breakers[scope].isolate(cause, now_ns)
        return () if change is None else (change,)

    def reset(self, scope: Scope, now_ns: int) -> tuple[Transition, ...]:
        """Close a scope and forget its failures."""
        change = self._breakers[scope].reset(now_ns)
        return () if change is None else (change,)

    def state(self, scope: Scope) -> State:
        """What this scope lets through."""
        return self._breakers[scope].state

    def snapshot(self, now_ns: int) -> tuple[ScopeState, ...]:
        """Every scope, for people."""
        return tuple(breaker.snapshot(now_ns) for breaker in self._breakers.values())
