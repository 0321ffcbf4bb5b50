"""One handshake with a hub and goodbye: for a person who asks whether it would work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from topstepx.core.signalr import ClientConnection, HandshakeAccepted
from topstepx.errors import AnswerLost, TopstepxError, UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.net.transport import Hub, HubTransport
    from topstepx.settings import Secret

_UNAUTHORIZED = 401
_HEADERS = {"User-Agent": "topstepx-python"}
Placement = Literal["header", "query"]


class _Ear:
    """Hears the answer to the handshake."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data(self, payload: bytes) -> None:
        """Bytes of one message."""
        if self.answer.done():
            return
        try:
            messages = self._connection.receive(payload)
        except TopstepxError as error:
            self.answer.set_exception(error)
            return
        if any(isinstance(message, HandshakeAccepted) for message in messages):
            self.answer.set_result(None)

    def closed(self, reason: str) -> None:
        """The socket is gone."""
        if not self.answer.done():
            self.answer.set_exception(AnswerLost(f"The hub closed: {reason}."))


async def probe_hub(
    hub: Hub, transport: HubTransport, token: Secret, *, timeout_s: float
) -> Placement:
    """Shake hands with a hub; where the token had to travel: "header", or else "query".

    Raises `UpgradeRefused`, `NotSent`, `HandshakeRefused` or `AnswerLost`.
    """
    try:
        await _shake(hub, transport, {"Authorization": f"Bearer {token.reveal()}"}, {}, timeout_s)
    except UpgradeRefused as error:
        if error.status != _UNAUTHORIZED:
            raise
    else:
        return "header"
    await _shake(hub, transport, {}, {"access_token": token.reveal()}, timeout_s)
    return "query"


async def _shake(
    hub: Hub,
    transport: HubTransport,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    timeout_s: float,
) -> None:
    connection = ClientConnection()
    ear = _Ear(connection)
    socket = await transport.open(
        hub, headers={**_HEADERS, **headers}, query=query, listener=ear, timeout_s=timeout_s
    )
    try:
        socket.send(connection.handshake_request())
        async with asyncio.timeout(timeout_s):
            await ear.answer
    except TimeoutError:
        msg = f"The {hub} hub did not answer the handshake within {timeout_s:g} s."
        raise AnswerLost(msg) from None
    finally:
        ear.answer.cancel()
        socket.close()
