"""Connecting one TCP socket, so that whoever asked for it can also end it.

Libraries that connect by themselves keep the socket to themselves: a broken-off attempt then leaves
one behind until some timer of theirs fires.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


async def dial(host: str, port: int, *, timeout_s: float) -> socket.socket:
    """A connected, non-blocking socket; raises `OSError` (also when the name is not known).

    Addresses are tried in the order that the system gives, and share the time: one that swallows
    packets, as broken IPv6 does, leaves enough for the next.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = ConnectionError("the name has no address")
    for index, (family, kind, protocol, _, address) in enumerate(found):
        share_s = max(0.0, end - loop.time()) / (len(found) - index)
        connecting = socket.socket(family, kind, protocol)
        try:
            connecting.setblocking(False)  # noqa: FBT003  the standard library's own signature
            async with asyncio.timeout(share_s):
                await loop.sock_connect(connecting, address)
        except OSError as error:  # TimeoutError is one
            connecting.close()
            failure = error
        except BaseException:
            connecting.close()
            raise
        else:
            return connecting
    raise failure


def hang_up(sockets: Iterable[socket.socket]) -> None:
    """End connections that somebody else's transport owns: it sees the end and lets go by itself."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
