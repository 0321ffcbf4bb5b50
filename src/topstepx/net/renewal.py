"""Carrying one renewal of the token out: the shared record first, then the gateway.

Nothing is decided here: whether, when and how to renew, and what an answer means for the session, is
`core.token`'s to say.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane
from topstepx.core.outcome import Verdict, judge, problem_text
from topstepx.core.sharing import SharedToken, SharingUnavailable
from topstepx.core.token import Renewal
from topstepx.errors import (
    AnswerLost,
    DeadlinePassed,
    GatewayBusy,
    GatewayRefused,
    LoginRefused,
    NotSent,
    RefusedHere,
    TopstepxError,
    sanitised,
)
from topstepx.settings import Secret
from topstepx.wire import codec, models, routes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from topstepx.clock import Clock
    from topstepx.core.logins import LoginLog
    from topstepx.core.outcome import Outcome
    from topstepx.core.sharing import SharedSession
    from topstepx.core.token import Token, TokenMachine
    from topstepx.net.gate import Gate, Ticket
    from topstepx.net.transport import HttpAnswer, RestTransport
    from topstepx.settings import Credentials
    from topstepx.wire.routes import Route

_LOG = logging.getLogger("topstepx.auth")
_OK, _TOO_MANY = 200, 429
_LOCK_PATIENCE_S, _LOCK_LOOK_S = 60.0, 0.1

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "topstepx-python",
}

T = TypeVar("T")


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The gateway's own clock from its `Date` header, or None."""
    try:
        read = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return read.astimezone(UTC) if read.tzinfo is not None else read.replace(tzinfo=UTC)


def bearer(token: Token) -> dict[str, str]:
    """The headers of a request that carries this token."""
    return {**HEADERS, "Authorization": f"Bearer {token.value.reveal()}"}


