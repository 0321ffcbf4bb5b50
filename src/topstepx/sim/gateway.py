"""The simulated gateway as one object: requests in, answers and hub records out, no socket, no clock.

A transport calls `request` for every HTTP request, `open_hub` for every WebSocket, and `advance`
whenever `next_event_at` says that something is due. Faults, limits, tokens and the venue are fields;
change them while it runs.
"""

from __future__ import annotations

import heapq
import hmac
from typing import TYPE_CHECKING, Any, Literal

from topstepx.sim import rest_auth
from topstepx.sim.acts import Acts
from topstepx.sim.answers import (
    GatewayAnswer,
    empty_answer,
    http_date,
    json_answer,
    problem_answer,
)
from topstepx.sim.bodies import SHAPES, BodyRefused, read_body
from topstepx.sim.building import make_parts
from topstepx.sim.calls import Call, bearer
from topstepx.sim.catalogue import ACCOUNTS, AccountListing
from topstepx.sim.dialect import rest_answer
from topstepx.sim.endpoints import ENDPOINTS, NAME_OF_PATH, OPEN_TO_ALL, PING, ROUTE_NAMES
from topstepx.sim.event_log import EventLog
from topstepx.sim.fault_kinds import told
from topstepx.sim.faults import Faults
from topstepx.sim.hub_door import HubDoor
from topstepx.sim.hubs import HubPolicy, Hubs
from topstepx.sim.limits import LimitPolicy, RequestLimits, WindowKind
from topstepx.sim.striking import Strikes
from topstepx.sim.switches import Switches
from topstepx.sim.tokens import TokenOffice, TokenPolicy, TokenState
from topstepx.sim.venue.house import House
from topstepx.wire import routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime, timedelta

    from topstepx.sim.bar_file import RealBars
    from topstepx.sim.building import Parts
    from topstepx.sim.fault_kinds import What
    from topstepx.sim.hub_session import HubSession
    from topstepx.sim.scenarios import Scenario
    from topstepx.wire.routes import HubMethod


