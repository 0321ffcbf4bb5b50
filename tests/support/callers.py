"""One call by each of the three transports, so that a rule can be proven for all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tests.support import websocket as ws
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.net.transport_hub_fallback import AiohttpHubTransport

if TYPE_CHECKING:
    import ssl

    from tests.support.scripted import Scripted, Wire
    from topstepx.settings import Proxy

Kind = Literal["rest", "picows", "aiohttp"]
KINDS: tuple[Kind, ...] = ("rest", "picows", "aiohttp")


class Deaf:
    """A listener that takes no notice."""

    def data(self, payload: bytes) -> None:
        """Nothing."""

    def closed(self, reason: str) -> None:
        """Nothing."""


def serve_either(wire: Wire) -> None:
    """Answer one call, be it a POST or the opening of a hub."""
    request = wire.request()
    if "upgrade" in request.headers:
        wire.send(ws.switching(request))
        ws.serve_until_close(wire)
    else:
        wire.answer()


async def call(
    kind: Kind,
    server: Scripted | str,
    tls: ssl.SSLContext | None = None,
    *,
    token: str = "canary",
    query: dict[str, str] | None = None,
    timeout_s: float = 5.0,
    proxy: Proxy | None = None,
) -> None:
    """One POST or one opened hub, carrying a token; raises what the transport raises."""
    http = server if isinstance(server, str) else server.http_url
    headers = {"Authorization": f"Bearer {token}"}
    if kind == "rest":
        rest = HttpTransport(http, tls=tls, proxy=proxy)
        try:
            await rest.send("POST", "/api/x", headers=headers, body=b"{}", timeout_s=timeout_s)
        finally:
            await rest.close()
        return
    made = PicowsTransport if kind == "picows" else AiohttpHubTransport
    hub = made(http.replace("http", "ws", 1), tls=tls, proxy=proxy)
    try:
        await hub.open(
            "user", headers=headers, query=query or {}, listener=Deaf(), timeout_s=timeout_s
        )
    finally:
        await hub.close()