class Renewer:
    """Carries renewals out, one at a time, for the keeper."""

    def __init__(
        self,
        machine: TokenMachine,
        transport: RestTransport,
        credentials: Credentials,
        clock: Clock,
        *,
        timeout_s: float,
        gate: Gate | None = None,
        logins: LoginLog | None = None,
        shared: SharedSession | None = None,
    ) -> None:
        self._machine = machine
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._timeout_s = timeout_s
        self._gate = gate
        self._logins = logins
        self._shared = shared
        self._shared_generation = self._published = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="topstepx-session")
        self.lock: LoginRefused | None = None
        """Why the session is LOCKED."""
        self.error: TopstepxError | None = None
        """What went wrong last."""

    async def renew(self, renewal: Renewal) -> None:
        """One renewal, from the lock to the verdict; the machine is told how it ended."""
        self._machine.started(renewal)
        shared = self._shared
        if shared is None:
            await self._ask(renewal)
            return
        locked = await self._lock(shared)
        try:
            if not await self._adopt(shared):
                await self._ask(renewal)
                await self._publish(shared)
        finally:
            if locked:  # on the thread, behind a write that may still be under way
                self._thread.submit(shared.unlock)

    def take(self, credentials: Credentials, shared: SharedSession | None) -> None:
        """Log in with these from now on."""
        self._credentials, self._shared = credentials, shared
        self._shared_generation = self._published = 0

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False)

    # -- the record that several processes share

    async def _lock(self, shared: SharedSession) -> bool:
        """Wait for the lock; False when there is none, or its holder hangs: we go on without it."""
        deadline_ns = self._clock.monotonic_ns() + round(_LOCK_PATIENCE_S * NANOSECONDS)
        while (locked := await self._sharing(shared.try_lock)) is not True:
            if locked is None:
                return False
            if self._clock.monotonic_ns() >= deadline_ns:
                _LOG.warning(
                    "another process has held the shared session's lock for %g s; going on without it",
                    _LOCK_PATIENCE_S,
                )
                return False
            await asyncio.sleep(_LOCK_LOOK_S)
        return True

    async def _adopt(self, shared: SharedSession) -> bool:
        """Take over what another process renewed meanwhile; False when there is nothing newer."""
        found = await self._sharing(shared.read)
        if found is None or found.generation <= self._shared_generation:
            return False
        self._shared_generation = found.generation
        now_ns, now = self._clock.monotonic_ns(), self._clock.now()
        if found.obtained_ns + round(found.life_s * NANOSECONDS) <= now_ns:
            return False
        own = self._machine.token
        if own is not None and own.value.reveal() == found.value.reveal():
            return False
        since = found.obtained_ns, found.obtained_at
        self._machine.adopted(found.value, since=since, life_s=found.life_s, seen=(now_ns, now))
        return True

    async def _publish(self, shared: SharedSession) -> None:
        """Share the token that was just obtained, if one was."""
        token = self._machine.token
        if token is None or token.generation == self._published:
            return
        self._published = token.generation
        self._shared_generation += 1
        record = SharedToken(
            self._shared_generation, token.value, token.obtained_ns, token.obtained_at, token.life_s
        )
        await self._sharing(lambda: shared.write(record))

    async def forget_shared(self) -> None:
        """Delete the shared record: its token is dead."""
        if self._shared is not None:
            await self._sharing(self._shared.forget)

    async def _sharing(self, work: Callable[[], T]) -> T | None:
        try:
            return await self._on_thread(work)
        except SharingUnavailable as error:
            _LOG.warning("the session is not shared: %s", error)
            return None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # -- the gateway

    async def _ask(self, renewal: Renewal) -> None:
        machine = self._machine
        if renewal is Renewal.LOGIN and not await self._may_log_in():
            return
        sent_ns, sent_at = self._clock.monotonic_ns(), self._clock.now()
        try:
            value, server_now = await self._send(renewal)
        except LoginRefused as error:
            self.lock = self.error = error
            machine.locked(str(error))
        except (NotSent, RefusedHere) as error:
            if renewal is Renewal.LOGIN:
                machine.bounds.take_back()
                if self._logins is not None:
                    await self._on_thread(self._logins.take_back)
            self._failed(error)
        except (AnswerLost, GatewayRefused) as error:
            self._failed(error)
        else:
            token = machine.obtained(
                Secret(value), sent_ns=sent_ns, sent_at=sent_at, server_now=server_now
            )
            self.error = None
            if token is None and renewal is Renewal.LOGIN:
                await self.end(value)  # logged out while the login was under way

    def _failed(self, error: TopstepxError) -> None:
        self.error = error
        self._machine.failed(
            str(error), now_ns=self._clock.monotonic_ns(), retry_after_s=error.retry_after_s
        )

    async def _may_log_in(self) -> bool:
        """Whether the bounds shared with other processes and earlier runs allow a login now."""
        now_ns = self._clock.monotonic_ns()
        if self._logins is not None:
            logins, exit_waits = self._logins, self._machine.exit_waits
            wait_s = await self._on_thread(lambda: logins.claim(exit_waits=exit_waits))
            if wait_s > 0:
                self._machine.held(now_ns + round(wait_s * NANOSECONDS))
                self.error = DeadlinePassed(
                    f"Logins are used up: the next one may leave in {wait_s:.0f} s.",
                    next_step="Five in ten minutes is the bound, over restarts as well.",
                    retry_after_s=wait_s,
                )
                return False
        self._machine.bounds.leaves(now_ns)
        return True

    async def _send(self, renewal: Renewal) -> tuple[str, datetime | None]:
        """The token that came back and the server's time; raises whatever stopped it."""
        route: Route[Any, Any]
        if renewal is Renewal.LOGIN:
            route, headers = routes.LOGIN_KEY, HEADERS
            user_name, api_key = self._credentials.user_name, self._credentials.api_key
            body = codec.encode(
                models.LoginKeyRequest(user_name=user_name, api_key=api_key.reveal())
            )
        else:
            token = self._machine.token
            route, body = routes.VALIDATE, b""
            headers = HEADERS if token is None else bearer(token)
        lane = Lane.EXIT if self._machine.exit_waits else Lane.RECONCILE
        answer, outcome, retry_after_s = await self._exchange(route, lane, headers, body)
        value = _token_of(outcome)
        if value is not None:
            return value, server_time(answer.headers)
        raise _refusal(route, answer, outcome, retry_after_s, self._credentials.api_key)

    async def _exchange(
        self, route: Route[Any, Any], lane: Lane, headers: Mapping[str, str], body: bytes
    ) -> tuple[HttpAnswer, Outcome, float | None]:
        """One request through budget and breaker, judged."""
        ticket: Ticket | None = None
        if self._gate is not None:
            # A login waits for its turn in the budget longer than for an answer: see `core.permits`.
            deadline_ns = self._clock.monotonic_ns() + round(3 * self._timeout_s * NANOSECONDS)
            ticket = await self._gate.enter(route, lane, deadline_ns)
        try:
            answer = await self._transport.send(
                route.method, route.path, headers=headers, body=body, timeout_s=self._timeout_s
            )
        except (NotSent, AnswerLost) as error:
            if ticket is not None:
                ticket.failed(error)
            raise
        except BaseException:  # boundary: a cancelled request must give its ticket back
            if ticket is not None:
                ticket.abandoned()
            raise
        outcome = judge_answer(route, answer)
        retry_after_s = ticket.answered(answer, outcome) if ticket is not None else None
        return answer, outcome, retry_after_s

    async def end(self, value: str) -> None:
        """End a session at the gateway; a failure is only logged, for the token dies by itself."""
        headers = {**HEADERS, "Authorization": f"Bearer {value}"}
        try:
            await self._exchange(routes.LOGOUT, Lane.EXIT, headers, b"")
        except (NotSent, AnswerLost, RefusedHere) as error:
            _LOG.warning("the session could not be ended at the gateway: %s", error)


