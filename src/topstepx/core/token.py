"""The session token's life, as pure decisions.

Theory. A token is good until its deadline, held twice: on the clock that counts suspended time (the
verdict) and on the wall clock (a hint: when the two disagree the token is *suspect*, which means
"renew now", never "throw away", because a token that still works is the way out). Renewal starts at
half of the life, at the latest two hours before the end, by `Auth/validate`; when that fails a login
follows. One renewal is under way at a time. Every token has a generation; a 401 on the current
generation forces one renewal by login, and a fresh login refused as well means BROKEN, not a loop.
A refused login LOCKS: nothing is tried again until a person acts.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from topstepx.settings import Secret

ASSUMED_LIFE_S = 24 * 3600
"""How long a token lives when it does not say so (documented: 24 hours)."""

_LATEST_BEFORE_END_S = 2 * 3600
_LOGIN_BEFORE_END_S = 30 * 60
_RETRY_FIRST_S, _RETRY_CAP_S = 30.0, 600.0
_WALL_STEP_S = 2.0
_LOGIN_GAP_S = 5
_LOGINS_PER_WINDOW, _LOGIN_WINDOW_S = 5, 600
_BROKEN_PAUSE_S = 300
_JITTER = 0.05


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
    LOCKED = "the login was refused; a person must act"
    ENDED = "logged out"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its (secret) value, its generation, and until when it is good."""

    value: Secret
    generation: int
    subject: str | None
    obtained_ns: int
    obtained_at: datetime
    life_s: float

    @property
    def deadline_ns(self) -> int:
        """The end on the clock that counts suspended time."""
        return self.obtained_ns + round(self.life_s * NANOSECONDS)

    @property
    def ends_at(self) -> datetime:
        """The end on the wall clock, as far as that can be trusted."""
        return self.obtained_at + timedelta(seconds=self.life_s)


class _Claims(msgspec.Struct):
    exp: float | None = None
    sub: str | None = None


