"""REST over real sockets, with nothing in between: one request, once, to one host.

Lines are kept open and each carries one request at a time. Nothing is ever repeated: a request whose
line breaks after its first byte was handed over is lost, also where the line had been idle. There are
no redirects, cookies, proxies or `.netrc`. (A proxy is `transport_http`'s work.)

Failures are raised outside the `except` clauses, so that nothing of the system's, and no local of ours
that holds a token, is reached from an error.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.core.http_answer import AnswerReader, AnswerTooLarge, BadAnswer, request_bytes
from topstepx.errors import AnswerLost, NotSent
from topstepx.net.tls import certificate_refused, client_context
from topstepx.net.transport import HttpAnswer, check_request
from topstepx.net.transport_dial import Sockets, dial, fault_of, hang_up, nobody_there

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from topstepx.clock import Clock

IDLE_S = 15.0
"""Connections idle for longer are not used again: the gateway drops them unannounced (observed live)."""
_IDLE_NS = round(IDLE_S * NANOSECONDS)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LATE, _TOO_LARGE = "late", "too large"


class _Line(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._reader: AnswerReader | None = None
        self._waiting: asyncio.Future[str] | None = None
        """Done with "" when the answer is whole, else with why there will be none; never with an answer
        or an error: whoever prints the tasks prints what they wait for."""
        self.used_ns = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = transport  # type: ignore[assignment]  # a stream's, which reads and writes

    @property
    def is_open(self) -> bool:
        """Whether it looks good for another request."""
        return not self._transport.is_closing()

    async def ask(self, request: bytes, reader: AnswerReader, timeout_s: float) -> str:
        """Write a request, wait until `reader` has its answer; "" or why there is none."""
        loop = asyncio.get_running_loop()
        self._reader, self._waiting = reader, loop.create_future()
        late = loop.call_later(timeout_s, self._over, _LATE)
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            late.cancel()
            self._reader = self._waiting = None

    def end(self) -> None:
        """Close it at once: behind TLS a farewell could take half a minute."""
        self._over("the connection was closed here")
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Part of the answer, or something that nobody asked for: then it cannot be trusted any more."""
        reader = self._reader
        if reader is None:
            self.end()
            return
        try:
            whole = reader.feed(data)
        except BadAnswer as error:
            self._over(_why(error))
            return
        if whole:
            self._over("")

    def eof_received(self) -> None:
        """The other side sends no more; the stock answer to that is to close."""
        if self._reader is not None:
            try:
                self._reader.end()
            except BadAnswer:
                self._over("the connection broke")
            else:
                self._over("")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._reader is not None and exc is None:
            self.eof_received()
        number = getattr(exc, "errno", None)
        self._over(f"the connection broke ({type(exc).__name__}, errno {number})")

    def _over(self, why: str) -> None:
        self._reader = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(why)


def _why(error: BadAnswer) -> str:
    if isinstance(error, AnswerTooLarge):
        return _TOO_LARGE
    return f"the answer is broken: {error}"


