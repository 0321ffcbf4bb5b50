"""Negotiated hub connections: ids handed out by `negotiate`, each good for one WebSocket."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

_KEPT_MAX = 1000


@dataclass(slots=True)
class _Negotiated:
    hub: str
    user_name: str
    until: datetime
    used: bool = False


class Negotiations:
    """What was negotiated and not yet used."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0
        self._open: dict[str, _Negotiated] = {}

    def answer(
        self, hub: str, user_name: str, version: int, until: datetime, now: datetime
    ) -> dict[str, Any]:
        """The body of a negotiate answer, good until a WebSocket must have come.

        Version 0 has no connection token.
        """
        self._count += 1
        self._forget(now)
        connection_id = self._name(f"id{self._count}")
        content: dict[str, Any] = {"negotiateVersion": min(version, 1)}
        content["connectionId"] = connection_id
        key = connection_id
        if version >= 1:
            key = self._name(f"token{self._count}")
            content["connectionToken"] = key
        content["availableTransports"] = [
            {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}
        ]
        self._open[key] = _Negotiated(hub, user_name, until)
        return content

    def use(self, connection: str, hub: str, user_name: str, now: datetime) -> int | None:
        """None when the connection may open, else the HTTP status that refuses it.

        404 for an unknown id, 409 for one in use (both verified on a server of the same make), 403 for
        somebody else's.
        """
        self._forget(now)
        found = self._open.get(connection)
        if found is None or found.hub != hub:
            return 404
        if found.user_name != user_name:
            return 403
        if found.used:
            return 409
        found.used = True
        return None

    def release(self, connection: str) -> None:
        """The WebSocket is gone, and its id with it."""
        self._open.pop(connection, None)

    def _forget(self, now: datetime) -> None:
        stale = [key for key, one in self._open.items() if not one.used and now >= one.until]
        for key in stale:
            del self._open[key]
        while len(self._open) > _KEPT_MAX:
            del self._open[next(iter(self._open))]

    def _name(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode(), "sha256")[:16]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
