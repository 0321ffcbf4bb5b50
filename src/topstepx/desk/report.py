"""What the breaker and the request budget say, as facts, and what follows for the accounts."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from topstepx.core.breaker import Scope, State
from topstepx.core.permits import BudgetNote, News, Throttled
from topstepx.events import (
    AlarmRaised,
    BreakerChanged,
    BudgetThrottled,
    ModeCauseAdded,
    ModeCauseCleared,
)

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.core.breakers import Transition
    from topstepx.core.permits import Waits
    from topstepx.desk.record import Record

_LOG = logging.getLogger("topstepx")
_WORDS: Final[dict[State, Literal["closed", "open", "half_open", "isolated"]]] = {
    State.CLOSED: "closed",
    State.OPEN: "open",
    State.PROBING: "half_open",
    State.ISOLATED: "isolated",
}
_TELL_EVERY: Final = timedelta(seconds=1)


class Report:
    """Listens to the gate's parts on behalf of the record."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._waits: dict[tuple[str, str], datetime] = {}

    def breaker(self, transition: Transition) -> None:
        """A breaker changed; while the trading endpoints keep failing only exits pass, everywhere."""
        at = self._record.stamp()
        if transition.scope is Scope.TRADE_MUTATION:
            if transition.after is State.CLOSED:
                self._record.commit(ModeCauseCleared(at=at, account_id=None, reason="breaker_open"))
            else:
                self._record.commit(
                    ModeCauseAdded(
                        at=at, account_id=None, reason="breaker_open", detail=transition.cause
                    )
                )
        next_probe_at = None
        if transition.next_probe_ns is not None:
            until_ns = transition.next_probe_ns - transition.at_ns
            next_probe_at = at + timedelta(microseconds=until_ns / 1000)
        self._record.commit(
            BreakerChanged(
                at=at,
                scope=transition.scope.value,
                state=_WORDS[transition.after],
                reason=transition.cause,
                next_probe_at=next_probe_at,
            )
        )

    def died(self, name: str, error: BaseException) -> None:
        """A task of ours ended by a bug: what it watched over is not watched any more, so halt."""
        _LOG.error("the task %r died", name, exc_info=error)
        at, detail = self._record.stamp(), f"the task {name!r} died of {type(error).__name__}"
        self._record.commit(AlarmRaised(at=at, name="internal_error", detail=detail))
        self._record.commit(
            ModeCauseAdded(at=at, account_id=None, reason="internal_error", detail=detail)
        )

    def budget(self, news: News) -> None:
        """Somebody waits for the request budget, or it is not shared any more."""
        match news:
            case BudgetNote(note):
                name = "budget_alone" if note is not None else "budget_shared_again"
                detail = note or "the shared request budget is back, so the whole of it is used"
                self._record.commit(AlarmRaised(at=self._record.stamp(), name=name, detail=detail))
            case Throttled():
                self._throttled(news, "the gateway answered 429")
            case _:
                self._waits_for(news)

    def _waits_for(self, news: Waits) -> None:
        """Once a second per lane, caller and reason: who is sent back again and again says it once."""
        key = (_lane(news), f"{news.caller}: {news.reason}")
        at, last = self._record.stamp(), self._waits.get(key)
        if last is None or at - last >= _TELL_EVERY:
            self._waits[key] = at
            ahead = f", {news.ahead} ahead of it" if news.ahead > 0 else ""
            self._throttled(news, f"{key[1]}{ahead}")

    def _throttled(self, news: Waits | Throttled, reason: str) -> None:
        self._record.commit(
            BudgetThrottled(
                at=self._record.stamp(),
                lane=_lane(news),
                wait_s=news.wait_s or 0.0,
                reason=reason,
                used=news.used,
                line=news.line,
            )
        )


def _lane(news: Waits | Throttled) -> str:
    return f"{news.bucket.value} {news.lane.name.lower()}"
