"""The step before the wire: a permit from the request budget and a call from the breaker.

Exits (lane EXIT) always pass the breaker and always find a permit; what they meet counts all the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from topstepx.clock import NANOSECONDS
from topstepx.core.blame import Blame
from topstepx.core.breaker import Scope, ScopeState
from topstepx.core.breakers import Breakers, Call, Refused, Transition, Verdict
from topstepx.core.lanes import Lane
from topstepx.core.permits import Granted
from topstepx.errors import AnswerLost, BreakerOpen, NotSent
from topstepx.wire import routes
from topstepx.wire.routes import Bucket, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.clock import Clock
    from topstepx.core.outcome import Outcome
    from topstepx.core.permits import Permit
    from topstepx.net.limiter import RateLimiter
    from topstepx.net.transport import HttpAnswer

_TOO_MANY = 429
_MUTATIONS = {
    route.path
    for route in (
        routes.PLACE,
        routes.MODIFY,
        routes.CANCEL,
        routes.CLOSE_CONTRACT,
        routes.PARTIAL_CLOSE,
    )
}


HUBS = frozenset({Scope.HUB_USER, Scope.HUB_MARKET})
"""A hub is probed by its link's own next attempt to open it (`net.hub_gate`)."""

REST_HOST = "rest"
_LOOK_S = 0.1


def scope_of(route: Route[Any, Any]) -> Scope:
    """Which breaker a route belongs to."""
    return _SCOPES.get(route.path) or _scope(route)


def _scope(route: Route[Any, Any]) -> Scope:
    if route.path in _MUTATIONS:
        return Scope.TRADE_MUTATION
    if route.path.startswith("/api/Auth/"):
        return Scope.AUTH
    return Scope.HISTORY if route.bucket is Bucket.BARS else Scope.TRADE_READ


_SCOPES = {route.path: _scope(route) for route in routes.ROUTES}


