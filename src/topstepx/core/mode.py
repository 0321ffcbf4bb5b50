"""The trading mode of each account: what may leave this machine, and why not.

Theory of operation. Nobody sets a mode. Whoever sees a reason to be careful adds a *cause* (a row of
`CAUSES`), and whoever sees it end clears it; the mode is that of the strictest cause that stands, so
two reasons never undo each other. A cause is held per account (or for all), per contract (or for the
whole account) and per *subject*, so that clearing one unresolved order leaves the other fenced.

Cancelling and closing pass in every mode: the exit is always open. A *blind* cause says that we do not
know the state that a change would build on; then not even a risk-lowering modify passes, only those two.

A latched cause survives a restart and goes only when a person releases it by name. A cause that this
version does not know halts, latched: it was written by someone who knew more.

An account is STARTING until its "syncing" cause was first seen, and ACTIVE when no cause is left.
`ClientStarted` begins all that again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING, Final

from topstepx import errors, events

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@unique
class Mode(Enum):
    """What an account may do; from the freest to the strictest."""

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    SYNCING = "SYNCING"
    STARTING = "STARTING"
    HALTED = "HALTED"


@unique
class Operation(Enum):
    """What wants to leave, by what it does to the risk."""

    ENTRY = "entry"
    MODIFY_RAISING = "modify that raises risk"
    MODIFY_LOWERING = "modify that lowers risk"
    CANCEL = "cancel"
    CLOSE = "close"

    @property
    def phrase(self) -> str:
        """With its article, to begin a sentence."""
        return f"{'An' if self.value[0] in 'aeiou' else 'A'} {self.value}"


_EXITS = frozenset({Operation.CANCEL, Operation.CLOSE})

ALLOWED: dict[Mode, frozenset[Operation]] = {
    Mode.ACTIVE: frozenset(Operation),
    Mode.REDUCE_ONLY: _EXITS | {Operation.MODIFY_LOWERING},
    Mode.SYNCING: _EXITS,
    Mode.STARTING: _EXITS,
    Mode.HALTED: _EXITS,
}
"""The whole law: which operations each mode lets through."""

_STRICTNESS = {mode: rank for rank, mode in enumerate(Mode)}


_BY_ITSELF = "It ends by itself."


@dataclass(frozen=True, slots=True)
class CauseRule:
    """What a cause does, what it means to a trader, and how it ends."""

    mode: Mode
    meaning: str
    next_step: str = _BY_ITSELF
    latched: bool = False
    blind: bool = False


def _reduce(
    meaning: str,
    next_step: str = _BY_ITSELF,
    *,
    latched: bool = False,
    blind: bool = False,
) -> CauseRule:
    return CauseRule(Mode.REDUCE_ONLY, meaning, next_step, latched, blind)


def _halt(meaning: str, next_step: str, *, latched: bool = True) -> CauseRule:
    return CauseRule(Mode.HALTED, meaning, next_step, latched)


_RELEASE = "Look at the account, then release it with `resume`."

CAUSES: dict[str, CauseRule] = {
    "starting": CauseRule(Mode.STARTING, "the account has not been looked at yet", blind=True),
    "syncing": CauseRule(Mode.SYNCING, "the account's state is being read", blind=True),
    "unresolved_intent": _reduce("it is not known what became of a request", blind=True),
    "hub_down": _reduce("the user hub is not connected"),
    "hub_closed": _reduce(
        "the user hub is given up", "Do what `health` says of it, then release it with `resume`."
    ),
    "hub_deaf": _reduce("the user hub is connected but says nothing"),
    "recovering": _reduce("missed events are being looked up", blind=True),
    "session_contested": _reduce(
        "another program keeps taking over the session", "Close the other program."
    ),
    "token_expiring": _reduce("the session token ends soon"),
    "breaker_open": _reduce("the gateway's trading endpoints keep failing"),
    "budget_low": _reduce("the request budget is down to the reserve for exits"),
    "clock_jumped": _reduce("the clock jumped, or the computer slept"),
    "market_stale": _reduce(
        "its market data is missing", "It ends by itself, or when you stream it no longer."
    ),
    "mismatch": _reduce("our picture and the gateway's differ", blind=True),
    "journal_unwritable": _reduce(
        "the journal cannot be written", "Free the disk or its permissions."
    ),
    "journal_damaged": _reduce(
        "the journal is damaged, so the past is not known", _RELEASE, latched=True
    ),
    "held_elsewhere": _reduce(
        "another process trades this account", "End that process, or go on in it."
    ),
    "lease_unusable": _reduce(
        "the files that say who may trade cannot be used",
        "Make their folder yours and writable, or name another journal; then start again.",
    ),
    "fenced": _reduce(
        "this process lost the right to trade the account",
        "Look at the account; then `resume` takes the right back.",
        blind=True,
    ),
    "orphan_orders": _reduce(
        "there are orders of ours that the journal does not know", _RELEASE, latched=True
    ),
    "unexpected_fill": _reduce("an order filled that was taken for dead", _RELEASE, latched=True),
    "flattening": _reduce("it is being closed and cancelled down to nothing"),
    "reducing": _reduce("its position is being reduced"),
    "unprotected": _reduce(
        "a position has no stop at the gateway",
        "Place a stop for what has none, or make one larger by that; or close it.",
    ),
    "exit_unavailable": _reduce(
        "the gateway refuses to cancel or close on this account",
        "Use the web platform to get out; then release it with `resume`.",
        latched=True,
    ),
    "session_locked": _halt(
        "the gateway refuses the login",
        "Do what the login's error says, then release it with `resume`, or start again.",
        latched=False,
    ),
    "account_cannot_trade": _halt(
        "the gateway says that the account cannot trade", "Ask the firm.", latched=False
    ),
    "account_gone": _halt("the account is no longer listed", "Ask the firm.", latched=False),
    "foreign_tag": _halt("an order carries our tag but is not ours", _RELEASE),
    "limit_breached": _halt("one of your limits was breached", _RELEASE),
    "internal_error": _halt("a part of this program contradicted itself", _RELEASE),
    "killed": _halt(
        "the kill switch was used",
        "Release it with `topstepx kill --release`; then start the program again, or `resume` in it.",
    ),
    "halted_by_hand": _halt("a person halted it", _RELEASE),
}
"""Every cause. Adding one is a row here."""

_UNKNOWN = _halt("written by another version of this program", _RELEASE)


def rule_of(reason: str) -> CauseRule:
    """The rule of a cause; one that is not known halts, latched."""
    return CAUSES.get(reason, _UNKNOWN)


def strictest(modes: Iterable[Mode]) -> Mode:
    """The strictest of them; ACTIVE for none."""
    return max(modes, key=_STRICTNESS.__getitem__, default=Mode.ACTIVE)


@dataclass(frozen=True, slots=True)
class ActiveCause:
    """A cause that stands. ``account_id`` None: all accounts; ``contract_id`` None: all contracts."""

    reason: str
    account_id: int | None
    contract_id: str | None
    subject: str
    detail: str
    since: datetime

    @property
    def rule(self) -> CauseRule:
        """What it does and how it ends."""
        return rule_of(self.reason)


@dataclass(frozen=True, slots=True)
class ModeMoved:
    """A change of the ledger: an account's mode became another."""

    account_id: int
    before: Mode
    after: Mode
    reasons: tuple[str, ...]


