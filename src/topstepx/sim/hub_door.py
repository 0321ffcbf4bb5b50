"""How one gets into a hub: negotiate, upgrade, token, connection id."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs

from topstepx.sim.answers import GatewayAnswer, empty_answer, json_answer, text_answer
from topstepx.sim.calls import bearer
from topstepx.sim.fault_kinds import RefuseNegotiate, RefuseUpgrade
from topstepx.sim.hubs import HUBS, Hubs
from topstepx.sim.negotiation import Negotiations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from topstepx.sim.hub_session import HubSession
    from topstepx.sim.tokens import Session

TokenPlace = Literal["header", "query"]


class HubDoor:
    """Lets clients in, or says with which HTTP status not."""

    def __init__(self, hubs: Hubs, key: bytes) -> None:
        self._hubs = hubs
        self._negotiations = Negotiations(key)

    def upgrade(
        self, path: str, headers: Mapping[str, str], query: Mapping[str, str], now: datetime
    ) -> HubSession | int:
        """A WebSocket upgrade as it arrives."""
        hub = path.lower().rstrip("/").removeprefix("/hubs/")
        lowered = {name.lower(): value for name, value in headers.items()}
        in_query = query.get("access_token")
        if in_query and self._hubs.policy.auth_in != "header":
            return self.open(hub, in_query, now, "query", query.get("id"))
        return self.open(hub, bearer(lowered), now, "header", query.get("id"))

    def open(
        self,
        hub: str,
        token: str | None,
        now: datetime,
        auth_in: TokenPlace,
        connection: str | None,
    ) -> HubSession | int:
        """A session, or the status that refuses it."""
        if hub not in HUBS:
            return 404
        refusal = self._hubs.faults.for_upgrade(hub, RefuseUpgrade, now)
        if isinstance(refusal, RefuseUpgrade):
            return refusal.status
        session = self._user(token, auth_in, now)
        if session is None:
            return 401
        if connection is None:
            return self._hubs.open(hub, session, token or "", now)
        status = self._negotiations.use(connection, hub, session.user_name, now)
        if status is not None:
            return status
        opened = self._hubs.open(hub, session, token or "", now)
        opened.on_end = lambda: self._negotiations.release(connection)
        return opened

    def request(
        self, method: str, path: str, query: str, headers: Mapping[str, str], now: datetime
    ) -> GatewayAnswer:
        """A plain HTTP request below `/hubs/`: negotiate, or a mistake."""
        hub, _, rest = path.removeprefix("/hubs/").partition("/")
        if hub not in HUBS or rest not in {"", "negotiate"}:
            return empty_answer(404)
        if not rest:
            return text_answer("Connection ID required", 400)
        if method != "POST":
            return empty_answer(405, allow="POST")
        refusal = self._hubs.faults.for_upgrade(hub, RefuseNegotiate, now)
        if isinstance(refusal, RefuseNegotiate):
            return empty_answer(refusal.status)
        members = {name.lower(): values[0] for name, values in parse_qs(query).items()}
        session = self._user(members.get("access_token"), "query", now)
        if session is None:
            session = self._user(bearer(headers), "header", now)
        if session is None:
            return empty_answer(401)
        text = members.get("negotiateversion", "0")
        version = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0  # noqa: PLR2004  no longer number is a version
        # ASP.NET forgets an unused connection after 15 seconds (assumed of the gateway).
        until = now + timedelta(seconds=self._hubs.policy.handshake_timeout_s)
        content = self._negotiations.answer(hub, session.user_name, version, until, now)
        return json_answer(content, {"accept": "application/json"})

    def _user(self, token: str | None, auth_in: TokenPlace, now: datetime) -> Session | None:
        if self._hubs.policy.auth_in not in {"both", auth_in}:
            return None
        return self._hubs.tokens.check(token, now)[1]
