"""What the breaker and the request budget say, as facts, and what follows for the accounts."""

from __future__ import annotations

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
    from topstepx.core.breakers import Transition
    from topstepx.desk.record import Record

_WORDS: Final[dict[State, Literal["closed", "open", "half_open", "isolated"]]] = {
    State.CLOSED: "closed",
    State.OPEN: "open",
    State.PROBING: "half_open",
    State.ISOLATED: "isolated",
}


class Report:
    """Listens to the gate's parts on behalf of the record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def breaker(self, transition: Transition) -> None:
        """A breaker changed; while the trading endpoints keep failing only exits pass, everywhere."""
        if transition.scope is Scope.TRADE_MUTATION:
            closed = transition.after is State.CLOSED
            kind = ModeCauseCleared if closed else ModeCauseAdded
            self._record.commit(
                kind(at=self._record.stamp(), account_id=None, reason="breaker_open")
            )
        self._record.commit(
            BreakerChanged(
                at=self._record.stamp(),
                scope=transition.scope.value,
                state=_WORDS[transition.after],
                reason=transition.cause,
            )
        )

    def budget(self, news: News) -> None:
        """Somebody waits for the request budget, or it is not shared any more."""
        match news:
            case BudgetNote(note):
                if note is not None:
                    self._record.commit(
                        AlarmRaised(at=self._record.stamp(), name="budget_alone", detail=note)
                    )
            case Throttled():
                self._throttled(news, "the gateway answered 429")
            case _:
                self._throttled(news, f"{news.caller}: {news.reason}")

    def _throttled(self, news: News, reason: str) -> None:
        if isinstance(news, BudgetNote):
            return
        self._record.commit(
            BudgetThrottled(
                at=self._record.stamp(),
                lane=f"{news.bucket.value} {news.lane.name.lower()}",
                wait_s=news.wait_s or 0.0,
                reason=reason,
            )
        )
