"""REST over real sockets, by aiohttp: one request, once, to one host.

aiohttp repeats a request on a stale keep-alive connection for idempotent methods only, never a POST;
redirects, cookies, proxies and `.netrc` from the environment are all off (a proxy is set by name only). Its exceptions carry
addresses and headers, so they end here, and ours are raised outside the `except` clause: nothing of
theirs stays reachable, not even as context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.errors import AnswerLost, NotSent
from topstepx.net.tls import certificate_refused, client_context
from topstepx.net.transport import HttpAnswer, check_request
from topstepx.net.transport_dial import Sockets, fault_of, nobody_there
from topstepx.net.tunnel import connect_headers, proxy_dead, proxy_error, proxy_refused
from topstepx.redaction import cap_network_loggers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from types import SimpleNamespace

    import aiohttp

    from topstepx.clock import Clock
    from topstepx.settings import Proxy

_TIMEOUTS_MAX = 100
_TO_CONNECT = 0.75
"""The part of a time-out that connecting may take: the rest tells a late answer from a missing host."""
_SHORTEST_S = 0.05
"""The step in which the time to connect is told to aiohttp, downwards: few different ones."""
IDLE_S = 15.0
"""Connections idle for longer are not used again: the gateway drops them unannounced (observed live)."""
_IDLE_NS = round(IDLE_S * NANOSECONDS)

_NEVER_ROUNDED_S = 1e9
"""aiohttp rounds longer time-outs up to whole seconds, each on its own; ours must keep their order."""


@dataclass(slots=True)
class _Way:
    """Whether one request had a connection to the gateway itself; before that, nothing of it has left.

    Only a proxy makes this a question: one that breaks off in the middle of CONNECT raises the same
    exceptions as a gateway that breaks off in the middle of an answer.
    """

    proxy: Proxy
    open: bool = False


def _watching_the_way() -> aiohttp.TraceConfig:
    """Marks the `_Way` of each request as open, right before its first byte is written."""
    import aiohttp  # noqa: PLC0415  see HttpTransport._open

    async def opened(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.open = True

    watching = aiohttp.TraceConfig()
    watching.on_connection_create_end.append(opened)
    watching.on_connection_reuseconn.append(opened)
    return watching


class HttpTransport:
    """`RestTransport` over aiohttp. Opens its first socket at the first call."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float = 4.0,
        body_bytes_max: int = 64 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).hostname or base_url
        self._connect_timeout_s = connect_timeout_s
        self._body_bytes_max = body_bytes_max
        self._tls = tls
        self._clock = clock or SystemClock()
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._failures: tuple[type[Exception], ...] = ()
        """All that a request can raise; known once aiohttp is imported."""
        self._timeouts: dict[tuple[float, float], aiohttp.ClientTimeout] = {}
        self._under_way = 0
        self._sockets = Sockets(lambda: self._under_way > 0)
        self._used_ns = 0
        self._closed = False

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
        """Send once and give the answer whole, whatever its status."""
        check_request(path, headers)
        if not self._under_way and self._sockets.has_unread():
            await self._sockets.settle()
        session = self._session
        now_ns = self._clock.monotonic_ns()
        if session is None or (not self._under_way and now_ns - self._used_ns > _IDLE_NS):
            session = await self._fresh_session(method, path)
        self._used_ns = now_ns
        self._under_way += 1
        way = None if self._proxy is None else _Way(self._proxy)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await session.request(
                method,
                self._base_url + path,
                data=body or None,
                headers=headers,
                timeout=self._timeout(timeout_s, leave_within_s),
                allow_redirects=False,
                proxy=None if self._proxy is None else self._proxy.url,
                proxy_headers=None if self._proxy is None else connect_headers(self._proxy),
                trace_request_ctx=way,
            )
            content = await self._body(response)
        except self._failures as error:
            failure = self._failure(_where(method, path), error, timeout_s, way)
        else:
            if content is not None:
                heads = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status, heads, content)
            limit = self._body_bytes_max
            what = f"the answer is over {limit} bytes and was refused."
            failure = AnswerLost(f"{_where(method, path)}: {what}")
        finally:
            self._under_way -= 1
            self._used_ns = self._clock.monotonic_ns()
            if response is not None and not response.closed:
                response.close()
        del session, response, way  # nothing of theirs is to be reached from the error's traceback
        raise failure

    def _failure(
        self, where: str, error: Exception, timeout_s: float, way: _Way | None
    ) -> NotSent | AnswerLost:
        """What an exception of aiohttp's proves about the request."""
        import aiohttp  # noqa: PLC0415  see _open

        if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
            return proxy_error(self._proxy, self._host, error)
        if isinstance(
            error,
            (
                aiohttp.ClientConnectorError,
                aiohttp.ClientSSLError,
                aiohttp.ConnectionTimeoutError,
                aiohttp.InvalidURL,
            ),
        ):
            refused = certificate_refused(
                getattr(error, "certificate_error", None), f"{where} at {self._host}"
            )
            what = _told(where, f"could not connect to {self._host}", error)
            absent = nobody_there(error, self._base_url)
            return refused or absent or NotSent(what, fault=fault_of(error))
        if way is not None and not way.open:
            if isinstance(error, aiohttp.ClientResponseError):
                return proxy_refused(way.proxy, self._host, None)
            return proxy_dead(way.proxy, error)
        if isinstance(error, TimeoutError):
            return AnswerLost(_told(where, f"no whole answer within {timeout_s:g} s", error))
        return AnswerLost(_told(where, "the connection broke", error))

    def _timeout(self, timeout_s: float, leave_within_s: float | None) -> aiohttp.ClientTimeout:
        """A time-out as aiohttp wants it; kept, since there are only a few different ones."""
        connect_s = min(self._connect_timeout_s, timeout_s * _TO_CONNECT)
        if leave_within_s is not None and leave_within_s < connect_s:
            connect_s = max(_SHORTEST_S, leave_within_s // _SHORTEST_S * _SHORTEST_S)
        kept = self._timeouts.get((timeout_s, connect_s))
        if kept is not None:
            return kept
        import aiohttp  # noqa: PLC0415  see _open

        if len(self._timeouts) >= _TIMEOUTS_MAX:
            self._timeouts.clear()
        timeout = self._timeouts[timeout_s, connect_s] = aiohttp.ClientTimeout(
            total=timeout_s, connect=connect_s, ceil_threshold=_NEVER_ROUNDED_S
        )
        return timeout

    async def _fresh_session(self, method: str, path: str) -> aiohttp.ClientSession:
        """The session to use when there is none, or when everything in it has gone stale.

        aiohttp drops idle connections by a clock that stands still while the computer sleeps; ours does
        not, so that the first order after opening the lid does not go into a dead connection.
        """
        stale, self._session = self._session, None
        if stale is not None:
            await stale.close()
        if self._closed:
            msg = f"{_where(method, path)}: this client is closed."
            raise NotSent(msg, next_step="Open a new one.")
        if self._session is None:
            self._session = self._open()
        return self._session

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415  half a second of import that a program without REST need not pay

        cap_network_loggers()
        self._failures = (aiohttp.ClientError, OSError, ValueError)
        tls = None
        if self._base_url.startswith("https:"):
            tls = self._tls = self._tls or client_context()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls if tls is not None else False,
                limit=0,  # the limiter bounds requests; a full pool must never hold back an exit
                keepalive_timeout=IDLE_S,
                socket_factory=self._sockets.make,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            raise_for_status=False,
            trace_configs=None if self._proxy is None else [_watching_the_way()],
        )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body as it was before compression; None when it is larger than we accept."""
        size_told = response.content_length
        plain = "Content-Encoding" not in response.headers
        if plain and size_told is not None and size_told <= self._body_bytes_max:
            return await response.read()
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._body_bytes_max:
                response.close()
                return None
            parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Close every connection; later calls raise `NotSent`."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await self._sockets.let_go()


def _where(method: str, path: str) -> str:
    """A request for people: without its query, which may hold anything."""
    return f"{method} {path.partition('?')[0]}"


def _told(where: str, what: str, error: BaseException) -> str:
    """What went wrong, from the error's type and number only: library texts may hold addresses."""
    number = getattr(error, "errno", None)
    detail = f"{type(error).__name__}" + (f", errno {number}" if isinstance(number, int) else "")
    return f"{where}: {what} ({detail})."
