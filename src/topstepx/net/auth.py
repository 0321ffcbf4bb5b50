"""The token keeper: one shell around `core.token`, shared by everything that needs a token.

However many callers wait, one renewal is under way; each waits with its own deadline, and a caller that
gives up cancels nothing but its own waiting.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from topstepx.clock import NANOSECONDS
from topstepx.core.logins import GAP_NS
from topstepx.core.token import Session, Token, TokenMachine
from topstepx.errors import AuthBroken, DeadlinePassed, LoginRefused, NotSent
from topstepx.net.renewal import HEADERS, Renewer, judge_answer, server_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from topstepx.clock import Clock
    from topstepx.core.logins import LoginLog
    from topstepx.core.sharing import SharedSession
    from topstepx.net.gate import Gate
    from topstepx.net.transport import RestTransport
    from topstepx.settings import Credentials

__all__ = ["HEADERS", "SessionNews", "TokenKeeper", "judge_answer", "server_time"]

_LOOK_S = 60.0
"""Sleeps are cut into minutes, so that a suspend or a step of the wall clock is noticed soon."""


Reread: TypeAlias = "Callable[[], Awaitable[tuple[Credentials, SharedSession | None]]]"
"""Reads the credentials again from where they are kept, with the shared session that belongs to them."""


@dataclass(frozen=True, slots=True)
class SessionNews:
    """How the session stands; told whenever any of it has changed. No token is in it."""

    session: Session
    reason: str
    generation: int
    expires_at: datetime | None
    expiring: bool
    contested: str


class TokenKeeper:
    """Gives out the token and renews it in time. Start it with `run` inside a task group.

    `logins` bounds logins across restarts and processes, `shared` lets several processes use one
    session; both are optional. `told` hears every change of the session, `reread` finds the key anew.
    """

    def __init__(
        self,
        transport: RestTransport,
        credentials: Credentials,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        login_timeout_s: float = 10.0,
        gate: Gate | None = None,
        logins: LoginLog | None = None,
        shared: SharedSession | None = None,
        told: Callable[[SessionNews], None] | None = None,
        reread: Reread | None = None,
    ) -> None:
        self._clock = clock
        self._told = told
        self._reread = reread
        self.machine = TokenMachine(jitter)
        self._renewer = Renewer(
            self.machine,
            transport,
            credentials,
            clock,
            timeout_s=login_timeout_s,
            gate=gate,
            logins=logins,
            shared=shared,
        )
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._news = self._look()
        self._listeners: list[Callable[[Token], None]] = []

    # -- for callers

    def usable(self) -> Token | None:
        """The token, if there is one worth sending now."""
        return self.machine.usable(self._clock.monotonic_ns())

    async def token(self, *, deadline_ns: int, exit_waits: bool = False) -> Token:
        """A token worth sending; waits for a renewal that is under way, until `deadline_ns`.

        `exit_waits`: a cancel or close asks, so a login waits out neither a pause nor a fight. Raises
        `LoginRefused` or `AuthBroken` when there will be none, `DeadlinePassed` when there is none in
        time.
        """
        while True:
            token = self.machine.usable(self._clock.monotonic_ns())
            if token is not None:
                return token
            if exit_waits:
                self.machine.need_for_exit()
            self._raise_if_none_will_come(deadline_ns, exit_waits=exit_waits)
            self._raise_if_used_up(deadline_ns)
            self._wake.set()
            left_s = (deadline_ns - self._clock.monotonic_ns()) / NANOSECONDS
            changed = self._changed
            try:
                async with asyncio.timeout(left_s):
                    await changed.wait()
            except TimeoutError:
                error = self._renewer.error
                why = f" ({error})" if error is not None else ""
                msg = f"No token could be had in time{why}."
                raise DeadlinePassed(msg) from None

    def _raise_if_none_will_come(self, deadline_ns: int, *, exit_waits: bool) -> None:
        session, lock = self.machine.session, self._renewer.lock
        error = self._renewer.error
        never = session is Session.ABSENT and self.machine.token is None
        if never and isinstance(error, NotSent) and error.lasting:
            # Nothing ever worked: the address is wrong, or nobody is there. A session that once began
            # goes on trying instead.
            raise error.with_traceback(None)
        if session is Session.LOCKED and lock is not None:
            raise LoginRefused(
                route=lock.route,
                code=lock.code,
                name=lock.name,
                meaning=lock.meaning,
                next_step=lock.next_step or "",
                gateway_text=lock.gateway_text,
                status=lock.status,
            )
        if session is Session.BROKEN and not (exit_waits and self._comes_by(deadline_ns)):
            msg = "The gateway refused a token that it had just given out."
            raise AuthBroken(msg, next_step="Log in on the website once, then check the API key.")
        if session is Session.CONTESTED and not exit_waits:
            msg = f"{self.machine.contested} Nothing logs in while that goes on."
            raise AuthBroken(msg, next_step="Close the other program, then release it: resume.")
        if session is Session.ENDED:
            msg = "This session is logged out."
            raise AuthBroken(msg, next_step="Open a new client.")

    def _comes_by(self, deadline_ns: int) -> bool:
        """Whether a login is under way or may begin by then."""
        due_ns = self.machine.deadline(self._clock.monotonic_ns())
        return self.machine.is_renewing or (due_ns is not None and due_ns < deadline_ns)

    def _raise_if_used_up(self, deadline_ns: int) -> None:
        """Raise `DeadlinePassed` when the bound on logins certainly outlasts the deadline."""
        machine, now_ns = self.machine, self._clock.monotonic_ns()
        if machine.is_renewing:
            return
        due_ns = machine.bounds.next_ns(exit_waits=machine.exit_waits)
        if due_ns <= max(deadline_ns, now_ns + GAP_NS):
            return
        wait_s = (due_ns - now_ns) / NANOSECONDS
        msg = f"Logins are used up: the next one may leave in {wait_s:.0f} s."
        raise DeadlinePassed(
            msg,
            next_step="Five in ten minutes is the bound, over restarts and programs; the fifth is for exits. "
            "Let your programs share a session (share_session).",
            retry_after_s=wait_s,
        )

    def refused(self, token: Token) -> None:
        """A request with this token got 401: renew, once per generation."""
        self.machine.refused(token.generation, self._clock.monotonic_ns())
        self._stir()

    def proven(self, token: Token) -> None:
        """A request with this token was let in."""
        self.machine.proven(token.generation)

    def evicted(self, hub: str) -> None:
        """A hub said `GatewayLogout`: look at the token; two within five minutes are a fight."""
        self.machine.evicted(hub, self._clock.monotonic_ns())
        self._stir()

    def doubted(self, reason: str) -> None:
        """A hub ended a connection as if the token were the reason: renew it, and go on using it."""
        self.machine.doubted(reason)
        self._stir()

    async def resume(self) -> None:
        """A person says that it is put right: nobody fights any more, or the key is good now.

        Where LOCKED, the key is read again from where it is kept, and one more login is tried. Raises
        `ConfigurationError` when what is kept there cannot be used.
        """
        if self.machine.session is Session.LOCKED:
            if self._reread is not None:
                credentials, shared = await self._reread()
                self._renewer.take(credentials, shared)
            self._renewer.lock = self._renewer.error = None
        self.machine.resumed()
        self._stir()

    def look_again(self) -> None:
        """The computer slept, or its clock was set: look at the token now."""
        self._stir()

    def listen(self, callback: Callable[[Token], None]) -> Callable[[], None]:
        """Call `callback` with every new token, at once and in order; what comes back ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    # -- the loop

    async def run(self) -> None:
        """Renew whenever the machine wants it; runs until cancelled."""
        try:
            while True:
                now_ns, now = self._clock.monotonic_ns(), self._clock.now()
                renewal = self.machine.wanted(now_ns, now)
                self._tell()
                if renewal is not None:
                    await self._renewer.renew(renewal)
                    self._changed.set()  # also where nothing changed but how long it will take
                    self._changed = asyncio.Event()
                    self._tell()
                else:
                    await self._sleep(now_ns)
        finally:
            self._renewer.close()

    async def _sleep(self, now_ns: int) -> None:
        due_ns = self.machine.deadline(now_ns)
        wait_s = _LOOK_S if due_ns is None else min(_LOOK_S, (due_ns - now_ns) / NANOSECONDS)
        self._wake.clear()
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _stir(self) -> None:
        self._tell()
        self._wake.set()

    def _look(self) -> SessionNews:
        machine, token = self.machine, self.machine.token
        return SessionNews(
            session=machine.session,
            reason=machine.reason,
            generation=token.generation if token is not None else 0,
            expires_at=token.ends_at if token is not None else None,
            expiring=machine.expiring(self._clock.monotonic_ns()),
            contested=machine.contested,
        )

    def _tell(self) -> None:
        """Wake who waits, write down what changed, then hand a new token to who moves to it."""
        before, self._news = self._news, self._look()
        if self._news == before:
            return
        self._changed.set()
        self._changed = asyncio.Event()
        if self._told is not None:
            self._told(self._news)
        token = self.machine.token
        if token is not None and self._news.generation != before.generation:
            for listener in list(self._listeners):
                listener(token)

    async def logout(self) -> None:
        """End the session at the gateway and forget the token; quiet when there is none."""
        token = self.machine.token
        self.machine.ended()
        self._tell()
        if token is not None:
            await self._renewer.forget_shared()
            await self._renewer.end(token.value.reveal())
