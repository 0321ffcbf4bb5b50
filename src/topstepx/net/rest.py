"""One REST call, through every step in order: permit, token, breaker, send, judge.

Nothing here repeats a call that may have acted. A 401 proves that nothing was executed, so after one
renewal the same request may go once more; everything else is for the caller to decide, by the verdict.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane
from topstepx.core.outcome import Outcome, Verdict, judge
from topstepx.errors import (
    AnswerLost,
    AnswerUnusable,
    AuthBroken,
    DeadlinePassed,
    GatewayBusy,
    GatewayRefused,
    NotSent,
    OrderRefused,
    TopstepxError,
    sanitised,
)
from topstepx.net.auth import HEADERS, judge_answer, server_time
from topstepx.net.renewal import bearer
from topstepx.wire import codec, models, routes
from topstepx.wire.bar_pages import read_in_slices
from topstepx.wire.routes import ErrorTable, Route, Safety

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.clock import Clock
    from topstepx.core.retry import RetryBudget
    from topstepx.core.token import Token
    from topstepx.net.auth import TokenKeeper
    from topstepx.net.gate import Gate, Ticket
    from topstepx.net.transport import HttpAnswer, RestTransport

RequestT = TypeVar("RequestT", bound=models.Request)
AnswerT = TypeVar("AnswerT", bound=models.Envelope)

_OK, _UNAUTHORIZED, _TOO_MANY = 200, 401, 429
_LARGE_BYTES = 100_000
"""Answers from this size on are not read in one go: 20,000 bars take tens of milliseconds."""


class Sent(msgspec.Struct, frozen=True):
    """What came of one request: the verdict, or the error that took its place."""

    outcome: Outcome | None
    error: NotSent | AnswerLost | None = None
    retry_after_s: float | None = None
    """How long to wait after a 429."""


class Rest:
    """Makes calls. One per client."""

    def __init__(
        self,
        transport: RestTransport,
        keeper: TokenKeeper,
        clock: Clock,
        gate: Gate,
        retries: RetryBudget,
    ) -> None:
        self._transport = transport
        self._keeper = keeper
        self._clock = clock
        self._gate = gate
        self._retries = retries
        self._date: str | None = None
        self._said: datetime | None = None
        self._said_ns = 0

    def server_now(self) -> datetime:
        """The gateway's clock, as far as its answers tell it; ours until the first one."""
        if self._said is None:
            return self._clock.now()
        since_ns = (
            self._clock.monotonic_ns() - self._said_ns
        )  # it does not step as the wall clock may
        return self._said + timedelta(microseconds=since_ns // 1000)

    def server_told(self) -> datetime | None:
        """The same, and None where the gateway's answers did not tell it: fit for comparing moments."""
        return None if self._said is None else self.server_now()

    async def call(
        self,
        route: Route[RequestT, AnswerT],
        request: RequestT,
        *,
        lane: Lane,
        timeout_s: float,
        wait_s: float | None = None,
    ) -> AnswerT:
        """The answer of an accepted call; every other end raises.

        A READ that fails for a reason that may pass is sent up to three times. `timeout_s` is for each
        answer, `wait_s` for everything before the last sending: room in the request budget, a token,
        earlier attempts (None: as long as one answer, for a READ three times that).

        `GatewayRefused` (a definite no), `GatewayBusy` (429), `NotSent`, `RateLimited`, `BreakerOpen`,
        `DeadlinePassed`, `AuthBroken`: it did not happen. `AnswerLost`, `AnswerUnusable`: for a call
        that changes something, it may have.
        """
        reads = route.safety is Safety.READ
        room_s = wait_s if wait_s is not None else timeout_s * (3 if reads else 1)
        send_by_ns = self._clock.monotonic_ns() + round(room_s * NANOSECONDS)
        failures = 0
        if reads:
            self._retries.first()
        while True:
            sent = await self.attempt(
                route, request, lane=lane, send_by_ns=send_by_ns, timeout_s=timeout_s
            )
            outcome = sent.outcome
            if outcome is not None and outcome.verdict is Verdict.ACCEPTED:
                return cast("AnswerT", outcome.answer)
            error = error_of(route, sent)
            failures += 1
            pause_s = self._retries.again(failures) if reads and _may_pass(error) else None
            if pause_s is None or self._clock.monotonic_ns() + pause_s * NANOSECONDS >= send_by_ns:
                raise error
            await asyncio.sleep(pause_s)

    async def attempt(
        self,
        route: Route[RequestT, AnswerT],
        request: RequestT,
        *,
        lane: Lane,
        send_by_ns: int,
        timeout_s: float,
        last_look: Callable[[], None] | None = None,
        body: bytes | None = None,
    ) -> Sent:
        """Send once (twice only across a 401) and judge; local refusals raise, the rest is returned.

        Nothing leaves after `send_by_ns`; once it left, the answer has `timeout_s` to come. `last_look`
        is called in the step in which it is handed over, and what it raises stops it. `body`: the request
        as it was encoded already, to be sent exactly so.
        """
        body = codec.encode(request) if body is None else body
        renewed = False
        while True:
            token = None
            if route.wants_token:
                token = self._keeper.usable()
                if token is None:
                    token = await self._keeper.token(
                        deadline_ns=send_by_ns, exit_waits=lane is Lane.EXIT
                    )
            ticket = await self._gate.enter(route, lane, send_by_ns)
            if self._clock.monotonic_ns() >= send_by_ns:
                ticket.unused()
                msg = f"{route.name} could not be sent in time, so it was not sent."
                raise DeadlinePassed(msg)
            if last_look is not None:
                try:
                    last_look()
                except TopstepxError:
                    ticket.unused()
                    raise
            left_s = (send_by_ns - self._clock.monotonic_ns()) / NANOSECONDS
            sent = await self._send(route, body, token, ticket, (timeout_s, left_s))
            unauthorized = sent.outcome is not None and sent.outcome.status == _UNAUTHORIZED
            if token is not None and unauthorized:
                self._keeper.refused(token)
                if renewed:
                    msg = "The gateway refused a token that it had just given out."
                    raise AuthBroken(msg, next_step="Wait a minute; then check the API key.")
                renewed = True
                continue
            if token is not None and sent.outcome is not None:
                self._keeper.proven(token)
            return sent

    async def _send(
        self,
        route: Route[Any, Any],
        body: bytes,
        token: Token | None,
        ticket: Ticket,
        times_s: tuple[float, float],
    ) -> Sent:
        timeout_s, leave_within_s = times_s
        headers = HEADERS if token is None else bearer(token)
        try:
            answer = await self._transport.send(
                route.method,
                route.path,
                headers=headers,
                body=body,
                timeout_s=timeout_s,
                leave_within_s=leave_within_s,
            )
        except (NotSent, AnswerLost) as error:
            ticket.failed(error)
            return Sent(None, error)
        except BaseException:  # boundary: a cancelled call must give its ticket back
            ticket.abandoned()
            raise
        date = answer.headers.get("date")
        if date != self._date:  # whole seconds, so it says most when it has just changed
            self._date, self._said = date, server_time(answer.headers)
            self._said_ns = self._clock.monotonic_ns()
        if len(answer.body) < _LARGE_BYTES:
            outcome = judge_answer(route, answer)
        else:
            try:
                outcome = await judge_long(route, answer)
            except BaseException:  # boundary: a cancelled call must give its ticket back
                ticket.abandoned()
                raise
        retry_after_s = ticket.answered(answer, outcome)
        return Sent(outcome, None, retry_after_s)

    async def ping(self, *, timeout_s: float = 4.0) -> HttpAnswer:
        """`Status/ping`, without token or permit; raises `NotSent` or `AnswerLost`."""
        return await self._transport.send(
            "GET", routes.PING_PATH, headers=HEADERS, body=b"", timeout_s=timeout_s
        )


async def judge_long(route: Route[Any, Any], answer: HttpAnswer) -> Outcome:
    """`judge_answer` for an answer that takes long to read: meanwhile a cancel finds the loop free."""
    if route is routes.RETRIEVE_BARS and answer.status == _OK:
        slices = read_in_slices(answer.body)
        while True:
            try:
                next(slices)
            except StopIteration as end:
                if end.value is not None:
                    return judge(route, answer.status, end.value, None)
                break
            await asyncio.sleep(0)
    return await asyncio.to_thread(judge_answer, route, answer)


def _may_pass(error: TopstepxError) -> bool:
    """Whether a read that failed so may succeed when it is sent again."""
    return isinstance(error, NotSent | AnswerLost | AnswerUnusable | GatewayBusy)


_STEPS = {
    Safety.READ: "Nothing was changed: it may be asked again.",
    Safety.REPEATABLE: "It may have happened; it may be sent again, for the end is the same.",
    Safety.ONCE: "It may have happened: look at orders, trades and position before sending anything.",
}


def error_of(route: Route[Any, Any], sent: Sent) -> TopstepxError:
    """The exception for a call that was not accepted."""
    outcome = sent.outcome
    if outcome is None:
        return _without_answer(route, sent.error)
    if outcome.status == _TOO_MANY:
        return GatewayBusy(
            route=route.name,
            code=None,
            name="TooManyRequests",
            meaning="too many requests in the gateway's window.",
            next_step="Wait a minute; other programs of yours share the budget.",
            status=outcome.status,
            retry_after_s=sent.retry_after_s,
        )
    if outcome.verdict is Verdict.REFUSED:
        return refusal_of(route, outcome)
    return _unusable(route, outcome)


def _without_answer(
    route: Route[Any, Any], failure: NotSent | AnswerLost | None
) -> NotSent | AnswerLost:
    error = failure or AnswerLost(f"{route.name}: no answer.")
    error.route = route.name
    if isinstance(error, AnswerLost):
        if route.safety is Safety.READ:
            error.did_it_happen = "no"  # a read changes nothing, whatever became of it
        error.next_step = _STEPS[route.safety]
        error.args = (f"{error} {error.next_step}",)
    return error


def _unusable(route: Route[Any, Any], outcome: Outcome) -> AnswerUnusable:
    """An answer that proves nothing; what it carries is kept, an unknown code with its number."""
    refusal, answer = outcome.refusal, outcome.answer
    text = sanitised(answer.error_message) if answer is not None else None
    what = f": {refusal.meaning}" if refusal is not None else ""
    said = f'. The gateway said: "{text}"' if text else ""
    step = _STEPS[route.safety]
    if refusal is not None and route.safety is not Safety.READ:
        step = refusal.next_step
    error = AnswerUnusable(
        f"{route.name}: {outcome.reason}{what}{said}.",
        route=route.name,
        status=outcome.status,
        did_it_happen="no" if route.safety is Safety.READ else "unknown",
        next_step=step,
    )
    error.gateway_text = text
    if refusal is not None:
        error.code, error.name, error.meaning = refusal.code, refusal.name, refusal.meaning
    return error


def refusal_of(route: Route[Any, Any], outcome: Outcome) -> GatewayRefused:
    """The exception for a definite no."""
    refusal, answer = outcome.refusal, outcome.answer
    parts: dict[str, Any] = {
        "route": route.name,
        "code": refusal.code if refusal else None,
        "name": refusal.name if refusal else f"HTTP {outcome.status}",
        "meaning": refusal.meaning if refusal else outcome.reason,
        "next_step": refusal.next_step if refusal else "Check the fields named.",
        "gateway_text": answer.error_message if answer else None,
        "status": outcome.status,
    }
    if route.errors is ErrorTable.PLACE:
        order_id = answer.order_id if isinstance(answer, models.PlaceAnswer) else None
        return OrderRefused(order_id=order_id, **parts)
    return GatewayRefused(**parts)
