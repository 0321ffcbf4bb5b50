"""The seam between us and the network: two ports, and what crosses them.

Real sockets stand behind them in `net.transport_http` and `net.transport_hub`; an in-memory twin that
talks to the simulated gateway without ports stands behind them in `testing.memory`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

from topstepx.errors import NotSent, sanitised

if TYPE_CHECKING:
    from collections.abc import Mapping

Hub = Literal["user", "market"]


def check_request(path: str, headers: Mapping[str, str]) -> None:
    """Raise `NotSent` for a path or header that would lead somewhere else or smuggle something in.

    A path such as `@elsewhere/` or a `Host` header would move the request to another host; a line break
    in a header value (a token comes from outside, after all) would begin a header of its own.
    """
    if not path.startswith("/") or not (path.isascii() and path.isprintable()):
        msg = "A path must begin with / and hold printable ASCII only."
        raise NotSent(msg, next_step="This is a bug; please report it.")
    whole = "".join((*headers, *headers.values()))
    if whole.isascii() and whole.isprintable() and "host" not in map(str.lower, headers):
        return
    for name, value in headers.items():
        clean = name.isascii() and name.isprintable() and value.isascii() and value.isprintable()
        if not clean or name.lower() == "host":
            msg = f"The header {sanitised(name, 40)} may not be sent like that."
            raise NotSent(msg, next_step="Check the API key and token for stray characters.")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer, whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class CloseReason(str):
    """Why a socket is gone, for people, and the WebSocket close code if the gateway gave one."""

    __slots__ = ("code",)
    code: int | None

    def __new__(cls, words: str, code: int | None = None) -> Self:
        """The words with their code."""
        reason = super().__new__(cls, words)
        reason.code = code
        return reason


class RestTransport(Protocol):
    """Sends one HTTP request once: no redirects, no repeats, nothing clever."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        leave_within_s: float | None = None,
    ) -> HttpAnswer:
        """The answer, whatever its status.

        Raises `NotSent` when no byte of the request can have arrived (DNS, connect, TLS), `AnswerLost`
        when it may have. Cancelling it closes the connection; the request may have arrived. No byte of it
        leaves later than `leave_within_s` from now (None: as late as `timeout_s` allows): a connection
        that takes longer is `NotSent`.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class HubListener(Protocol):
    """Who is told what a hub socket receives; called from the loop, must return quickly."""

    def data(self, payload: bytes) -> None:
        """The payload of a whole WebSocket message, or of several that came together, in order."""
        ...

    def closed(self, reason: str) -> None:
        """The socket is gone, for whatever reason; called exactly once, also after `close`."""
        ...


class HubSocket(Protocol):
    """One open hub socket."""

    def send(self, payload: bytes) -> None:
        """Send one text message; silently nothing once the socket is closed."""
        ...

    def close(self) -> None:
        """Start closing; the listener hears `closed` when it is done, or soon by force."""
        ...


class HubTransport(Protocol):
    """Opens hub sockets."""

    async def open(
        self,
        hub: Hub,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        listener: HubListener,
        timeout_s: float,
    ) -> HubSocket:
        """An open socket after the WebSocket upgrade (the SignalR handshake is the caller's).

        Raises `NotSent` (network) or `UpgradeRefused` (HTTP status other than 101).
        """
        ...

    async def close(self) -> None:
        """Close every open socket."""
        ...
