"""What we believe about our own intents.

An intent is *open* from the moment it is recorded until something definite is known: an answer that
proves what happened, or a resolution by evidence. Whether it was seen to be sent makes no difference,
because a crash may have lost that fact after the bytes had left.

Evidence outweighs its absence: an intent presumed absent whose order appears after all is accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from topstepx import events

if TYPE_CHECKING:
    from datetime import datetime

IntentState = Literal[
    "recorded", "sent", "unknown", "not_sent", "refused", "presumed_absent", "accepted"
]
"""From what is known least to what is known best."""

_OPEN = frozenset({"recorded", "sent", "unknown"})
_PROVES_NOTHING = frozenset({"unknown", "duplicate"})
_STATE_OF_ANSWER: dict[events.Outcome, IntentState] = {
    "not_sent": "not_sent",
    "not_executed": "unknown",  # it may be sent once more; "not_sent" follows when it is not
    "refused": "refused",
}
_VERDICT_RANK: dict[events.Verdict, int] = {
    "presumed_absent": 0,
    "not_sent": 1,
    "refused": 2,
    "accepted": 3,
}


class IntentBelief(msgspec.Struct, frozen=True, gc=False):
    """One intent and what became of it, as far as it is known."""

    intent_id: str
    account_id: int
    recorded: events.IntentRecorded | None
    """What was wanted; None only while the journal is read in an odd order."""
    state: IntentState
    order_id: int | None
    attempts: int
    answers: tuple[events.IntentAnswered, ...]
    resolution: events.IntentResolved | None
    cancel_wanted: bool = False
    """Whether the trader wants it gone as soon as it is found."""
    copies: int = 1
    """How many requests may have arrived: more than one only if it was sent again under its tag."""

    handed_over: int = 0
    """How often it may have left: `attempts` counts one that was stopped before as well."""

    looked: events.IntentLooked | None = None
    """The last look that found no trace of it since it last left; None: there was none."""

    @property
    def is_open(self) -> bool:
        """Whether it may yet turn out to be at the gateway, or not."""
        return self.state in _OPEN

    @property
    def was_denied(self) -> bool:
        """Whether it left and the gateway answered that it did not act (401, 429): its word alone."""
        if self.state != "not_sent" or not self.answers:
            return False
        last = self.answers[-1]
        if last.outcome == "not_executed":
            return True
        # What went wrong after a 401 (no token in time, no connection) says nothing about the first send.
        unsent = 1 if (last.text or "").startswith("NotSent:") else 0
        return last.outcome == "not_sent" and self.handed_over > unsent

    @property
    def recorded_at(self) -> datetime | None:
        """When it was written down."""
        return None if self.recorded is None else self.recorded.at


class IntentChanged(msgspec.Struct, frozen=True, gc=False):
    """A change of the ledger: an intent is new, or more is known about it."""

    before: IntentBelief | None
    after: IntentBelief


IntentFact = (
    events.IntentRecorded
    | events.IntentSent
    | events.IntentAnswered
    | events.IntentResolved
    | events.IntentDoubted
    | events.IntentLooked
    | events.CancelWanted
)

INTENT_FACTS: Final = (
    events.IntentRecorded,
    events.IntentSent,
    events.IntentAnswered,
    events.IntentResolved,
    events.IntentDoubted,
    events.IntentLooked,
    events.CancelWanted,
)


class IntentEntry:
    """All that is known about one intent."""

    def __init__(self, intent_id: str, account_id: int) -> None:
        self._intent_id, self._account_id = intent_id, account_id
        self._recorded: events.IntentRecorded | None = None
        self._attempts = 0
        self._again: set[int] = set()
        self._answers: dict[str, events.IntentAnswered] = {}
        self._resolutions: dict[str, events.IntentResolved] = {}
        self._doubted: set[int] = set()
        self._looks: dict[str, events.IntentLooked] = {}
        self._looked: events.IntentLooked | None = None
        self._cancel_wanted = False
        self.belief: IntentBelief | None = None

    def apply(self, event: IntentFact) -> IntentChanged | None:
        """Add one fact; None when it says nothing new."""
        match event:
            case events.IntentRecorded():
                self._recorded = self._recorded or event
            case events.IntentSent():
                self._attempts = max(self._attempts, event.attempt)
                if event.again and event.attempt not in self._again:
                    self._again.add(event.attempt)
                    self._looked = None  # what was not there before it left says nothing of it
            case events.IntentAnswered():
                self._answers.setdefault(event.id, event)
            case events.IntentResolved():
                self._resolutions.setdefault(event.id, event)
            case events.IntentDoubted():
                self._doubted.add(event.order_id)
            case events.IntentLooked():
                if event.id not in self._looks:  # a journal that is read twice says nothing new
                    self._looks[event.id] = self._looked = event
            case events.CancelWanted():
                self._cancel_wanted = True
        before = self.belief
        self.belief = self._merged()
        return None if before == self.belief else IntentChanged(before, self.belief)

    def _merged(self) -> IntentBelief:
        answers = tuple(self._answers.values())
        resolution: events.IntentResolved | None = None
        if not self._resolutions and len(answers) <= 1 and not self._doubted:  # as nearly always
            order_id = answers[0].order_id if answers else None
        else:
            answers = tuple(sorted(answers, key=lambda answer: (answer.attempt, answer.at)))
            resolution = max(
                self._resolutions.values(),
                key=lambda resolved: (_VERDICT_RANK[resolved.verdict], resolved.at, resolved.id),
                default=None,
            )
            order_id = self._order_id(answers, resolution)
        return IntentBelief(
            self._intent_id,
            self._account_id,
            self._recorded,
            self._state(answers, resolution),
            order_id,
            max([self._attempts, *[answer.attempt for answer in answers]]),
            answers,
            resolution,
            self._cancel_wanted,
            1 + len(self._again),
            self._attempts,
            self._looked,
        )

    def _order_id(
        self,
        answers: tuple[events.IntentAnswered, ...],
        resolution: events.IntentResolved | None,
    ) -> int | None:
        order_ids = [
            answer.order_id
            for answer in answers
            if answer.order_id is not None and answer.order_id not in self._doubted
        ]
        if resolution is not None and resolution.order_id is not None:
            order_ids.append(resolution.order_id)
        return order_ids[-1] if order_ids else None

    def _state(
        self,
        answers: tuple[events.IntentAnswered, ...],
        resolution: events.IntentResolved | None,
    ) -> IntentState:
        if not answers and resolution is None:
            return "sent" if self._attempts else "recorded"
        outcomes: list[events.Outcome] = [
            "unknown" if answer.order_id in self._doubted else answer.outcome for answer in answers
        ]
        if "accepted" in outcomes:
            return "accepted"
        if resolution is not None:
            return resolution.verdict
        # An attempt that may have arrived outweighs a later one that certainly did not.
        if not _PROVES_NOTHING.isdisjoint(outcomes):
            return "unknown"
        if self._attempts > answers[-1].attempt:
            return "sent"
        return _STATE_OF_ANSWER[outcomes[-1]]
