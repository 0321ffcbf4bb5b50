"""REST over real sockets, by aiohttp: one request, once.

aiohttp repeats a request on a stale keep-alive connection for idempotent methods only, never a POST;
redirects, cookies, proxies and `.netrc` from the environment are all off. Its exceptions carry
addresses and headers, so they end here and ours take their place.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from topstepx.errors import AnswerLost, NotSent
from topstepx.net.tls import client_context
from topstepx.net.transport import HttpAnswer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import aiohttp

_IDLE_S = 15.0
"""Connections idle for longer are not used again: the gateway drops them unannounced (observed live)."""


def quieten_network_loggers() -> None:
    """Cap the loggers of the network libraries at WARNING: below it they print addresses and headers."""
    for name in ("aiohttp", "aiohttp.client", "aiohttp.access", "picows", "asyncio"):
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.WARNING:
            logger.setLevel(logging.WARNING)


class HttpTransport:
    """`RestTransport` over aiohttp. Opens its first socket at the first call."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float = 4.0,
        body_bytes_max: int = 64 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._connect_timeout_s = connect_timeout_s
        self._body_bytes_max = body_bytes_max
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415  half a second of import that a program without REST need not pay

        if self._closed:
            msg = "This client is closed."
            raise NotSent(msg, next_step="Open a new one.")
        if self._session is None:
            quieten_network_loggers()
            secure = self._base_url.startswith("https:")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=(self._tls or client_context()) if secure else False,
                    limit=0,  # the limiter bounds requests; a full pool must never hold back an exit
                    keepalive_timeout=_IDLE_S,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                raise_for_status=False,
                skip_auto_headers=("Content-Type",),
            )
        return self._session

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> HttpAnswer:
        """Send once and give the answer whole, whatever its status."""
        session = self._open()
        import aiohttp  # noqa: PLC0415  see _open

        timeout = aiohttp.ClientTimeout(
            total=timeout_s, connect=min(self._connect_timeout_s, timeout_s * 0.9)
        )
        where = f"{method} {path.partition('?')[0]}"
        try:
            async with session.request(
                method,
                self._base_url + path,
                data=body or None,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return HttpAnswer(
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    await self._body(response, where),
                )
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ClientSSLError,
            aiohttp.ConnectionTimeoutError,
        ) as error:
            raise NotSent(_told(where, "could not connect", error)) from None
        except TimeoutError as error:
            raise AnswerLost(
                _told(where, f"no whole answer within {timeout_s:g} s", error)
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AnswerLost(_told(where, "the connection broke", error)) from None

    async def _body(self, response: aiohttp.ClientResponse, where: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._body_bytes_max:
                response.close()
                msg = f"{where}: the answer is larger than {self._body_bytes_max} bytes and was refused."
                raise AnswerLost(msg)
            parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Close every connection; later calls raise `NotSent`."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


def _told(where: str, what: str, error: BaseException) -> str:
    """What went wrong, from the error's type and number only: library texts may hold addresses."""
    number = getattr(error, "errno", None)
    detail = f"{type(error).__name__}" + (f", errno {number}" if isinstance(number, int) else "")
    return f"{where}: {what} ({detail})."
