"""The simulator's session tokens: JWTs with a real signature and a real expiry.

A token is good when its signature is ours, its life is not over and nobody revoked it. Verified: it
lives 24 hours and serves REST and both hubs. Assumed: everything that `TokenPolicy` can change.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from topstepx.sim.switches import Switches

_NAME = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
_NAME_IDENTIFIER = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
_SESSION = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/sid"
_ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
_HEADER = {"alg": "HS256", "typ": "JWT"}
_DEAD_KEPT = 4096


class TokenState(Enum):
    """What a look at a token says."""

    GOOD = "good"
    UNREADABLE = "not one of ours"
    EXPIRED = "expired"
    REVOKED = "revoked or logged out"


@dataclass(slots=True)
class TokenPolicy:
    """How this gateway treats tokens; change it while it runs to make a client's life harder.

    `life_s`: seconds from login to expiry (verified: a day). `server_life_s`: the server forgets a
    token after so many seconds whatever its expiry says; None for never. `rotation`: what
    `Auth/validate` answers: a "new" token, the "same", "null", or a token of an "other" user (unknown
    which of the first two the gateway does). `rotation_kills`: validate ends the token it was called
    with. `login_kills`: a login ends all earlier ones of that user (documented: it does not).
    `opaque`: tokens are no JWTs. `without_expiry`: JWTs without an `exp` claim. `logout_scope`: what a
    logout ends (unknown).
    """

    life_s: float = 86_400.0
    server_life_s: float | None = None
    rotation: Literal["new", "same", "null", "other"] = "new"
    rotation_kills: bool = False
    login_kills: bool = False
    opaque: bool = False
    without_expiry: bool = False
    logout_scope: Literal["token", "user"] = "token"

    @classmethod
    def of(cls, switches: Switches) -> TokenPolicy:
        """The policy that the named switches ask for."""
        return cls(
            rotation=switches.validate_gives,
            logout_scope=switches.logout_scope,
            login_kills=switches.second_login == "evicts",
        )


@dataclass(frozen=True, slots=True)
class Session:
    """One issued token, without the token itself."""

    number: int
    user_name: str
    issued_at: datetime
    expires_at: datetime


class TokenOffice:
    """Issues, checks and ends tokens. Holds digests only, so that no dump of it shows a token."""

    def __init__(self, key: bytes, policy: TokenPolicy | None = None) -> None:
        self._key = key
        self.policy = policy or TokenPolicy()
        self.sessions: dict[bytes, Session] = {}
        self.dead: dict[bytes, TokenState] = {}
        self.issued = 0

    def issue(self, user_name: str, now: datetime) -> str:
        """A fresh token for a user."""
        if self.policy.login_kills:
            self.revoke_user(user_name)
        return self._mint(user_name, now)

    def check(self, token: str | None, now: datetime) -> tuple[TokenState, Session | None]:
        """Whether a token is good at `now`, and whose it is (None unless good)."""
        if not token:
            return TokenState.UNREADABLE, None
        digest = _digest(token)
        if (dead := self.dead.get(digest)) is not None:
            return dead, None
        session = self.sessions.get(digest)
        if session is None:
            return TokenState.UNREADABLE, None
        if now >= self.ends_at(session):
            self._end(digest, TokenState.EXPIRED)
            return TokenState.EXPIRED, None
        return TokenState.GOOD, session

    def ends_at(self, session: Session) -> datetime:
        """When the server stops taking a session's token."""
        server_life_s = self.policy.server_life_s
        if server_life_s is None:
            return session.expires_at
        return min(session.expires_at, session.issued_at + timedelta(seconds=server_life_s))

    def rotate(self, token: str, session: Session, now: datetime) -> str | None:
        """What `Auth/validate` gives back for a good token."""
        policy = self.policy
        answer: str | None
        match policy.rotation:
            case "new":
                answer = self._mint(session.user_name, now)
            case "same":
                answer = token
            case "null":
                answer = None
            case "other":
                answer = self._mint("somebody.else", now)
        if policy.rotation_kills and answer != token:
            self._end(_digest(token), TokenState.REVOKED)
        return answer

    def log_out(self, token: str, session: Session) -> None:
        """End this token, or all of its user's, as the policy says."""
        if self.policy.logout_scope == "user":
            self.revoke_user(session.user_name)
        else:
            self.revoke(token)

    def revoke(self, token: str) -> None:
        """End one token now."""
        self._end(_digest(token), TokenState.REVOKED)

    def revoke_user(self, user_name: str) -> None:
        """End all tokens of one user now."""
        for digest, session in list(self.sessions.items()):
            if session.user_name == user_name:
                self._end(digest, TokenState.REVOKED)

    def revoke_all(self) -> None:
        """End every token now, as a restarted gateway with a new signing key would."""
        for digest in list(self.sessions):
            self._end(digest, TokenState.REVOKED)

    def live(self, now: datetime) -> list[Session]:
        """The sessions that are good at `now`, oldest first."""
        return [one for one in self.sessions.values() if now < self.ends_at(one)]

    def _mint(self, user_name: str, now: datetime) -> str:
        self._forget_expired(now)
        self.issued += 1
        expires_at = now + timedelta(seconds=self.policy.life_s)
        session = Session(self.issued, user_name, now, expires_at)
        token = self._opaque(session) if self.policy.opaque else self._jwt(session)
        self.sessions[_digest(token)] = session
        return token

    def _opaque(self, session: Session) -> str:
        text = f"{session.number}|{session.user_name}|{session.issued_at.isoformat()}"
        return _base64(hmac.digest(self._key, text.encode(), "sha384"))

    def _jwt(self, session: Session) -> str:
        sid = hmac.digest(self._key, b"sid%d" % session.number, "sha256").hex()
        claims: dict[str, object] = {
            _NAME_IDENTIFIER: str(600_000 + _small(session.user_name)),
            _SESSION: f"{sid[:8]}-{sid[8:12]}-4{sid[13:16]}-a{sid[17:20]}-{sid[20:32]}",
            _NAME: session.user_name,
            _ROLE: "user",
            "msd": "CMEGROUP_TOB",
            "mfa": "verified",
        }
        if not self.policy.without_expiry:
            claims["exp"] = int(session.expires_at.timestamp())
        signed = f"{_part(_HEADER)}.{_part(claims)}"
        return f"{signed}.{_base64(hmac.digest(self._key, signed.encode(), 'sha256'))}"

    def _end(self, digest: bytes, state: TokenState) -> None:
        if self.sessions.pop(digest, None) is None:
            return
        self.dead[digest] = state
        if len(self.dead) > _DEAD_KEPT:
            del self.dead[next(iter(self.dead))]

    def _forget_expired(self, now: datetime) -> None:
        for digest, session in list(self.sessions.items()):
            if now >= self.ends_at(session):
                self._end(digest, TokenState.EXPIRED)


def read_claims(token: str) -> dict[str, object]:
    """The claims of a JWT, unchecked; for tests and for people who look."""
    part = token.split(".")[1]
    claims: dict[str, object] = msgspec.json.decode(
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    )
    return claims


def verify_signature(token: str, key: bytes) -> bool:
    """Whether a JWT carries the signature of this key."""
    signed, _, signature = token.rpartition(".")
    wanted = _base64(hmac.digest(key, signed.encode(), "sha256"))
    return hmac.compare_digest(signature, wanted)


def expiry_of(token: str) -> datetime | None:
    """The `exp` claim as aware UTC; None when there is none."""
    exp = read_claims(token).get("exp")
    return datetime.fromtimestamp(exp, UTC) if isinstance(exp, int) else None


def _part(content: dict[str, object] | dict[str, str]) -> str:
    return _base64(msgspec.json.encode(content))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _small(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")