def read_claims(token: str) -> tuple[datetime | None, str | None]:
    """Expiry and subject a JWT claims; (None, None) for anything that is no JWT.

    Decoded, never verified: it is used for scheduling only, the gateway decides what is valid.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, claims, signature
        return None, None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Claims, strict=False)
        expires = datetime.fromtimestamp(claims.exp, UTC) if claims.exp is not None else None
    except (msgspec.DecodeError, binascii.Error, ValueError, OverflowError, OSError):
        return None, None
    return expires, claims.sub


class TokenMachine:
    """Decides when to renew and how; owns the current token. See the module's theory."""

    def __init__(self, jitter: Callable[[], float], recent_logins: Sequence[datetime] = ()) -> None:
        self._jitter = jitter
        self.token: Token | None = None
        self.session = Session.ABSENT
        self.reason = ""
        self.logins: list[datetime] = list(recent_logins)
        self._in_flight: Renewal | None = None
        self._generation = 0
        self._forced: Renewal | None = Renewal.LOGIN
        self._renew_ns = 0
        self._failures = 0
        self._not_before_ns = 0
        self._proven = True
        self._came_from_refusal = False
        self._refused_generation = 0

    # -- what to do

    def wanted(self, now_ns: int, now: datetime) -> Renewal | None:
        """The renewal to start now, if any; call `started` when it is."""
        if self._in_flight is not None or self.session in {Session.LOCKED, Session.ENDED}:
            return None
        if now_ns < self._not_before_ns:
            return None
        self._notice_wall_step(now_ns, now)
        renewal = self._forced
        if renewal is None and self.token is not None and now_ns >= self._renew_ns:
            renewal = self._by_age(now_ns)
        if renewal is Renewal.LOGIN and self._login_wait_s(now) > 0:
            return None
        return renewal

    def _by_age(self, now_ns: int) -> Renewal:
        token = self.token
        if token is None:
            return Renewal.LOGIN
        left_s = (token.deadline_ns - now_ns) / NANOSECONDS
        return (
            Renewal.LOGIN
            if left_s <= min(_LOGIN_BEFORE_END_S, token.life_s / 8)
            else Renewal.VALIDATE
        )

    def deadline(self, now_ns: int, now: datetime) -> int | None:
        """When `wanted` is to be asked again; None: nothing will change by time alone."""
        if self._in_flight is not None or self.session in {Session.LOCKED, Session.ENDED}:
            return None
        due_ns = self._renew_ns if self._forced is None else now_ns
        if self._forced is Renewal.LOGIN or (
            self.token is not None and due_ns >= self.token.deadline_ns
        ):
            due_ns = max(due_ns, now_ns + round(self._login_wait_s(now) * NANOSECONDS))
        return max(due_ns, self._not_before_ns)

    def _login_wait_s(self, now: datetime) -> float:
        """How long the bounds on logins (1 per 5 s, 5 per 10 min) still forbid one."""
        past = [
            at for at in self.logins if timedelta() <= now - at < timedelta(seconds=_LOGIN_WINDOW_S)
        ]
        self.logins = past
        if not past:
            return 0.0
        wait_s = _LOGIN_GAP_S - (now - past[-1]).total_seconds()
        if len(past) >= _LOGINS_PER_WINDOW:
            oldest = past[-_LOGINS_PER_WINDOW]
            wait_s = max(wait_s, _LOGIN_WINDOW_S - (now - oldest).total_seconds())
        return max(0.0, wait_s)

    def _notice_wall_step(self, now_ns: int, now: datetime) -> None:
        token = self.token
        if token is None or self._forced is not None or self.session is not Session.GOOD:
            return
        by_wall_s = (now - token.obtained_at).total_seconds()
        by_monotonic_s = (now_ns - token.obtained_ns) / NANOSECONDS
        drift_s = max(_WALL_STEP_S, by_monotonic_s * 0.001)
        if abs(by_wall_s - by_monotonic_s) > drift_s:
            self.session, self.reason = Session.SUSPECT, "the wall clock was set"
            self._forced = Renewal.VALIDATE

    # -- what happened

    def started(self, renewal: Renewal, now: datetime) -> None:
        """A renewal left for the gateway."""
        self._in_flight = renewal
        if renewal is Renewal.LOGIN:
            self.logins.append(now)

    def obtained(
        self,
        value: Secret,
        *,
        sent_ns: int,
        sent_at: datetime,
        server_now: datetime | None,
    ) -> Token | None:
        """A new token came back. None, and nothing replaced, when it names somebody else."""
        renewal, self._in_flight = self._in_flight, None
        expires, subject = read_claims(value.reveal())
        if renewal is Renewal.VALIDATE and self._is_foreign(subject):
            self.failed("validate answered a token of somebody else", now_ns=sent_ns, suspect=True)
            return None
        life_s: float = ASSUMED_LIFE_S
        if expires is not None:
            claimed_s = (expires - (server_now or sent_at)).total_seconds()
            if claimed_s > 0:
                life_s = claimed_s
        self._generation += 1
        self.token = Token(value, self._generation, subject, sent_ns, sent_at, life_s)
        half_s = life_s * (0.5 + _JITTER * (2 * self._jitter() - 1))
        latest_s = life_s - _LATEST_BEFORE_END_S if life_s > 2 * _LATEST_BEFORE_END_S else half_s
        self._renew_ns = sent_ns + round(min(half_s, latest_s) * NANOSECONDS)
        self._came_from_refusal = self._forced is Renewal.LOGIN and self._generation > 1
        self._forced, self._failures, self._not_before_ns = None, 0, 0
        self._proven = False
        self.session, self.reason = Session.GOOD, ""
        return self.token

    def _is_foreign(self, subject: str | None) -> bool:
        old = self.token
        return old is not None and old.subject is not None and subject not in {None, old.subject}

    def failed(self, reason: str, *, now_ns: int, suspect: bool = False) -> None:
        """A renewal failed for now. `suspect`: its answer made no sense, so a login starts at once."""
        renewal, self._in_flight = self._in_flight or Renewal.VALIDATE, None
        self._failures += 1
        self.reason = reason
        if renewal is Renewal.VALIDATE and suspect:
            self.session, self._forced = Session.SUSPECT, Renewal.LOGIN
            return
        if renewal is Renewal.VALIDATE and self._failures >= 2:  # noqa: PLR2004  once may be chance
            self.session, self._forced = Session.SUSPECT, Renewal.LOGIN
        ceiling_s = min(_RETRY_CAP_S, _RETRY_FIRST_S * 2 ** min(self._failures - 1, 10))
        urgent = self.token is None
        pause_s = (1.0 if urgent else 0.5 * ceiling_s) + self._jitter() * (0.5 * ceiling_s)
        self._not_before_ns = now_ns + round(pause_s * NANOSECONDS)

    def locked(self, reason: str) -> None:
        """The login was refused for good."""
        self._in_flight = None
        self.session, self.reason = Session.LOCKED, reason

    def refused(self, generation: int, now_ns: int) -> None:
        """A request that carried this generation was answered with 401."""
        token = self.token
        if token is None or generation != token.generation or self._forced is Renewal.LOGIN:
            return
        self._refused_generation = generation
        if self._came_from_refusal and not self._proven:
            self.session, self.reason = Session.BROKEN, "a fresh login was refused as well"
            self._not_before_ns = now_ns + _BROKEN_PAUSE_S * NANOSECONDS
        else:
            self.session, self.reason = Session.SUSPECT, "the gateway refused it"
        self._forced = Renewal.LOGIN

    def proven(self, generation: int) -> None:
        """A request that carried this generation was accepted."""
        if self.token is not None and generation == self.token.generation:
            self._proven = True
            self._came_from_refusal = False

    def ended(self) -> None:
        """Logged out: forget the token and never ask for another."""
        self.token, self._in_flight, self._forced = None, None, None
        self.session, self.reason = Session.ENDED, "logged out"

    # -- what may be used

    def usable(self, now_ns: int) -> Token | None:
        """The token to send now, or None when there is none worth sending."""
        token = self.token
        if token is None or now_ns >= token.deadline_ns:
            return None
        if token.generation <= self._refused_generation or self.session is Session.ENDED:
            return None
        return token
