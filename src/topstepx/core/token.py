"""The session token's life, as pure decisions.

Theory of operation
-------------------
*How long.* A token is good until its deadline on the clock that counts suspended time. The deadline
comes from its `exp` and the server's own `Date` (our wall clock may be wrong), or is 24 hours after it
was asked for. The wall clock is only a witness: where the two clocks disagree, the token is SUSPECT.

*Suspect is not dead.* A suspect token stays in use while a better one is fetched: using it costs at most
a 401, and throwing it away costs the way out of a position.

*Renewal.* It begins at half of the life, two hours before the end at the latest, by `Auth/validate`.
Whatever goes wrong there (no answer, nonsense, no token, somebody else's token) makes the token suspect
and starts a login at once. When that fails too, the two take turns, further and further apart, with
jitter. In the last half hour it is a login straight away. One renewal is under way at a time.

*401.* Every token has a generation. A 401 on the current one makes it unusable and forces one login; a
401 on an older one means nothing. A token fresh from such a login and refused as well is BROKEN: five
minutes' pause (half a minute for an exit), and an error instead of a loop.

*LOCKED.* A login refused for good is not tried again until a person says so. A token that still works
stays in use.

*CONTESTED.* Two evictions within five minutes: nobody logs in any more but an exit that has no token,
until a person releases it. The token is still validated and used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.backoff import Backoff
from topstepx.core.claims import read_claims
from topstepx.core.evictions import Evictions
from topstepx.core.logins import LoginBounds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.settings import Secret

ASSUMED_LIFE_S = 24 * 3600.0
"""How long a token lives when it does not say so (documented: 24 hours)."""

_LATEST_BEFORE_END_S = 2 * 3600.0
_LOGIN_BEFORE_END_S = 30 * 60.0
_EXPIRING_BEFORE_END_S = 5 * 60.0
_JITTER = 0.05
_WALL_STEP_S, _WALL_DRIFT = 2.0, 0.001
_BROKEN_PAUSE_NS, _BROKEN_EXIT_NS = 300 * NANOSECONDS, 30 * NANOSECONDS
_PATIENT = Backoff(base_s=30.0, cap_s=600.0, floor_s=15.0)
_EXIT = Backoff(base_s=0.5, cap_s=2.0, floor_s=0.25)  # the time of one login, and no busy loop
_URGENT = Backoff(base_s=1.0, cap_s=30.0, floor_s=0.5)

CONTESTED_BECAUSE = (
    "Another program keeps taking this session over: the web platform in a browser, or a second bot with "
    "the same user."
)


class Renewal(Enum):
    """How a new token is to be had."""

    VALIDATE = "Auth/validate"
    LOGIN = "Auth/loginKey"


class Session(Enum):
    """What can be said of the session."""

    ABSENT = "no token yet"
    GOOD = "good"
    SUSPECT = "in use, but to be renewed at once"
    BROKEN = "a fresh token was refused"
    CONTESTED = "another program keeps taking it over; a person must release it"
    LOCKED = "the login was refused; a person must act"
    ENDED = "logged out"


_OVER = frozenset({Session.LOCKED, Session.ENDED})


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its (secret) value, its generation, and until when it is good."""

    value: Secret
    generation: int
    subject: str | None
    obtained_ns: int
    obtained_at: datetime
    life_s: float

    deadline_ns: int = field(init=False)
    """The end on the clock that counts suspended time."""

    def __post_init__(self) -> None:
        """Work the end out once: every request asks for it."""
        deadline_ns = self.obtained_ns + round(self.life_s * NANOSECONDS)
        object.__setattr__(self, "deadline_ns", deadline_ns)

    @property
    def ends_at(self) -> datetime:
        """The end on the wall clock, as far as that can be trusted."""
        return self.obtained_at + timedelta(seconds=self.life_s)