async def end_session(transport: RestTransport, token: Secret, *, timeout_s: float = 10.0) -> None:
    """End the session of a token that no client holds; raises `NotSent` or `AnswerLost`."""
    headers = {**HEADERS, "Authorization": f"Bearer {token.reveal()}"}
    await transport.send("POST", routes.LOGOUT.path, headers=headers, body=b"", timeout_s=timeout_s)


def _token_of(outcome: Outcome) -> str | None:
    """The token an accepted answer carries."""
    answer = outcome.answer
    if outcome.verdict is not Verdict.ACCEPTED:
        return None
    if isinstance(answer, models.TokenAnswer):
        value = answer.token
    elif isinstance(answer, models.ValidateAnswer):
        value = answer.new_token
    else:
        return None
    return value or None


def _refusal(
    route: Route[Any, Any],
    answer: HttpAnswer,
    outcome: Outcome,
    retry_after_s: float | None,
    api_key: Secret,
) -> TopstepxError:
    """The error for an answer without a token."""
    if outcome.status == _TOO_MANY:
        return GatewayBusy(
            route=route.name,
            code=None,
            name="TooManyRequests",
            meaning="too many requests in the gateway's window.",
            next_step="Wait a minute; other programs of yours share the budget.",
            status=_TOO_MANY,
            retry_after_s=retry_after_s,
        )
    refusal = outcome.refusal
    if outcome.verdict is Verdict.REFUSED and refusal is not None:
        kind = LoginRefused if refusal.locks and route is routes.LOGIN_KEY else GatewayRefused
        return kind(
            route=route.name,
            code=refusal.code,
            name=refusal.name,
            meaning=refusal.meaning,
            next_step=refusal.next_step,
            gateway_text=_without(api_key, outcome.answer),
            status=answer.status,
        )
    return AnswerLost(f"{route.name}: {outcome.reason}.")


def _without(api_key: Secret, answer: models.Envelope | None) -> str | None:
    """The gateway's words, should they repeat the key that was sent."""
    text = answer.error_message if answer is not None else None
    return text.replace(api_key.reveal(), "[masked]") if text else None


def judge_answer(route: Route[Any, Any], answer: HttpAnswer) -> Outcome:
    """Decode and judge one HTTP answer; see `core.outcome`."""
    if answer.status != _OK:
        return judge(route, answer.status, None, sanitised(problem_text(answer.body)))
    try:
        decoded = codec.decode(route.answer, answer.body)
    except codec.PayloadMalformed as error:
        return judge(route, answer.status, None, error.reason)
    return judge(route, answer.status, decoded, None)
