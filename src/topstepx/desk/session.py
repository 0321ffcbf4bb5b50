"""What becomes of the session, as facts: refreshed, suspect, locked, contested, about to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.token import Session
from topstepx.events import (
    AlarmRaised,
    ModeCauseAdded,
    ModeCauseCleared,
    SessionLocked,
    TokenRefreshed,
    TokenSuspect,
)

if TYPE_CHECKING:
    from topstepx.desk.record import Record
    from topstepx.net.auth import SessionNews

_DOUBTFUL = frozenset({Session.SUSPECT, Session.BROKEN})


class SessionReport:
    """Turns the keeper's news into facts; give its `told` to the keeper."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._before: SessionNews | None = None

    def told(self, news: SessionNews) -> None:
        """The session changed."""
        before, self._before = self._before, news
        if news.expires_at is not None and (before is None or news.generation > before.generation):
            self._refreshed(news)
        was = before.session if before is not None else Session.ABSENT
        if news.session in _DOUBTFUL and (
            before is None or (news.session, news.reason) != (was, before.reason)
        ):
            self._doubted(news, first=was is not news.session)
        if news.session is Session.LOCKED and was is not Session.LOCKED:
            self._locked(news)
        elif was is Session.LOCKED and news.session not in {Session.LOCKED, Session.ENDED}:
            self._record.commit(
                ModeCauseCleared(at=self._record.stamp(), reason="session_locked", account_id=None)
            )
        self._cause(
            "session_contested",
            stands=bool(news.contested),
            stood=before is not None and bool(before.contested),
            detail=news.contested,
        )
        self._cause(
            "token_expiring",
            stands=news.expiring,
            stood=before is not None and before.expiring,
            detail=f"the token of generation {news.generation} has no successor yet",
        )

    def _refreshed(self, news: SessionNews) -> None:
        if news.expires_at is not None:
            self._record.commit(
                TokenRefreshed(
                    at=self._record.stamp(),
                    generation=news.generation,
                    expires_at=news.expires_at,
                )
            )

    def _doubted(self, news: SessionNews, *, first: bool) -> None:
        at, reason = self._record.stamp(), news.reason
        self._record.commit(TokenSuspect(at=at, generation=news.generation, reason=reason))
        if not first:
            return
        if news.session is Session.BROKEN:
            self._alarm(
                "token_broken",
                f"{reason}: the gateway takes none of its own tokens. The next login is in five "
                "minutes; use the web platform for open positions.",
            )
        else:
            self._alarm(
                "token_suspect", f"{reason}. The token stays in use until there is a new one."
            )

    def _locked(self, news: SessionNews) -> None:
        at = self._record.stamp()
        self._record.commit(SessionLocked(at=at, reason=news.reason))
        self._record.commit(
            ModeCauseAdded(at=at, reason="session_locked", account_id=None, detail=news.reason)
        )
        self._alarm(
            "session_locked",
            f"{news.reason} Nothing more is tried until you release it with `resume`. The old token is "
            "used as long as it works; after that only the web platform can close a position.",
        )

    def _cause(self, reason: str, *, stands: bool, stood: bool, detail: str) -> None:
        if stands == stood:
            return
        at = self._record.stamp()
        if not stands:
            self._record.commit(ModeCauseCleared(at=at, reason=reason, account_id=None))
            return
        self._record.commit(ModeCauseAdded(at=at, reason=reason, account_id=None, detail=detail))
        if reason == "session_contested":
            self._alarm(
                reason,
                f"{detail} Nothing logs in any more, and nothing opens a position. Close the other "
                "program, then release it with `resume`.",
            )

    def _alarm(self, name: str, detail: str) -> None:
        self._record.commit(AlarmRaised(at=self._record.stamp(), name=name, detail=detail))
