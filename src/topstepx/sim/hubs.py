"""Both hubs of the simulator: who is connected, who listens to what, and what they are told.

An event is encoded once and the same bytes go to every session that subscribed to it.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from topstepx.core.signalr import PING, encode_invocation
from topstepx.sim.dialect import stream_record
from topstepx.sim.edits import edited
from topstepx.sim.fault_kinds import (
    DelayEvents,
    DropEvents,
    DuplicateEvents,
    EditEvents,
    EventFault,
    ReorderEvents,
    ReplaceEvents,
)
from topstepx.sim.hub_session import HubSession
from topstepx.wire.routes import (
    GATEWAY_LOGOUT,
    SUBSCRIBE_ACCOUNTS,
    SUBSCRIBE_ORDERS,
    SUBSCRIBE_POSITIONS,
    SUBSCRIBE_TRADES,
    HubMethod,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.sim.faults import Faults
    from topstepx.sim.switches import Switches
    from topstepx.sim.tokens import Session, TokenOffice
    from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel

HUBS = ("user", "market")
USER_EVENT = {
    "account": SUBSCRIBE_ACCOUNTS.event,
    "order": SUBSCRIBE_ORDERS.event,
    "position": SUBSCRIBE_POSITIONS.event,
    "trade": SUBSCRIBE_TRADES.event,
}
_RECENT_KEPT = 200
_FLAT_WHEN_MIXED = {SUBSCRIBE_POSITIONS.event, SUBSCRIBE_TRADES.event}


@dataclass(slots=True)
class HubPolicy:
    """How the hubs behave; may be changed while they run. Defaults and meanings as in `Switches`.

    `auth_in`: where a token may stand, the upgrade's header, its query or "both" (unknown).
    `market_lists` False: one trade or depth row per event instead of a list. `queue_bytes_max`: what
    may wait for one slow client before it is cut off.
    """

    user_events: Literal["wrapped", "flat", "mixed"] = "wrapped"
    ids_as_text: Literal["never", "orders", "all"] = "never"
    market_lists: bool = True
    auth_in: Literal["both", "header", "query"] = "both"
    quote_on_subscribe: bool = True
    depth_on_subscribe: bool = True
    expired_hub: Literal["stays", "logout", "close"] = "stays"
    logout_argument: Literal["none", "text", "object"] = "none"
    calls_limited: bool = False
    keep_alive_s: float = 15.0
    client_timeout_s: float = 30.0
    handshake_timeout_s: float = 15.0
    queue_bytes_max: int = 16 * 1024 * 1024

    @classmethod
    def of(cls, switches: Switches) -> HubPolicy:
        """The policy that the named switches ask for."""
        return cls(
            user_events=switches.user_events,
            ids_as_text="orders" if switches.order_ids_as_text else "never",
            quote_on_subscribe=switches.quote_on_subscribe,
            depth_on_subscribe=switches.depth_on_subscribe,
            expired_hub=switches.expired_hub,
            logout_argument=switches.logout_argument,
            calls_limited=switches.hub_calls_limited,
            keep_alive_s=float(switches.keep_alive_s),
            client_timeout_s=float(switches.client_timeout_s),
        )


class Audience(Protocol):
    """What the hubs ask the gateway."""

    def owns_account(self, user_name: str, account_id: int) -> bool:
        """Whether the account is one of this user's."""
        ...

    def knows_contract(self, contract_id: str) -> bool:
        """Whether there is such a contract."""
        ...

    def subscribed(self, session: HubSession, method: HubMethod, about: str, now: datetime) -> None:
        """A session has just turned something on."""
        ...

    def admitted(self, session: HubSession, now: datetime) -> bool:
        """Whether one more hub call is within the request limits."""
        ...


