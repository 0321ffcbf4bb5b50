"""Connecting one TCP socket, so that whoever asked for it can also end it.

Libraries that connect by themselves keep the socket to themselves: a broken-off attempt then leaves
one behind until some timer of theirs fires.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
import ssl
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from topstepx.errors import NotSent
from topstepx.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from topstepx.errors import Fault

    AddressInfo = tuple[int, int, int, str, tuple[object, ...]]


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


DEAD_LINK: Final = "the link is dead: a ping was not answered"
_UNACKNOWLEDGED_MS: Final = 20_000
_STEPS_MAX: Final = 5
_UNASKED: Final = "something came that nobody asked for"


def bound_silence(connected: socket.socket) -> None:
    """Let the system give the connection up when what we sent stays unacknowledged for 20 s (Linux)."""
    option: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, option, _UNACKNOWLEDGED_MS)


_HERE: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.EADDRNOTAVAIL,
        errno.EMFILE,
        errno.ENFILE,
        errno.EACCES,
        errno.EPERM,
    }
)


def fault_of(error: BaseException | None) -> Fault:
    """Whose fault it is that no connection came about: see `core.blame`.

    Libraries wrap the system's error: as `os_error`, or as the cause.
    """
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, socket.gaierror):
        return "here"
    if isinstance(inner, ssl.SSLError):
        return "tls"
    if isinstance(inner, OSError) and inner.errno in _HERE:
        return "here"
    return "there"


def nobody_there(error: BaseException | None, url: str) -> NotSent | None:
    """The error to raise when `error` says that nothing listens at `url`, else None."""
    inner = getattr(error, "os_error", None) or error
    if not isinstance(inner, ConnectionRefusedError):
        return None
    fix = "The gateway may be in maintenance: wait, and look at the firm's status page."
    if is_loopback(url):
        fix = "Is `topstepx sim` running, and is that the port it printed?"
    return NotSent(f"Nothing listens on {url}.", next_step=fix, lasting=True)


def hang_up(sockets: Collection[socket.socket]) -> None:
    """End connections that somebody else's transport owns: it sees the end and lets go by itself."""
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class _Guarded(socket.socket):
    """A socket that breaks off when something comes that nobody can have asked for."""

    asked: Callable[[], bool]

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As ever; what was not asked for is an error instead."""
        data = super().recv(size, flags)
        if data and not self.asked():
            raise ConnectionResetError(errno.ECONNRESET, _UNASKED)
        return data

    def recv_into(self, *args: Any) -> int:  # noqa: ANN401  passed through
        """The same, as it is read behind TLS."""
        count = super().recv_into(*args)
        if count and not self.asked():
            raise ConnectionResetError(errno.ECONNRESET, _UNASKED)
        return count


class Sockets:
    """The sockets of one pool that another library keeps, so that none outlives the pool.

    After a call that ran out of time behind TLS, asyncio waits half a minute for the peer's goodbye;
    a pool that is closed does not wait for it and would leave the socket behind.

    `asked` says whether any call is under way (None: whatever comes is welcome). An answer that comes
    while none is would be kept by the pool and given to the next call as its own (seen with aiohttp
    3.14), so it ends its connection.
    """

    def __init__(self, asked: Callable[[], bool] | None = None) -> None:
        self._asked = asked
        self._made: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._watched: list[tuple[socket.socket, int]] = []
        self._unread: Callable[[], object] = bool
        self._changed = False

    def make(self, address: AddressInfo) -> socket.socket:
        """A new socket for the address, remembered as long as it lives."""
        family, kind, protocol, _, _ = address
        if self._asked is None:
            made = socket.socket(family, kind, protocol)
        else:
            made = _Guarded(family, kind, protocol)
            made.asked = self._asked
        self._made.add(made)
        self._changed = True
        return made

    async def settle(self) -> None:
        """While no call is under way: let the loop see what the system has received already."""
        # It is read, found not to be asked for, and its connection let go.
        for _ in range(_STEPS_MAX):
            await asyncio.sleep(0)
            if not self.has_unread():
                break
        await asyncio.sleep(0)  # behind TLS the pool hears of that one step later

    def has_unread(self) -> bool:
        """Whether the system has something that the loop has not seen; then `settle`.

        Asked before most calls, so what there is to ask is made ready only when sockets came or went.
        """
        for one, number in self._watched:
            if one.fileno() != number:
                self._changed = True
        if self._changed:
            self._changed = False
            self._made = weakref.WeakSet(one for one in self._made if one.fileno() >= 0)
            self._watched = [(one, one.fileno()) for one in self._made]
            self._unread = _readable(list(self._made))
        return bool(self._unread())

    async def let_go(self) -> None:
        """End what is still open, and give its owner a moment to notice."""
        self._watched, self._unread = [], bool
        await let_go(self._made)


def _readable(sockets: Collection[socket.socket]) -> Callable[[], object]:
    """What tells whether the system has anything for one of these: bytes, an end, or an error."""
    if not sockets:
        return bool
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select(sockets, (), (), 0)[0]
    looking = select.poll()
    for one in sockets:
        looking.register(one, select.POLLIN)
    return partial(looking.poll, 0)


async def let_go(sockets: Collection[socket.socket]) -> None:
    """End these connections, and give their owners up to a tenth of a second to notice."""
    hang_up(sockets)
    for _ in range(100):
        if all(one.fileno() < 0 for one in sockets):
            return
        await asyncio.sleep(0.001)