class Gate:
    """Hands out tickets, one per request. `run` it so that an open breaker is probed."""

    def __init__(
        self,
        limiter: RateLimiter,
        breakers: Breakers,
        clock: Clock,
        *,
        probe: Callable[[], Awaitable[HttpAnswer]],
        told: Callable[[Transition], None],
    ) -> None:
        self.limiter = limiter
        self.breakers = breakers
        self._clock = clock
        self._probe = probe
        self._told = told
        self._blame = Blame()
        self._wake = asyncio.Event()

    async def enter(self, route: Route[Any, Any], lane: Lane, deadline_ns: int) -> Ticket:
        """The right to send one request now.

        Waits for room as the lane allows; raises `RateLimited` or `BreakerOpen` (nothing was sent).
        """
        limiter = self.limiter
        answer = limiter.ask(lane, route.bucket, deadline_ns=deadline_ns, caller=route.name)
        if isinstance(answer, Granted) and limiter.is_alone:
            permit = answer.permit
        else:
            permit = await limiter.turn(answer, route.bucket, deadline_ns=deadline_ns)
        now_ns = self._clock.monotonic_ns()
        call = self.breakers.admit(scope_of(route), now_ns, exits=lane is Lane.EXIT)
        if isinstance(call, Refused):
            self.limiter.unsent(permit)
            wait_s = None
            if call.next_probe_ns is not None:
                wait_s = max(0.0, (call.next_probe_ns - now_ns) / NANOSECONDS)
            msg = f"{route.name} was not sent: {call.scope.value} is failing ({call.cause})."
            raise BreakerOpen(
                msg, next_step="It is probed and comes back by itself.", retry_after_s=wait_s
            )
        return Ticket(self, permit, call)

    def settle(self, call: Call, verdict: Verdict, cause: str, *, local: bool = False) -> None:
        """Book what came of a call and tell the transitions."""
        now_ns = self._clock.monotonic_ns()
        transitions = self.breakers.settle(call, verdict, now_ns, cause=cause, local=local)
        if transitions:
            self._tell(transitions)

    def isolate(self, scope: Scope, cause: str) -> None:
        """Shut a scope until `reset`; exits still pass."""
        self._tell(self.breakers.isolate(scope, cause, self._clock.monotonic_ns()))

    def reset(self, scope: Scope) -> None:
        """Close a breaker and forget its failures."""
        self._tell(self.breakers.reset(scope, self._clock.monotonic_ns()))

    def probe(self, scope: Scope) -> Call | None:
        """A due probe of a scope that is probed by its owner, or None."""
        call = self.breakers.probe(scope, self._clock.monotonic_ns())
        if call is not None and call.change is not None:
            self._tell((call.change,))
        return call

    def blames_us(self, error: NotSent | AnswerLost, part: str) -> bool:
        """Whether a failure is this computer's own; `part` is which host it was about."""
        return isinstance(error, NotSent) and self._blame.is_ours(
            error.fault, part, self._clock.monotonic_ns()
        )

    def _tell(self, transitions: tuple[Transition, ...]) -> None:
        for transition in transitions:
            self._told(transition)
        if transitions:
            self._wake.set()

    def snapshot(self) -> tuple[ScopeState, ...]:
        """Every breaker, for people."""
        return self.breakers.snapshot(self._clock.monotonic_ns())

    async def run(self) -> None:
        """Probe open breakers when they are due; runs until cancelled."""
        while True:
            now_ns = self._clock.monotonic_ns()
            self._tell(self.breakers.advance(now_ns))
            due = [scope for scope in self.breakers.due(now_ns) if scope not in HUBS]
            calls = [call for scope in due if (call := self.probe(scope)) is not None]
            if calls:
                await self._send_probe(calls)
                continue
            due_ns = self.breakers.deadline()
            self._wake.clear()
            wait_s = None
            if due_ns is not None:
                # A hub that is due waits for its link to try; meanwhile there is no hurry.
                wait_s = max(_LOOK_S, (due_ns - self._clock.monotonic_ns()) / NANOSECONDS)
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _send_probe(self, calls: list[Call]) -> None:
        """One ping answers for every scope that waits for a probe."""
        try:
            answer = await self._probe()
        except (NotSent, AnswerLost) as error:
            local = self.blames_us(error, REST_HOST)
            for call in calls:
                self.settle(call, "bad", type(error).__name__, local=local)
            return
        except BaseException:  # boundary: a cancelled probe must not stay out
            for call in calls:
                self.settle(call, "void", "cancelled")
            raise
        verdict: Verdict = "bad" if answer.status >= 500 else "ok"  # noqa: PLR2004  the 5xx class
        for call in calls:
            self.settle(call, verdict, f"probe: HTTP {answer.status}")


class Ticket:
    """The right to send one request; exactly one of its methods is called, once."""

    __slots__ = ("_call", "_gate", "_permit")

    def __init__(self, gate: Gate, permit: Permit, call: Call) -> None:
        self._gate = gate
        self._permit = permit
        self._call = call

    def answered(self, answer: HttpAnswer, outcome: Outcome) -> float | None:
        """An answer came. For a 429: how many seconds this lane now waits."""
        broke = outcome.breaks_contract or answer.status >= 500  # noqa: PLR2004  the 5xx class
        self._gate.settle(self._call, "bad" if broke else "ok", outcome.reason)
        if answer.status == _TOO_MANY:
            return self._gate.limiter.throttled(self._permit, answer.headers.get("retry-after"))
        self._gate.limiter.answered(self._permit)
        return None

    def failed(self, error: NotSent | AnswerLost) -> None:
        """No answer came."""
        if isinstance(error, NotSent):
            self._gate.limiter.unsent(self._permit)
        local = self._gate.blames_us(error, REST_HOST)
        self._gate.settle(self._call, "bad", type(error).__name__, local=local)

    def unused(self) -> None:
        """It was certainly not sent after all."""
        self._gate.limiter.unsent(self._permit)
        self._gate.settle(self._call, "void", "not sent")

    def abandoned(self) -> None:
        """The caller gave up while it was under way; it may have been sent."""
        self._gate.settle(self._call, "void", "cancelled")