MODE_FACTS: Final = (events.ModeCauseAdded, events.ModeCauseCleared, events.ClientStarted)
_Key = tuple[int | None, str | None, str, str]


class Modes:
    """The causes that stand, folded from facts; the mode follows from them."""

    def __init__(self) -> None:
        self._causes: dict[_Key, ActiveCause] = {}
        self._begun: set[int] = set()
        self._accounts: set[int] = set()
        self._started_at: datetime | None = None
        self.know = self._accounts.add
        """Take note of an account, so that it is told when its mode moves."""

    def apply(self, event: events.Event) -> tuple[bool, tuple[ModeMoved, ...]]:
        """Fold a fact: whether anything changed, and which accounts' modes moved."""
        if event.account is not None:
            self._accounts.add(event.account)
        if not isinstance(event, MODE_FACTS):
            return False, ()
        before = {account_id: self.mode(account_id) for account_id in self._accounts}
        match event:
            case events.ModeCauseAdded():
                changed = self._add(event)
            case events.ModeCauseCleared():
                changed = self._clear(event)
            case _:
                self._start(event)
                changed = True
        moved = [
            ModeMoved(account_id, was, now, self._reasons(account_id))
            for account_id, was in sorted(before.items())
            if (now := self.mode(account_id)) is not was
        ]
        return changed, tuple(moved)

    def is_being_closed(self, account_id: int, contract_id: str) -> bool:
        """Whether an exit is under way there, which sees to what it leaves."""
        causes = self.causes(account_id, contract_id)
        return any(cause.reason in {"flattening", "reducing"} for cause in causes)

    def causes(
        self,
        account_id: int,
        contract_id: str | None = None,
        *,
        everything: bool = False,
        besides: str | None = None,
    ) -> tuple[ActiveCause, ...]:
        """What restricts the account, oldest first.

        With a contract, its own causes too; with ``everything``, those of every contract. ``besides``
        is an intent whose being unresolved is left out.
        """
        found = [
            cause
            for cause in self._causes.values()
            if cause.account_id in {None, account_id}
            if everything or cause.contract_id in {None, contract_id}
            if (cause.reason, cause.subject) != ("unresolved_intent", besides)
        ]
        if account_id not in self._begun and self._started_at is not None:
            found.append(ActiveCause("starting", account_id, None, "", "", self._started_at))
        return tuple(sorted(found, key=lambda cause: (cause.since, cause.reason, cause.subject)))

    def stands(self, reason: str, account_id: int) -> bool:
        """Whether this cause restricts the whole account."""
        return (account_id, None, reason, "") in self._causes

    def mode(
        self, account_id: int, contract_id: str | None = None, *, besides: str | None = None
    ) -> Mode:
        """The account's mode; with a contract, as it is for that contract."""
        causes = self.causes(account_id, contract_id, besides=besides)
        modes = [cause.rule.mode for cause in causes]
        if account_id not in self._begun:
            modes.append(Mode.STARTING)
        return strictest(modes)

    def allows(self, operation: Operation, account_id: int, contract_id: str | None = None) -> bool:
        """Whether it may leave now; always True for a cancel and a close."""
        if operation in _EXITS or not (self._causes or account_id not in self._begun):
            return True
        if operation not in ALLOWED[self.mode(account_id, contract_id)]:
            return False
        lowering = operation is Operation.MODIFY_LOWERING
        return not (
            lowering and any(cause.rule.blind for cause in self.causes(account_id, contract_id))
        )

    def check_again(self, account_id: int, contract_id: str, intent_id: str) -> None:
        """`check` for an entry that is sent again: its own being looked for does not forbid it."""
        if self.mode(account_id, contract_id, besides=intent_id) is not Mode.ACTIVE:
            self.check(Operation.ENTRY, account_id, contract_id)

    def check(self, operation: Operation, account_id: int, contract_id: str | None = None) -> None:
        """Nothing, if it may leave now.

        Raises:
            errors.ModeRefused: it may not; with the mode, the causes and what ends them.
        """
        if self.allows(operation, account_id, contract_id):
            return
        mode = self.mode(account_id, contract_id)
        causes = self.causes(account_id, contract_id)
        rules = {cause.reason: cause.rule for cause in causes} or {"starting": CAUSES["starting"]}
        details = {cause.reason: f" ({cause.detail})" for cause in causes if cause.detail}
        because = "; ".join(
            f"{reason}: {rule.meaning}{details.get(reason, '')}" for reason, rule in rules.items()
        )
        # What ends by itself needs no word where something else must be done.
        todo = [rule.next_step for rule in rules.values() if rule.next_step != _BY_ITSELF]
        steps = " ".join(dict.fromkeys(todo)) or _BY_ITSELF
        where = f"account {account_id}" + (f", {contract_id}" if contract_id else "")
        raise errors.ModeRefused(
            f"{operation.phrase} is refused: {where} is {mode.value} ({because}).",
            mode=mode.value,
            causes=tuple(rules),
            next_step=steps,
        )

    def releases(
        self, account_id: int | None, *, released_by: str, at: datetime
    ) -> tuple[events.ModeCauseCleared, ...]:
        """The facts by which a person releases what is latched.

        With an account: that account's own causes, on every contract. With None: those on all accounts.
        """
        return tuple(
            events.ModeCauseCleared(
                reason=cause.reason,
                account_id=cause.account_id,
                contract_id=cause.contract_id,
                subject=cause.subject,
                released_by=released_by,
                at=at,
            )
            for cause in self._causes.values()
            if cause.rule.latched and cause.account_id == account_id
        )

    def _reasons(self, account_id: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cause.reason for cause in self.causes(account_id)))

    def _add(self, event: events.ModeCauseAdded) -> bool:
        begins = event.account_id is not None and event.account_id not in self._begun
        if begins and event.reason == "syncing":
            self._begun.add(event.account_id)  # type: ignore[arg-type]  # `begins` says it is an int
        key = (event.account_id, event.contract_id, event.reason, event.subject)
        if key in self._causes:
            return False
        self._causes[key] = ActiveCause(
            reason=event.reason,
            account_id=event.account_id,
            contract_id=event.contract_id,
            subject=event.subject,
            detail=event.detail,
            since=event.at,
        )
        return True

    def _clear(self, event: events.ModeCauseCleared) -> bool:
        key = (event.account_id, event.contract_id, event.reason, event.subject)
        if key not in self._causes:
            return False
        if rule_of(event.reason).latched and not event.released_by:
            return False
        del self._causes[key]
        return True

    def _start(self, event: events.ClientStarted) -> None:
        self._started_at = event.at
        self._begun.clear()
        self._causes = {key: cause for key, cause in self._causes.items() if cause.rule.latched}

    def state(self) -> object:
        """Everything believed here, for comparing two ledgers."""
        return dict(self._causes), frozenset(self._begun)