class Hubs:
    """All sessions of both hubs."""

    def __init__(
        self, policy: HubPolicy, faults: Faults, tokens: TokenOffice, audience: Audience
    ) -> None:
        self.policy, self.faults, self.tokens = policy, faults, tokens
        self.sessions: dict[HubSession, None] = {}
        self.published = 0
        self.overflows = 0
        self.owns_account = audience.owns_account
        self.knows_contract = audience.knows_contract
        self.subscribed = audience.subscribed
        self.admitted = audience.admitted
        self._listeners: dict[tuple[str, str], dict[HubSession, None]] = {}
        self._late: list[tuple[datetime, int, HubSession, bytes]] = []
        self._late_count = 0
        self._check_at: datetime | None = None
        self._mixed = 0
        self._recent: deque[_Told] = deque(maxlen=_RECENT_KEPT)

    # ------------------------------------------------------------ sessions

    def open(self, hub: str, session: Session, token: str, now: datetime) -> HubSession:
        """A new session; its handshake is still to come."""
        opened = HubSession(self, hub, session, token, now)
        self.sessions[opened] = None
        self.look_at(opened.deadline())
        return opened

    def forget(self, session: HubSession) -> None:
        """A session has ended."""
        self.sessions.pop(session, None)
        for key in session.subscriptions:
            self._drop(session, key)
        session.subscriptions.clear()

    def switch(self, session: HubSession, method: HubMethod, about: str, *, on: bool) -> None:
        """Turn a subscription on or off."""
        key = (method.event, about)
        if on:
            session.subscriptions.add(key)
            self._listeners.setdefault(key, {})[session] = None
        else:
            session.subscriptions.discard(key)
            self._drop(session, key)

    def listens(self, event: str, about: str) -> bool:
        """Whether anybody wants this event."""
        return (event, about) in self._listeners

    def market_contracts(self) -> set[str]:
        """The contracts that somebody listens to."""
        return {about for (event, about) in self._listeners if not event.startswith("GatewayUser")}

    def of(self, hub: str = "*") -> list[HubSession]:
        """The open sessions of one hub or of both, oldest first."""
        return [one for one in self.sessions if fnmatchcase(one.hub, hub.removeprefix("hub/"))]

    # ------------------------------------------------------------ telling

    def tell_user(
        self,
        kind: str,
        action: int,
        model: OrderModel | TradeModel | PositionModel | AccountModel,
        account_id: int,
        now: datetime,
    ) -> None:
        """An event of the user hub, to those who subscribed to it and own the account."""
        event = USER_EVENT[kind]
        about = "" if kind == "account" else str(account_id)
        listeners = self._listeners.get((event, about))
        if not listeners:
            return
        data = stream_record(model)
        if self.policy.ids_as_text == "all" or (
            self.policy.ids_as_text == "orders" and kind == "order"
        ):
            data["id"] = str(data["id"])
        payload = data if self._flat(event) else {"action": action, "data": data}
        entitled = listeners
        if kind == "account":
            entitled = {
                one: None for one in listeners if self.owns_account(one.user_name, account_id)
            }
        told = _Event(event, str(account_id), [payload])
        self._send(entitled, told, now)
        self._recent.append(_Told(event, (event, about), encode_invocation(event, [payload])))

    def tell_market(self, event: str, contract_id: str, payload: Any, now: datetime) -> None:  # noqa: ANN401  any JSON
        """An event of the market hub, to those who subscribed to it."""
        listeners = self._listeners.get((event, contract_id))
        if listeners:
            for arguments in self._market_arguments(contract_id, payload):
                self._send(listeners, _Event(event, contract_id, arguments), now)

    def tell_one(
        self,
        session: HubSession,
        event: str,
        contract_id: str,
        payload: Any,  # noqa: ANN401  any JSON
        now: datetime,
    ) -> None:
        """An event of the market hub, to one session only."""
        for arguments in self._market_arguments(contract_id, payload):
            self._send((session,), _Event(event, contract_id, arguments), now)

    def say(self, session: HubSession, text: str, now: datetime) -> None:
        """Any text as one record."""
        session.push(text.encode() + b"\x1e", now)

    def replay(self, session: HubSession, event: str, last: int, now: datetime) -> None:
        """The last user events of a session's subscriptions once more, as a stale server would."""
        told = [
            one
            for one in self._recent
            if fnmatchcase(one.event, event) and one.key in session.subscriptions
        ]
        for one in told[-last:] if last > 0 else []:
            session.push(one.record, now)

    def kick(
        self,
        session: HubSession,
        now: datetime,
        arguments: Iterable[Any] | None = None,
        *,
        close: bool = True,
    ) -> None:
        """Send `GatewayLogout` and, with `close`, end the session."""
        if arguments is None:
            arguments = {
                "none": (),
                "text": ("Another session has logged in.",),
                "object": ({"reason": "Another session has logged in."},),
            }[self.policy.logout_argument]
        session.push(encode_invocation(GATEWAY_LOGOUT, arguments), now)
        if close:
            session.close(now=now)

    # ------------------------------------------------------------ time

    def next_event_at(self) -> datetime | None:
        """When `advance` has something to do: never later than needed, perhaps earlier."""
        late = self._late[0][0] if self._late else None
        if self._check_at is None or late is None:
            return late or self._check_at
        return min(late, self._check_at)

    def advance(self, now: datetime) -> None:
        """Send what was delayed; ping, time out and expire sessions."""
        while self._late and self._late[0][0] <= now:
            due, _, session, record = heapq.heappop(self._late)
            session.push(record, due)
        if self._check_at is None or now < self._check_at:
            return
        self._check_at = None
        for session in list(self.sessions):
            if now >= session.deadline():
                session.check(now)
            if not session.closed:
                self.look_at(session.deadline())

    def moved(self, by: timedelta) -> None:
        """The clock was set ahead: nobody was silent for that long."""
        for session in self.sessions:
            session.opened_at += by
            session.heard_at += by
            session.spoke_at += by
        self.recheck()

    def breathe(self, now: datetime) -> None:
        """Send everybody a ping: what a transport does in real time while simulated time stands still."""
        for session in list(self.sessions):
            if session.shaken:
                session.push(PING, now)

    def recheck(self) -> None:
        """Look at every session again, after the policy or a token's life changed."""
        self._check_at = min((one.deadline() for one in self.sessions), default=None)

    # ------------------------------------------------------------ inside

    def look_at(self, moment: datetime) -> None:
        """Somebody wants `check` at this moment; the earliest such wish counts."""
        if self._check_at is None or moment < self._check_at:
            self._check_at = moment

    def _drop(self, session: HubSession, key: tuple[str, str]) -> None:
        listeners = self._listeners.get(key)
        if listeners is not None:
            listeners.pop(session, None)
            if not listeners:
                del self._listeners[key]

    def _flat(self, event: str) -> bool:
        if self.policy.user_events == "mixed":
            self._mixed += 1
            return event in _FLAT_WHEN_MIXED and self._mixed % 2 == 0
        return self.policy.user_events == "flat"

    def _market_arguments(self, contract_id: str, payload: Any) -> list[list[Any]]:  # noqa: ANN401  any JSON
        if isinstance(payload, list) and not self.policy.market_lists:
            return [[contract_id, one] for one in payload]
        return [[contract_id, payload]]

    def _send(self, listeners: Iterable[HubSession], event: _Event, now: datetime) -> None:
        record = encode_invocation(event.name, event.arguments)
        self.published += 1
        # A session that overflows leaves the listeners while we walk them.
        for session in tuple(listeners):
            if self.faults.quiet:
                session.push(record, now)
            else:
                faults = self.faults.for_event(session.hub, event.name, event.about, now)
                self._send_spoilt(session, _spoilt(event, record, faults), now)

    def _send_spoilt(self, session: HubSession, spoilt: _Spoilt, now: datetime) -> None:
        for _ in range(spoilt.copies):
            if spoilt.delay_s:
                self._late_count += 1
                due = now + timedelta(seconds=spoilt.delay_s)
                heapq.heappush(self._late, (due, self._late_count, session, spoilt.record))
            elif spoilt.kept_back:
                session.keep_back(spoilt.record)
            else:
                session.push(spoilt.record, now)
        if spoilt.copies and not spoilt.kept_back and not spoilt.delay_s:
            session.release(now)


class _Told(NamedTuple):
    """A user event that was told, for those who tell it again."""

    event: str
    key: tuple[str, str]
    record: bytes


@dataclass(slots=True)
class _Event:
    name: str
    about: str
    arguments: list[Any]


@dataclass(slots=True)
class _Spoilt:
    """What becomes of one event on its way to one session."""

    record: bytes
    copies: int = 1
    delay_s: float = 0.0
    kept_back: bool = False


def _spoilt(event: _Event, record: bytes, faults: list[EventFault]) -> _Spoilt:
    spoilt = _Spoilt(record)
    arguments = event.arguments
    for fault in faults:
        match fault:
            case DropEvents():
                spoilt.copies = 0
            case DuplicateEvents():
                spoilt.copies *= 2
            case ReorderEvents():
                spoilt.kept_back = True
            case DelayEvents():
                spoilt.delay_s = max(spoilt.delay_s, fault.seconds)
            case EditEvents():
                arguments = edited(arguments, fault)
                spoilt.record = encode_invocation(event.name, arguments)
            case ReplaceEvents():
                spoilt.record = fault.text.encode() + b"\x1e"
    return spoilt
