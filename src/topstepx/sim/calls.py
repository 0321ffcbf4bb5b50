"""One REST call on its way through the simulated gateway, and who makes it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from topstepx.sim.tokens import Session


@dataclass(slots=True)
class SimUser:
    """Somebody who may log in. `accounts` None: all of them. `login_code` not 0: refused with it."""

    name: str
    api_key: str
    accounts: frozenset[int] | None = None
    login_code: int = 0

    def __repr__(self) -> str:
        return f"SimUser({self.name})"


@dataclass(slots=True)
class Call:
    """A call by its route's name; `token` and `session` are known once the token was checked."""

    route: str
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    token: str = ""
    session: Session | None = None

    def __repr__(self) -> str:
        return f"Call({self.route} at {self.now})"

    def at(self, now: datetime) -> Call:
        """The same call, arriving at another time."""
        return dataclasses.replace(self, now=now)

    @property
    def known_session(self) -> Session:
        """The session of a call that needed a token."""
        if self.session is None:
            raise RuntimeError(f"{self.route} got past the token check without a session")
        return self.session


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of the `Authorization` header; None without one. Header names are lower case."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
