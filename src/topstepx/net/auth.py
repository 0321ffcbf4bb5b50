"""The token keeper: one shell around `core.token`, shared by everything that needs a token.

However many callers wait, one renewal is under way; each waits with its own deadline, and a caller that
gives up cancels nothing but its own waiting.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from topstepx.clock import NANOSECONDS
from topstepx.core.outcome import Verdict, judge, problem_text
from topstepx.core.token import Renewal, Session, Token, TokenMachine
from topstepx.errors import (
    AnswerLost,
    AuthBroken,
    DeadlinePassed,
    GatewayRefused,
    LoginRefused,
    NotSent,
    TopstepxError,
)
from topstepx.settings import Credentials, Secret
from topstepx.wire import codec, models, routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from topstepx.clock import Clock
    from topstepx.core.outcome import Outcome
    from topstepx.net.transport import HttpAnswer, RestTransport
    from topstepx.wire.routes import Route

_LOG = logging.getLogger("topstepx.auth")

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "topstepx-python",
}


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """The gateway's own clock from its `Date` header, or None."""
    try:
        read = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    return read.astimezone(UTC) if read.tzinfo is not None else read.replace(tzinfo=UTC)


class TokenKeeper:
    """Gives out the token and renews it in time. Start it with `run` inside a task group."""

    def __init__(
        self,
        transport: RestTransport,
        credentials: Credentials,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        login_timeout_s: float = 10.0,
        permit: Callable[[Route[Any, Any]], Awaitable[None]] | None = None,
        told: Callable[[Session, str, int], None] | None = None,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._clock = clock
        self._login_timeout_s = login_timeout_s
        self._permit = permit
        self._told = told
        self.machine = TokenMachine(jitter)
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._lock_error: LoginRefused | None = None
        self._last_error: TopstepxError | None = None

    # -- for callers

    async def token(self, *, deadline_ns: int) -> Token:
        """A token worth sending; waits for a renewal that is under way, until `deadline_ns`.

        Raises `LoginRefused` or `AuthBroken` when there will be none, `DeadlinePassed` when there is
        none in time.
        """
        while True:
            token = self.machine.usable(self._clock.monotonic_ns())
            if token is not None:
                return token
            if self.machine.session is Session.LOCKED and self._lock_error is not None:
                raise self._lock_error
            if self.machine.session is Session.BROKEN:
                msg = "The gateway refused a token that it had just given out."
                raise AuthBroken(
                    msg, next_step="Log in on the website once, then check the API key."
                )
            if self.machine.session is Session.ENDED:
                msg = "This session is logged out."
                raise AuthBroken(msg, next_step="Open a new client.")
            self._wake.set()
            left_s = (deadline_ns - self._clock.monotonic_ns()) / NANOSECONDS
            changed = self._changed
            try:
                async with asyncio.timeout(left_s):
                    await changed.wait()
            except TimeoutError:
                why = f" ({self._last_error})" if self._last_error is not None else ""
                msg = f"No token could be had in time{why}."
                raise DeadlinePassed(msg) from None

    def refused(self, token: Token) -> None:
        """A request with this token got 401: renew, once per generation."""
        self.machine.refused(token.generation, self._clock.monotonic_ns())
        self._tell()
        self._wake.set()

    def proven(self, token: Token) -> None:
        """A request with this token was let in."""
        self.machine.proven(token.generation)

    # -- the loop

    async def run(self) -> None:
        """Renew whenever the machine wants it; runs until cancelled."""
        while True:
            now_ns, now = self._clock.monotonic_ns(), self._clock.now()
            renewal = self.machine.wanted(now_ns, now)
            if renewal is not None:
                await self._renew(renewal)
                continue
            due_ns = self.machine.deadline(now_ns, now)
            self._wake.clear()
            try:
                # A sleep is cut into minutes so that a suspend or a wall-clock step is noticed soon.
                wait_s = 60.0 if due_ns is None else min(60.0, (due_ns - now_ns) / NANOSECONDS)
                async with asyncio.timeout(max(0.0, wait_s)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _renew(self, renewal: Renewal) -> None:
        sent_ns, sent_at = self._clock.monotonic_ns(), self._clock.now()
        self.machine.started(renewal, sent_at)
        try:
            answer, headers = await self._ask(renewal)
        except LoginRefused as error:
            self._lock_error = error
            self.machine.locked(str(error))
        except (NotSent, AnswerLost, GatewayRefused) as error:
            self._last_error = error
            self.machine.failed(str(error), now_ns=self._clock.monotonic_ns())
        else:
            value = answer.token if isinstance(answer, models.TokenAnswer) else None
            if isinstance(answer, models.ValidateAnswer):
                value = answer.new_token
            if value is None:
                self.machine.failed(
                    f"{renewal.value} answered without a token",
                    now_ns=self._clock.monotonic_ns(),
                    suspect=True,
                )
            else:
                self.machine.obtained(
                    Secret(value), sent_ns=sent_ns, sent_at=sent_at, server_now=server_time(headers)
                )
        self._tell()

    async def _ask(self, renewal: Renewal) -> tuple[models.Envelope | None, Mapping[str, str]]:
        """Send the renewal; raises what stops it. None for an answer that proves nothing."""
        route: Route[Any, Any]
        headers = dict(HEADERS)
        if renewal is Renewal.LOGIN:
            route = routes.LOGIN_KEY
            body = codec.encode(
                models.LoginKeyRequest(
                    user_name=self._credentials.user_name,
                    api_key=self._credentials.api_key.reveal(),
                )
            )
        else:
            route, body = routes.VALIDATE, b""
            token = self.machine.token
            if token is not None:
                headers["Authorization"] = f"Bearer {token.value.reveal()}"
        if self._permit is not None:
            await self._permit(route)
        answer = await self._transport.send(
            route.method, route.path, headers=headers, body=body, timeout_s=self._login_timeout_s
        )
        outcome = judge_answer(route, answer)
        if outcome.verdict is Verdict.ACCEPTED:
            return outcome.answer, answer.headers
        if outcome.refusal is not None:
            kind = LoginRefused if outcome.refusal.locks else GatewayRefused
            refusal = outcome.refusal
            raise kind(
                route=route.name,
                code=refusal.code,
                name=refusal.name,
                meaning=refusal.meaning,
                next_step=refusal.next_step,
                gateway_text=outcome.answer.error_message if outcome.answer else None,
            )
        if outcome.status != 200:  # noqa: PLR2004  anything but OK: try again later
            msg = f"{route.name}: {outcome.reason}."
            raise AnswerLost(msg)
        return None, answer.headers

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        machine = self.machine
        generation = machine.token.generation if machine.token is not None else 0
        if self._told is not None:
            self._told(machine.session, machine.reason, generation)

    async def logout(self) -> None:
        """End the session at the gateway and forget the token; quiet when there is none."""
        token = self.machine.token
        self.machine.ended()
        self._tell()
        if token is None:
            return
        headers = {**HEADERS, "Authorization": f"Bearer {token.value.reveal()}"}
        try:
            await self._transport.send(
                "POST",
                routes.LOGOUT.path,
                headers=headers,
                body=b"",
                timeout_s=self._login_timeout_s,
            )
        except (NotSent, AnswerLost) as error:
            _LOG.warning("the session could not be ended at the gateway: %s", error)


def judge_answer(route: Route[Any, Any], answer: HttpAnswer) -> Outcome:
    """Decode and judge one HTTP answer; see `core.outcome`."""
    if answer.status == 200:  # noqa: PLR2004  OK
        try:
            decoded = codec.decode(route.answer, answer.body)
        except codec.PayloadMalformed as error:
            return judge(route, answer.status, None, error.reason)
        return judge(route, answer.status, decoded, None)
    return judge(route, answer.status, None, problem_text(answer.body))