class TokenMachine:
    """Decides when to renew and how; owns the current token. See the module's theory."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.token: Token | None = None
        self.reason = ""
        self.contested = ""
        """Why nobody logs in any more; empty: nobody fights over the session."""
        self.bounds = LoginBounds()
        self._evictions = Evictions()
        self._session = Session.ABSENT
        self.in_flight: Renewal | None = None
        self._forced: Renewal | None = Renewal.LOGIN
        self._generation = 0
        self._seen: tuple[int, datetime] | None = None
        self._renew_ns = 0
        self._not_before_ns = self._exit_not_before_ns = 0
        self._failures = 0
        self._refused_generation = 0
        self._after_refusal = self._unproven = False
        self.exit_waits = False
        """Whether an exit waits for a token."""

    @property
    def session(self) -> Session:
        """What can be said of the session now."""
        return Session.CONTESTED if self.contested and self._session not in _OVER else self._session

    # -- what to do

    def wanted(self, now_ns: int, now: datetime) -> Renewal | None:
        """The renewal to start now, if any; call `started` when it is."""
        self._compare_clocks(now_ns, now)
        plan = self._plan(now_ns)
        if plan is not None and plan[1] <= now_ns:
            return plan[0]
        if self._session is Session.GOOD and self.usable(now_ns) is None:
            self._suspect("it has ended, and no login may leave yet")
        return None

    def deadline(self, now_ns: int) -> int | None:
        """When to look again (monotonic nanoseconds); None: nothing will change by time alone."""
        plan = self._plan(now_ns)
        due = [] if plan is None else [plan[1]]
        token = self.token
        if token is not None and (edge_ns := self._expiring_ns(token)) > now_ns:
            due.append(edge_ns)
        return min(due, default=None)

    def _plan(self, now_ns: int) -> tuple[Renewal, int] | None:
        """The next renewal and when it may start."""
        if self.in_flight is not None or self._session in _OVER:
            return None
        token, renewal, due_ns = self.token, self._forced, self._not_before_ns
        if renewal is None:
            if token is None:
                return None
            due_ns = max(due_ns, self._renew_ns)
            left_s = (token.deadline_ns - max(due_ns, now_ns)) / NANOSECONDS
            late = left_s <= min(_LOGIN_BEFORE_END_S, token.life_s / 8)
            renewal = Renewal.LOGIN if late else Renewal.VALIDATE
        if renewal is Renewal.VALIDATE:
            return renewal, due_ns
        if self.exit_waits:
            due_ns = self._exit_not_before_ns
        elif self.contested:
            return self._plan_contested(now_ns, due_ns)
        return renewal, max(due_ns, self.bounds.next_ns(exit_waits=self.exit_waits))

    def _plan_contested(self, now_ns: int, due_ns: int) -> tuple[Renewal, int] | None:
        """No login: a token that still works is validated instead, one that does not is left alone."""
        due = Renewal.VALIDATE, max(due_ns, self._not_before_ns)
        return due if self.usable(now_ns) is not None else None

    def _compare_clocks(self, now_ns: int, now: datetime) -> None:
        """The wall clock jumped against the other one: ask the gateway about the token."""
        if self._seen is None or self._forced is not None or self._session is not Session.GOOD:
            return
        since_ns, since = self._seen
        by_wall_s = (now - since).total_seconds()
        by_monotonic_s = (now_ns - since_ns) / NANOSECONDS
        drift_s = max(_WALL_STEP_S, by_monotonic_s * _WALL_DRIFT)
        if abs(by_wall_s - by_monotonic_s) > drift_s:
            self._suspect("the wall clock was set, or the computer slept unnoticed")
            self._forced = Renewal.VALIDATE

    def need_for_exit(self) -> None:
        """An exit has no token: the next login does not wait out a pause or a fight."""
        self.exit_waits = True

    @property
    def is_renewing(self) -> bool:
        """Whether a renewal is under way."""
        return self.in_flight is not None

    # -- what happened

    def started(self, renewal: Renewal) -> None:
        """A renewal is under way; `obtained`, `kept`, `failed` or `locked` ends it."""
        self.in_flight = renewal

    def held(self, until_ns: int) -> None:
        """A login may not leave yet: other processes, or an earlier run, used the bounds up."""
        self.in_flight = None
        self.bounds.hold(until_ns)

    def obtained(
        self,
        value: Secret,
        *,
        sent_ns: int,
        sent_at: datetime,
        server_now: datetime | None,
    ) -> Token | None:
        """A token came back. None, and the old one stays, when it is no use (see `reason`)."""
        renewal, self.in_flight = self.in_flight, None
        if self._session is Session.ENDED:
            return None
        old, claims = self.token, read_claims(value.reveal())
        if renewal is Renewal.VALIDATE and old is not None:
            if old.subject is not None and claims.subject != old.subject:
                self._fail(renewal, "validate answered somebody else's token", sent_ns)
                return None
            if value.reveal() == old.value.reveal():
                return self._kept(old, sent_ns, sent_at)
        life_s = ASSUMED_LIFE_S
        if claims.expires_at is not None:
            claimed_s = (claims.expires_at - (server_now or sent_at)).total_seconds()
            if claimed_s > 0:
                # Without the server's time the claim may be off by our clock's error: earlier wins.
                life_s = claimed_s if server_now is not None else min(claimed_s, life_s)
        self._unproven = renewal is Renewal.LOGIN and self._after_refusal
        self._seen = sent_ns, sent_at
        return self._take(value, claims.subject, self._seen, life_s)

    def adopted(
        self,
        value: Secret,
        *,
        since: tuple[int, datetime],
        life_s: float,
        seen: tuple[int, datetime],
    ) -> Token | None:
        """Another process fetched a token at `since` (both clocks) and shares it; `seen` is now."""
        self.in_flight = None
        if self._session is Session.ENDED:
            return None
        self._unproven, self._seen = False, seen
        return self._take(value, read_claims(value.reveal()).subject, since, life_s)

    def _take(
        self, value: Secret, subject: str | None, since: tuple[int, datetime], life_s: float
    ) -> Token:
        self._generation += 1
        token = Token(value, self._generation, subject, *since, life_s)
        self.token = token
        scheduled_s = min(life_s, ASSUMED_LIFE_S)
        renew_s = scheduled_s * (0.5 + _JITTER * (2 * self._jitter() - 1))
        if scheduled_s > 2 * _LATEST_BEFORE_END_S:
            renew_s = min(renew_s, scheduled_s - _LATEST_BEFORE_END_S)
        self._renew_ns = token.obtained_ns + round(renew_s * NANOSECONDS)
        self._settled()
        return token

    def _kept(self, old: Token, now_ns: int, now: datetime) -> Token:
        """Validate gave the same token back: it works, and it lives no longer than before."""
        self._seen = now_ns, now
        self._renew_ns = (now_ns + old.deadline_ns) // 2
        self._settled()
        return old

    def _settled(self) -> None:
        self._forced, self._failures, self._not_before_ns = None, 0, 0
        self._after_refusal = self.exit_waits = False
        if self._session not in _OVER:
            self._session, self.reason = Session.GOOD, ""

    def failed(self, reason: str, *, now_ns: int, retry_after_s: float | None = None) -> None:
        """The renewal under way failed for now."""
        renewal, self.in_flight = self.in_flight, None
        self._fail(renewal, reason, now_ns, retry_after_s)

    def _fail(
        self, renewal: Renewal | None, reason: str, now_ns: int, retry_after_s: float | None = None
    ) -> None:
        if self._session in _OVER:
            return
        live = self.usable(now_ns) is not None
        if renewal is Renewal.VALIDATE:
            self._suspect(reason)
            if not self.contested:
                self._forced, self._not_before_ns = Renewal.LOGIN, now_ns
                return
        else:
            self.reason = reason
        self._failures += 1
        exit_s = _EXIT.delay_s(self._failures - 1, self._jitter)
        self._exit_not_before_ns = now_ns + round(exit_s * NANOSECONDS)
        waits = _PATIENT if live else _URGENT
        pause_s = max(waits.delay_s(self._failures - 1, self._jitter), retry_after_s or 0.0)
        self._not_before_ns = now_ns + round(pause_s * NANOSECONDS)
        self._forced = Renewal.VALIDATE if live else Renewal.LOGIN

    def locked(self, reason: str) -> None:
        """The login was refused for good."""
        self.in_flight, self.exit_waits = None, False
        if self._session is not Session.ENDED:
            self._session, self.reason = Session.LOCKED, reason

    def refused(self, generation: int, now_ns: int) -> None:
        """A request that carried this generation was answered with 401."""
        token = self.token
        if (
            token is None
            or generation != token.generation
            or generation <= self._refused_generation
        ):
            return
        self._refused_generation = generation
        if self._session in _OVER:
            return
        self._forced, self._after_refusal = Renewal.LOGIN, True
        if self._unproven:
            self._session, self.reason = Session.BROKEN, "a fresh login was refused as well"
            self._not_before_ns = now_ns + _BROKEN_PAUSE_NS
            self._exit_not_before_ns = now_ns + _BROKEN_EXIT_NS
        else:
            self._suspect("the gateway refused it (HTTP 401)")
            self._not_before_ns = 0

    def proven(self, generation: int) -> None:
        """A request that carried this generation was accepted."""
        if self.token is not None and generation == self.token.generation:
            self._unproven = False

    def evicted(self, hub: str, now_ns: int) -> None:
        """A hub said that the session was taken over: look at the token; twice is a fight."""
        if self._session in _OVER:
            return
        if self._evictions.add(hub, now_ns):
            self.contested = CONTESTED_BECAUSE
        if self.token is not None and self._forced is None:
            self._suspect("the gateway logged a hub out")
            self._forced = Renewal.VALIDATE

    def doubted(self, reason: str) -> None:
        """Somebody was sent away as if the token were the reason: validate it, and go on using it."""
        if self.token is not None and self._forced is None and self._session not in _OVER:
            self._suspect(reason)
            self._forced = Renewal.VALIDATE

    def resumed(self) -> None:
        """A person says that it is put right: no fight, no pause, and one more login where LOCKED."""
        if self._session is Session.LOCKED:
            works = self.token is not None and self.token.generation > self._refused_generation
            self._session = Session.SUSPECT if works else Session.ABSENT
            self.reason, self._forced = "released by hand, to log in once more", Renewal.LOGIN
        self.contested, self._not_before_ns = "", 0
        self._evictions.clear()

    def ended(self) -> None:
        """Logged out: forget the token and never ask for another."""
        self.token, self._forced = None, None
        self._session, self.reason = Session.ENDED, "logged out"

    def _suspect(self, reason: str) -> None:
        if self._session not in _OVER:
            self._session, self.reason = Session.SUSPECT, reason

    # -- what may be used

    def usable(self, now_ns: int) -> Token | None:
        """The token to send now, or None when there is none worth sending."""
        token = self.token
        if token is None or now_ns >= token.deadline_ns:
            return None
        return None if token.generation <= self._refused_generation else token

    def expiring(self, now_ns: int) -> bool:
        """Whether the token ends within minutes (or has ended) and there is no better one."""
        return self.token is not None and now_ns >= self._expiring_ns(self.token)

    @staticmethod
    def _expiring_ns(token: Token) -> int:
        before_s = min(_EXPIRING_BEFORE_END_S, token.life_s / 8)
        return token.deadline_ns - round(before_s * NANOSECONDS)