class LineTransport:
    """`RestTransport` on lines of its own. Opens its first socket at the first call."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float = 4.0,
        body_bytes_max: int = 64 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        self._base_url = base_url.rstrip("/")
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname or base_url
        default = _DEFAULT_PORTS.get(parts.scheme, 80)
        self._port = parts.port or default
        named = f"[{self._host}]" if ":" in self._host else self._host
        self._host_header = named if self._port == default else f"{named}:{self._port}"
        self._prefix = parts.path.rstrip("/")
        self._connect_timeout_s = connect_timeout_s
        self._body_bytes_max = body_bytes_max
        self._tls = tls
        self._clock = clock or SystemClock()
        self._idle: list[_Line] = []
        self._busy: set[_Line] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._sockets = Sockets()
        self._closed = False

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> HttpAnswer:
        """Send once and give the answer whole, whatever its status."""
        check_request(path, headers)
        if self._closed:
            msg = f"{_where(method, path)}: this client is closed."
            raise NotSent(msg, next_step="Open a new one.")
        target = self._prefix + path
        if " " in target or "#" in target:
            msg = "A path must not hold a space or a #."
            raise NotSent(msg, next_step="This is a bug; please report it.")
        request = request_bytes(method, target, self._host_header, headers, body)
        left_s = timeout_s
        line = self._warm_line()
        if line is None:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            found = await self._connect(_where(method, path), timeout_s)
            if isinstance(found, NotSent):
                raise found
            line, left_s = found, max(0.001, timeout_s - (loop.time() - began_s))
        reader = AnswerReader(self._body_bytes_max)
        keeps = False
        self._busy.add(line)
        try:
            why = await line.ask(request, reader, left_s)
            keeps = not why and reader.keeps and line.is_open and not self._closed
        finally:
            self._busy.discard(line)
            if keeps:
                self._keep(line)
            else:
                line.end()
        if not why:
            return HttpAnswer(reader.status, reader.headers, reader.body)
        if why == _TOO_LARGE:
            why = f"the answer is over {self._body_bytes_max} bytes and was refused"
        elif why == _LATE:
            why = f"no whole answer within {timeout_s:g} s"
        del reader, request
        raise AnswerLost(f"{_where(method, path)}: {why}.")

    # ------------------------------------------------------------ lines

    def _warm_line(self) -> _Line | None:
        now_ns = self._clock.monotonic_ns()
        while self._idle:
            line = self._idle.pop()
            if line.is_open and now_ns - line.used_ns <= _IDLE_NS:
                return line
            line.end()
        return None

    def _keep(self, line: _Line) -> None:
        line.used_ns = self._clock.monotonic_ns()
        self._idle.append(line)
        if self._sweeping is None:
            loop = asyncio.get_running_loop()
            self._sweeping = loop.call_later(IDLE_S, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody used for long."""
        self._sweeping = None
        now_ns, kept = self._clock.monotonic_ns(), self._idle
        self._idle = []
        for line in kept:
            if line.is_open and now_ns - line.used_ns < _IDLE_NS:
                self._idle.append(line)
            else:
                line.end()
        if self._idle:
            loop = asyncio.get_running_loop()
            self._sweeping = loop.call_later(IDLE_S, self._sweep)

    async def _connect(self, where: str, timeout_s: float) -> _Line | NotSent:
        within_s = min(self._connect_timeout_s, timeout_s * 0.9)
        if self._is_tls and self._tls is None:
            self._tls = client_context()
        try:
            async with asyncio.timeout(within_s):
                return await self._open(within_s)
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
            refused = certificate_refused(error, f"{where} at {self._host}")
            absent = nobody_there(error, self._base_url)
            number = getattr(error, "errno", None)
            kind = type(error).__name__ + ("" if number is None else f", errno {number}")
            what = f"{where}: could not connect to {self._host} ({kind})."
            failure = refused or absent or NotSent(what, fault=fault_of(error))
        return failure

    async def _open(self, within_s: float) -> _Line:
        connected = await dial(self._host, self._port, timeout_s=within_s)
        self._sockets.keep(connected)
        loop = asyncio.get_running_loop()
        try:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            _, line = await loop.create_connection(
                _Line,
                sock=connected,
                ssl=self._tls if self._is_tls else None,
                server_hostname=self._host if self._is_tls else None,
            )
        except BaseException:
            hang_up([connected])  # it is a transport's by now, which sees the end and lets go
            raise
        return line

    async def close(self) -> None:
        """Close every connection; later calls raise `NotSent`."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for line in (*self._idle, *self._busy):
            line.end()
        self._idle.clear()
        await self._sockets.let_go()


def _where(method: str, path: str) -> str:
    """A request for people: without its query, which may hold anything."""
    return f"{method} {path.partition('?')[0]}"
