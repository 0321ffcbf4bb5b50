"""Hub sockets by picows, the cheapest WebSocket reader there is for Python.

picows hands over frames in a callback; joining fragments, bounding a message and answering CLOSE are
ours (`net.transport_hub_frames`). Left to itself it would follow redirects with our Authorization header, refuse frames over 10 MB,
print the upgrade request below DEBUG, leave a socket behind when an attempt is broken off, and call an
answer that never came an open socket: each is dealt with here and proven by a test.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import picows

from topstepx.errors import NotSent, UpgradeRefused
from topstepx.net.pins import is_pinned
from topstepx.net.screened import Screened
from topstepx.net.tls import certificate_refused, client_context
from topstepx.net.transport import check_request
from topstepx.net.transport_dial import bound_silence, dial, fault_of, hang_up
from topstepx.net.transport_hub_frames import CLOSE_GRACE_S, Frames
from topstepx.net.tunnel import tunnel
from topstepx.redaction import cap_network_loggers

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from picows.url import WSParsedURL

    from topstepx.net.transport import Hub, HubListener, HubSocket
    from topstepx.settings import Proxy

OUTGOING_BYTES_MAX = 1024 * 1024
"""A gateway that leaves this much unread is gone; we send little more than pings."""

_LOG = logging.getLogger("topstepx.hub")
# Not in the registry, so that no logging set-up can turn it on: it prints the request, token and all.
_MUTE = logging.Logger("topstepx.net.picows", logging.CRITICAL + 1)  # noqa: LOG001  see above


class _Socket:
    """`HubSocket` over one picows transport."""

    def __init__(self, frames: Frames, transport: picows.WSTransport) -> None:
        self._frames = frames
        self._transport = transport

    def send(self, payload: bytes) -> None:
        if self._transport.is_disconnected or self._transport.is_close_frame_sent:
            return
        self._transport.send(picows.WSMsgType.TEXT, payload)
        if self._transport.underlying_transport.get_write_buffer_size() > OUTGOING_BYTES_MAX:
            self._frames.end("the gateway takes nothing any more")
            self._frames.cut()

    def close(self) -> None:
        self._frames.end("closed by us")


class PicowsTransport:
    """`HubTransport` over picows."""

    def __init__(
        self,
        hub_url: str,
        *,
        message_bytes_max: int = 16 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._hub_url = hub_url.rstrip("/")
        parts = urlsplit(hub_url)
        self._secure = parts.scheme == "wss"
        self._host, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        self._message_bytes_max = message_bytes_max
        self._tls = tls
        self._proxy = proxy
        self._open: dict[asyncio.Task[None], _Socket] = {}
        self._closed = False

    async def open(
        self,
        hub: Hub,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        listener: HubListener,
        timeout_s: float,
    ) -> HubSocket:
        """An open socket; see `HubTransport.open`."""
        path = f"/hubs/{hub}"
        check_request(path, headers)
        if self._closed:
            msg = f"The {hub} hub was not opened: this client is closed."
            raise NotSent(msg, next_step="Open a new one.")
        cap_network_loggers()
        if self._secure and self._tls is None:
            self._tls = client_context()
        frames = Frames(listener, self._message_bytes_max)
        url = self._hub_url + path + (f"?{urlencode(query)}" if query else "")
        failure = await self._connect(hub, url, headers, frames, timeout_s)
        if failure is not None:
            raise failure
        transport = frames.transport
        if transport is None or transport.is_disconnected or self._closed:
            frames.cut()
            msg = f"The {hub} hub closed the connection without opening."
            raise NotSent(msg)
        opened = _Socket(frames, transport)
        ending = asyncio.create_task(_watch(transport), name=f"{hub} hub socket")
        self._open[ending] = opened
        ending.add_done_callback(self._open.pop)
        asyncio.get_running_loop().call_soon(frames.release)
        return opened

    async def _connect(
        self, hub: Hub, url: str, headers: Mapping[str, str], frames: Frames, timeout_s: float
    ) -> NotSent | None:
        dialled: list[socket.socket] = []
        try:
            async with asyncio.timeout(timeout_s):
                await Screened(
                    picows.ws_connect(
                        lambda: frames,
                        url,
                        ssl_context=self._tls if self._secure else None,
                        websocket_handshake_timeout=None,
                        logger_name=_MUTE,
                        enable_auto_pong=True,
                        max_frame_size=self._message_bytes_max,
                        extra_headers=dict(headers),
                        max_redirects=0,
                        disconnect_on_exception=True,
                        socket_factory=self._dialler(dialled, timeout_s),
                        # Its faster TLS does not go through the object that checks pins.
                        use_aiofastnet=False if is_pinned(self._tls) else None,
                        ssl_shutdown_timeout=CLOSE_GRACE_S if self._secure else None,
                    )
                )
        except picows.WSHandshakeError as error:
            status = _status(error)
            if status is not None:
                return UpgradeRefused(hub, status)
            return NotSent(f"The {hub} hub did not answer as a WebSocket ({type(error).__name__}).")
        except NotSent as error:
            return error
        except TimeoutError:
            hang_up(dialled)
            return NotSent(f"The {hub} hub did not open within {timeout_s:g} s.")
        except (picows.WSError, OSError) as error:
            refused = certificate_refused(error, f"The {hub} hub at {self._host}")
            what = f"The {hub} hub at {self._host} could not be reached ({type(error).__name__})."
            return refused or NotSent(what, fault=fault_of(error))
        except BaseException:
            hang_up(dialled)
            raise
        return None

    def _dialler(
        self, dialled: list[socket.socket], timeout_s: float
    ) -> Callable[[WSParsedURL], Awaitable[socket.socket]]:
        async def dial_only_ours(url: WSParsedURL) -> socket.socket:
            if (url.host, url.port) != (self._host, self._port):
                msg = "another host than the one this transport was built for"
                raise OSError(msg)
            if self._proxy is None:
                connected = await dial(url.host, url.port, timeout_s=timeout_s)
            else:
                connected = await tunnel(self._proxy, url.host, url.port, timeout_s=timeout_s)
            bound_silence(connected)
            dialled.append(connected)
            return connected

        return dial_only_ours

    async def close(self) -> None:
        """Close every open socket and wait until the listeners have been told."""
        self._closed = True
        ending = dict(self._open)
        for opened in ending.values():
            opened.close()
        if ending:
            await asyncio.wait(ending)


async def _watch(transport: picows.WSTransport) -> None:
    """Until the socket is gone. The reason is the listener's; here it is only taken off the future."""
    try:
        await transport.wait_disconnected()
    # boundary: picows stores here why it closed, and asyncio would log it
    except Exception as error:  # noqa: BLE001  whatever it stored
        _LOG.debug("A hub socket ended with %s.", type(error).__name__)


def _status(error: picows.WSHandshakeError) -> int | None:
    """The HTTP status of a refused upgrade, also one that Python has no name for; None for nonsense."""
    words = (error.raw_header or b"").split(b" ", 2)
    digits = words[1][:3] if len(words) > 1 and words[0].upper().startswith(b"HTTP/1.") else b""
    status = int(digits) if len(digits) == len("200") and digits.isdigit() else 0
    return status if status not in {0, 101} else None
