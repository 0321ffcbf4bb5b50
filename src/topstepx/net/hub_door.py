"""Opening a hub's socket: which token, where it travels, who goes first, and what a refusal means."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from topstepx.clock import NANOSECONDS
from topstepx.core.link_ends import EndKind, LinkEnd
from topstepx.core.token import Renewal, Session
from topstepx.errors import NotSent, PinMismatch, TopstepxError, UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.clock import Clock
    from topstepx.net.auth import TokenKeeper
    from topstepx.net.transport import Hub, HubListener, HubSocket, HubTransport
    from topstepx.settings import TokenPlacement

_LOG = logging.getLogger("topstepx.hub")
_UNAUTHORIZED = 401
_DOUBT_EVERY_S = 300
_FRESH_WITHIN_S = 5.0
_OVER = frozenset({Session.LOCKED, Session.ENDED})


class TokenPlace:
    """Where the token travels on an upgrade, shared by both hubs of a client and remembered."""

    def __init__(self, placement: TokenPlacement) -> None:
        self._fixed = placement != "auto"
        self.current: Literal["header", "query"] = "query" if placement == "query" else "header"
        self.proven = False

    @property
    def may_move(self) -> bool:
        """Whether the other place may still be tried: once, and only while nothing is proven."""
        return not (self._fixed or self.proven or self.current == "query")

    def move(self) -> None:
        """A hub refused a token that REST accepts: send it in the address from now on."""
        self.current = "query"
        _LOG.warning(
            "the hub refused the token in the Authorization header; it now travels in the address. "
            "Tell the maintainers: this gateway was expected to take the header."
        )


class NotOpened(Exception):
    """The socket was not opened; `end` says why, and `contested` that somebody fights for the session."""

    def __init__(self, end: LinkEnd, *, contested: bool = False) -> None:
        self.end, self.contested = end, contested
        super().__init__(end.reason)


class HubDoor:
    """Opens sockets of one hub."""

    def __init__(
        self,
        hub: Hub,
        transport: HubTransport,
        keeper: TokenKeeper,
        clock: Clock,
        *,
        place: TokenPlace,
        rest_accepts: Callable[[], Awaitable[bool]],
        open_timeout_s: float,
    ) -> None:
        self._hub: Hub = hub
        self._transport = transport
        self._keeper = keeper
        self._clock = clock
        self._place = place
        self._rest_accepts = rest_accepts
        self._timeout_s = open_timeout_s
        self._used: int | None = None
        self._shown: int | None = None
        """The last token that the hub let in or refused."""
        self._doubted_ns: int | None = None

    async def open(self, listener: HubListener, *, fresh_token: bool) -> HubSocket:
        """An open socket; raises `NotOpened`, nothing else."""
        if self._keeper.machine.session is Session.CONTESTED:  # to open would be to fight on
            raise NotOpened(
                LinkEnd(EndKind.EVICTED, self._keeper.machine.contested), contested=True
            )
        try:
            if fresh_token:
                await self._freshen()
            token = await self._keeper.token(deadline_ns=self._deadline_ns())
        except TopstepxError as error:
            raise self._without_token(error) from None
        headers, query = {"User-Agent": "topstepx-python"}, {}
        if self._place.current == "header":
            headers["Authorization"] = f"Bearer {token.value.reveal()}"
        else:
            query["access_token"] = token.value.reveal()
        try:
            socket = await self._transport.open(
                self._hub,
                headers=headers,
                query=query,
                listener=listener,
                timeout_s=self._timeout_s,
            )
        except UpgradeRefused as error:
            if error.status == _UNAUTHORIZED:
                self._shown = token.generation
                await self._unauthorized()
            raise NotOpened(LinkEnd(EndKind.UPGRADE, str(error), error.status)) from None
        except PinMismatch as error:
            raise NotOpened(LinkEnd(EndKind.UNTRUSTED, str(error))) from None
        except NotSent as error:
            raise NotOpened(LinkEnd(EndKind.UNREACHABLE, str(error))) from None
        self._place.proven = True
        self._used = self._shown = token.generation
        return socket

    @property
    def is_outdated(self) -> bool:
        """Whether the last socket's token is one that we have replaced, or are replacing by a login."""
        machine = self._keeper.machine
        token = machine.token
        return machine.in_flight is Renewal.LOGIN or token is None or token.generation != self._used

    def _deadline_ns(self) -> int:
        return self._clock.monotonic_ns() + round(self._timeout_s * NANOSECONDS)

    def _without_token(self, error: TopstepxError) -> NotOpened:
        session = self._keeper.machine.session
        if session in _OVER:
            return NotOpened(LinkEnd(EndKind.NO_SESSION, str(error)))
        end = LinkEnd(EndKind.NO_TOKEN, str(error))
        return NotOpened(end, contested=session is Session.CONTESTED)

    async def _freshen(self) -> None:
        """The hub ended us as if the token were the reason: have it renewed, unless it is new already.

        Once in five minutes at most: a hub that ends everybody must not cost a renewal each time.
        """
        token = self._keeper.machine.token
        now_ns = self._clock.monotonic_ns()
        if token is None or token.generation != self._shown:
            return
        if (
            self._doubted_ns is not None
            and now_ns - self._doubted_ns < _DOUBT_EVERY_S * NANOSECONDS
        ):
            return
        self._doubted_ns = now_ns
        newer = asyncio.Event()
        forget = self._keeper.listen(lambda _token: newer.set())
        try:
            self._keeper.doubted(
                f"the {self._hub} hub refused or ended a connection as if its token were the reason"
            )
            async with asyncio.timeout(_FRESH_WITHIN_S):
                await newer.wait()
        except TimeoutError:
            return  # the old one may still do
        finally:
            forget()

    async def _unauthorized(self) -> None:
        """401 at the upgrade: is it the token, the place it travelled in, or the hub alone? REST knows.

        Where REST refuses it too, the keeper knows by then. Where REST takes it nothing is wrong with it,
        however often the hub says so: to call it broken would end what stands in for the hub, and the
        exits. Where REST does not answer, the next attempt has it renewed.
        """
        if not await self._rest_accepts():
            return
        if self._place.may_move:
            self._place.move()
        else:
            _LOG.warning("the %s hub refused a token that REST takes", self._hub)
