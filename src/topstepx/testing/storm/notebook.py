"""The trader's own notebook: what was wanted, and what the client said about it.

It lies outside the client and survives its crashes, as a trader's memory does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.errors import TopstepxError

Said = Literal["accepted", "no", "unknown", "nothing"]
"""What `place` came to; "nothing": the caller was gone before an answer came."""


@dataclass(slots=True)
class Wish:
    """One order the trader wants at most once; `said` is all that was told about it, in order."""

    key: str
    terms: dict[str, Any]
    account: int = 0
    """Which of the accounts, counted from 0."""
    said: list[Said] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    """The tag of each handle that was given for it."""

    @property
    def may_ask_again(self) -> bool:
        """Whether a careful trader would ask again under the same key: nothing definite was said."""
        return bool(self.said) and self.said[-1] in {"unknown", "nothing"}


@dataclass(frozen=True, slots=True)
class Saying:
    """Something the client said when an act ended, in run `life`; the times are the gateway's."""

    began_at: datetime
    ended_at: datetime
    life: int
    act: str
    what: str
    subject: object = None
    error: TopstepxError | None = None


@dataclass(frozen=True, slots=True)
class Flat:
    """The word that an account has no position in a contract."""

    account_id: int
    contract_id: str


class Notebook:
    """Wishes by key, and everything that was said; `owner` begins every key."""

    def __init__(self, owner: str = "") -> None:
        self._owner = owner
        self.wishes: dict[str, Wish] = {}
        self.sayings: list[Saying] = []
        self.foreign: list[str] = []
        """Exceptions that are not of this library."""
        self.hollow: list[str] = []
        """Handles that were given for orders that do not exist, or may not."""

    def wish(self, terms: dict[str, Any], account: int = 0) -> Wish:
        """A new one, under a new key."""
        wish = Wish(f"{self._owner}wish {len(self.wishes) + 1}", terms, account)
        self.wishes[wish.key] = wish
        return wish
