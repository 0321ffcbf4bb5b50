"""Reaching the gateway through an HTTP proxy that was set by name: a CONNECT tunnel, or nothing.

What goes through is the same TLS as without a proxy, with the same checks of certificate, name and pins:
the proxy sees host, port and sizes. Proxies of the environment (HTTPS_PROXY and the like) are ignored,
and a proxy that is set is never gone around.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from topstepx.errors import NotSent
from topstepx.net.transport_dial import dial

if TYPE_CHECKING:
    import socket

    from topstepx.settings import Proxy

_HEAD_BYTES_MAX: Final = 16 * 1024
_UNAUTHORIZED: Final = 407
_HEAD_END: Final = b"\r\n\r\n"


def connect_headers(proxy: Proxy) -> dict[str, str]:
    """What a CONNECT request carries besides its target."""
    headers = {"User-Agent": "topstepx-python"}
    authorization = proxy.authorization()
    return headers if authorization is None else {**headers, "Proxy-Authorization": authorization}


async def tunnel(proxy: Proxy, host: str, port: int, *, timeout_s: float) -> socket.socket:
    """A connected, non-blocking socket whose other end is `host`, through the proxy.

    Raises `NotSent` when the proxy is not there, refuses, or answers something else than HTTP.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    answered = await _asked(proxy, target, timeout_s)
    if isinstance(answered, NotSent):
        raise answered
    connected, head = answered
    status = _status(head)
    if status is None or status // 100 != 2:  # noqa: PLR2004  the 2xx class
        connected.close()
        raise proxy_refused(proxy, target, status)
    return connected


async def _asked(
    proxy: Proxy, target: str, timeout_s: float
) -> tuple[socket.socket, bytes] | NotSent:
    """The connection to the proxy and the head of its answer."""
    connected: socket.socket | None = None
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in connect_headers(proxy).items()]
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            connected = await dial(proxy.host, proxy.port, timeout_s=timeout_s)
            await loop.sock_sendall(connected, "\r\n".join([*lines, "", ""]).encode())
            return connected, await _head(connected)
    except OSError as error:  # TimeoutError is one
        if connected is not None:
            connected.close()
        return proxy_dead(proxy, error)
    except BaseException:
        if connected is not None:
            connected.close()
        raise


async def _head(connected: socket.socket) -> bytes:
    """The head of the answer and not one byte more: what follows belongs to the gateway."""
    loop, head = asyncio.get_running_loop(), bytearray()
    while not head.endswith(_HEAD_END) and len(head) < _HEAD_BYTES_MAX:
        part = await loop.sock_recv(connected, 1)
        if not part:
            if not head or head.startswith(b"HTTP/"):
                msg = "The proxy broke off."  # not for good, unlike a port where no proxy is
                raise ConnectionResetError(msg)
            break
        head += part
    return bytes(head)


def _status(head: bytes) -> int | None:
    """The HTTP status of a whole head; None for anything else."""
    words = head.split(b" ", 2)
    if not (head.endswith(_HEAD_END) and words[0].startswith(b"HTTP/1.") and len(words) > 1):
        return None
    digits = words[1][:3]
    return int(digits) if digits.isdigit() else None


def proxy_dead(proxy: Proxy, error: BaseException) -> NotSent:
    """The proxy itself cannot be reached, or broke off."""
    inner = getattr(error, "os_error", None) or error
    return NotSent(
        f"The proxy {proxy.url} could not be used ({type(inner).__name__}). Nothing was sent.",
        next_step="Start it, or correct proxy=; it is never gone around.",
        fault="here",
        lasting=isinstance(inner, ConnectionRefusedError),
    )


def proxy_refused(proxy: Proxy, target: str, status: int | None) -> NotSent:
    """The proxy answered, and opened no way to the gateway."""
    if status is None:
        said, fix = "did not answer as an HTTP proxy", "Check that proxy= names its right port."
    elif status == _UNAUTHORIZED:
        said = "wants a user and a password (HTTP 407)"
        if proxy.user is not None:
            said = f"did not accept the user {proxy.user!r} and the password (HTTP 407)"
        fix = "Give proxy='http://user:password@host:port', or TOPSTEPX_PROXY_PASSWORD for the password."
    else:
        said, fix = (
            f"refused it (HTTP {status})",
            "Ask whoever runs the proxy to let this host pass.",
        )
    return NotSent(
        f"The proxy {proxy.url} opened no way to {target}: it {said}. Nothing was sent.",
        next_step=fix,
        fault="here",
        lasting=status is None or status < 500,  # noqa: PLR2004  what it may cure itself
    )


def proxy_error(proxy: Proxy | None, host: str | None, error: Exception) -> NotSent:
    """What aiohttp says of a proxy, in our words; its error holds headers and ends here."""
    if proxy is None:  # pragma: no cover  only a call through a proxy fails at one
        return NotSent(f"A proxy was in the way ({type(error).__name__}).")
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return proxy_refused(proxy, host or "the gateway", status)
    return proxy_dead(proxy, error)