class Gateway:
    """The whole simulated gateway. Make one with `Gateway.build`."""

    def __init__(self, parts: Parts, *, seed: int, now: datetime) -> None:
        market, switches, signing_key = parts.market, parts.switches, parts.signing_key
        self.market, self.bars, self.switches = market, parts.bars, switches
        self.venue, self.feed = market.venue, market.feed
        self.users = {user.name.lower(): user for user in parts.users}
        self.tokens = TokenOffice(signing_key, TokenPolicy.of(switches))
        self.limits = RequestLimits(LimitPolicy.of(switches))
        self.faults = Faults(seed, ROUTE_NAMES)
        self.log = EventLog()
        self.faults.on_strike = self._note_strike
        self.house = House(
            self.venue.floor,
            parts.rules,
            lambda at, text: self.log.note(at, "house", text),
            parts.early,
        )
        self.hubs = Hubs(HubPolicy.of(switches), self.faults, self.tokens, self)
        self.on_change: Callable[[], None] | None = None
        """Called when something new is due: the transport should look at `next_event_at` again."""
        self._door = HubDoor(self.hubs, signing_key)
        self.policies: dict[str, object] = {
            "limits": self.limits.policy,
            "tokens": self.tokens.policy,
            "hubs": self.hubs.policy,
            "venue": self.venue.faults,
        }
        self.acts = Acts(self.hubs, self.tokens, market, self.policies)
        self.acts.now = lambda: self.now
        self.faults.check_act = lambda fault: self.acts.check(fault, self.now)
        self.faults.on_change = self._changed
        self.strikes = Strikes(self.faults, self._execute, self.schedule, self.acts)
        self._agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._agenda_count = 0
        self._traces = 0
        self.signing_key = signing_key
        self.run = hmac.digest(signing_key, b"run", "sha256").hex()[:16]
        """Names this venue's life; saved with it, and another one after a reset."""
        self._now = now

    @classmethod
    def build(
        cls,
        *,
        at: datetime,
        seed: int = 1,
        hours: Literal["always", "true"] = "always",
        real: RealBars | None = None,
        switches: Switches | None = None,
        user_name: str = "trader01",
        api_key: str | None = None,
        signing_key: bytes | None = None,
        accounts: Iterable[AccountListing] = ACCOUNTS,
        rate: float = 1.0,
        catch_up: timedelta | None = None,
        limited: bool = True,
        scenario: Scenario | None = None,
    ) -> Gateway:
        """A gateway with one user, who owns all `accounts`.

        `scenario` stands for accounts, hours, rate and the house's rules together. `at` is where its time starts, `hours` "true" closes the market as the exchange does, `real`
        replays bars, `rate` scales how busy the market is, `limited` False switches the request
        limits off. Key and signing key come from the seed unless given.
        """
        parts = make_parts(
            seed=seed,
            hours=hours,
            real=real,
            switches=switches or Switches(),
            user_name=user_name,
            api_key=api_key,
            signing_key=signing_key,
            accounts=tuple(accounts),
            rate=rate,
            catch_up=catch_up,
            scenario=scenario,
        )
        gateway = cls(parts, seed=seed, now=at)
        if not limited:
            gateway.limits.policy.kind = WindowKind.OFF
        return gateway

    # ------------------------------------------------------------ what people ask

    @property
    def user_name(self) -> str:
        """The first user's name."""
        return next(iter(self.users.values())).name

    @property
    def api_key(self) -> str:
        """The first user's key."""
        return next(iter(self.users.values())).api_key

    @property
    def sessions(self) -> list[HubSession]:
        """The open hub sessions."""
        return self.hubs.of()

    @property
    def now(self) -> datetime:
        """Up to when everything has happened."""
        return self._now

    # ------------------------------------------------------------ REST

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> GatewayAnswer:
        """The answer to one HTTP request; look at its fields for how to deliver it."""
        now = self._reach(now)
        headers = {name.lower(): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        lowered = path.lower().rstrip("/")
        if lowered.startswith("/hubs/"):
            answer = self._door.request(method, lowered, query, headers, now)
        elif (route := NAME_OF_PATH.get(lowered)) is None:
            answer = empty_answer(404)
        elif method != (wanted := "GET" if route == PING else "POST"):
            answer = empty_answer(405, allow=wanted)
        else:
            answer = self.strikes.request(Call(route, headers, body, now))
        self._settle(now)
        answer.headers.setdefault("date", http_date(now))
        self._changed()
        return answer

    def _execute(self, call: Call) -> GatewayAnswer:
        """One REST call without faults: limit, token, body, endpoint."""
        token = bearer(call.headers)
        state, session = self.tokens.check(token, call.now)
        bucket = "bars" if call.route == routes.RETRIEVE_BARS.name else "general"
        caller = session.user_name if session else ""
        wait_s = self.limits.admit(bucket, call.route, caller, call.now)
        if wait_s is not None:
            value = self.limits.retry_after(wait_s, call.now)
            return empty_answer(429, **({"retry_after": value} if value else {}))
        if call.route == PING:
            return rest_auth.ping(self, call)
        if call.route not in OPEN_TO_ALL and state is not TokenState.GOOD:
            return empty_answer(401)
        call.token, call.session = token or "", session
        body: dict[str, Any] = {}
        if (shape := SHAPES.get(call.route)) is not None:
            kind = call.headers.get("content-type", "application/json").partition(";")[0].strip()
            if not kind.lower().endswith("json"):
                return empty_answer(415)
            try:
                body = read_body(shape, call.body)
            except BodyRefused as refused:
                return problem_answer(refused.errors, self._trace())
        answer = ENDPOINTS[call.route](self, call, body)
        self._tell_user_events()
        return json_answer(rest_answer(answer), call.headers)

    # ------------------------------------------------------------ hubs

    def open_hub(
        self,
        hub: str,
        token: str | None,
        now: datetime,
        *,
        auth_in: Literal["header", "query"] = "header",
        connection: str | None = None,
    ) -> HubSession | int:
        """A hub session, or the HTTP status that refuses the WebSocket upgrade.

        `connection` is the `id` of the query, from an earlier negotiate; None connects directly.
        """
        now = self._reach(now)
        opened = self._door.open(hub, token, now, auth_in, connection)
        self._changed()
        return opened

    def upgrade(
        self, path: str, headers: Mapping[str, str], query: Mapping[str, str], now: datetime
    ) -> HubSession | int:
        """`open_hub` for a WebSocket upgrade as it arrives: the token from the query or the header."""
        now = self._reach(now)
        opened = self._door.upgrade(path, headers, query, now)
        self._changed()
        return opened

    # ------------------------------------------------------------ asked by the hubs

    def owns_account(self, user_name: str, account_id: int) -> bool:
        """Whether the account is one of this user's."""
        user = self.users.get(user_name.lower())
        if user is None:
            return False
        if user.accounts is None:
            return account_id in self.market.account_ids
        return account_id in user.accounts

    def knows_contract(self, contract_id: str) -> bool:
        """Whether there is such a contract now."""
        return self.market.listing(contract_id, self._now) is not None

    def subscribed(self, session: HubSession, method: HubMethod, about: str, now: datetime) -> None:
        """A session has turned something on: a contract's market starts, and is shown to it."""
        if method.by == "contract":
            self.market.start(about, now)
            self.market.snapshot(session, method, about, self.hubs, now)
            self._changed()

    def admitted(self, session: HubSession, now: datetime) -> bool:
        """Whether a hub call is within the request limits; by default they do not count."""
        if not self.hubs.policy.calls_limited:
            return True
        where = f"hub/{session.hub}"
        return self.limits.admit("general", where, session.user_name, now) is None

    # ------------------------------------------------------------ time

    def next_event_at(self) -> datetime | None:
        """When `advance` has something to do next; None: only when somebody asks."""
        times = (self.feed.next_event_at(), self.next_timed_at())
        return min((one for one in times if one is not None), default=None)

    def next_timed_at(self) -> datetime | None:
        """The same without the market's own moves: fills, held calls, pings, faults."""
        times = [self.venue.next_event_at(), self.hubs.next_event_at()]
        times.append(self.house.next_at(self._now))
        if self._agenda:
            times.append(self._agenda[0][0])
        if self.faults.planned:
            times.append(self.faults.next_at(self._now))
        return min((one for one in times if one is not None), default=None)

    def advance(self, now: datetime) -> None:
        """Let everything happen that happens up to `now`: market, fills, held calls, pings."""
        self._settle(self._reach(now))

    def jump(self, to: datetime) -> None:
        """Set the clock ahead: sessions open and close and everything timed happens on the way.

        The market is played through up to the feed's `catch_up`, and goes by in a hurry beyond: orders
        fill and stops trigger on the way, hubs hear the end. Hub sessions stay open: nobody was
        silent. A moment that is past is passed over.
        """
        self.house.dozing = True
        while self._now < to:
            mark = min(to, self.market.next_mark(self._now) or to)
            self._settle(self._now)
            self.hubs.moved(mark - self._now)
            self._settle(self._reach(mark))
        self.house.dozing = False
        self._settle(self._now)
        self._changed()

    def schedule(self, at: datetime, what: Callable[[datetime], None]) -> None:
        """Do something at a later time."""
        self._agenda_count += 1
        heapq.heappush(self._agenda, (at, self._agenda_count, what))
        self._changed()

    def _reach(self, now: datetime) -> datetime:
        """Everything up to `now`; simulated time never runs backwards."""
        self._settle(self._now)
        while self._now < now:
            at = self.next_timed_at()
            step = now if at is None else min(at, now)
            self.market.advance(step, self.hubs, self._before)
            self._now = step
            self._settle(step)
        return self._now

    def _before(self, at: datetime) -> None:
        """Timed things that come ahead of a market event."""
        self._settle(at, inclusive=False)
        self.house.look(at)
        self._tell_user_events()

    def _settle(self, now: datetime, *, inclusive: bool = True) -> None:
        """All timed things up to `now`, in order of time."""
        while True:
            at = self.next_timed_at()
            if at is None or at > now or (at == now and not inclusive):
                break
            self._now = max(self._now, at)
            self.acts.run(self.faults, self._now)
            self.house.advance(self._now)
            while self._agenda and self._agenda[0][0] <= at:
                heapq.heappop(self._agenda)[2](at)
            self.venue.advance(at)
            self._tell_user_events()
            self.hubs.advance(at)
        self._tell_user_events()

    def _tell_user_events(self) -> None:
        for event in self.venue.take_events():
            self.hubs.tell_user(event.kind, event.action, event.model, event.account_id, event.at)

    def _note_strike(self, at: datetime, where: str, what: What) -> None:
        self.log.note(at, "fault", f"{where}: {told(what)}")

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _trace(self) -> str:
        self._traces += 1
        text = hmac.digest(self.signing_key, b"trace%d" % self._traces, "sha256").hex()
        return f"00-{text[:32]}-{text[32:48]}-00"
