"""At most once, and never a word that is not so."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from topstepx.events import Flattened, IntentRecorded, IntentResolved, OrderObserved
from topstepx.testing.storm.auditors.judge import Auditor
from topstepx.testing.storm.notebook import Flat
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.events import Event
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.notebook import Notebook, Saying

_NEVER_MADE = frozenset({"refused", "not_sent", "presumed_absent"})


class SingleExecution(Auditor):
    """Nothing that was wanted once happens twice, across lost answers, crashes and restarts."""

    promise = "each intent, and each of the trader's keys, makes at most one order"

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # the world
        self._keys: dict[str, str | None] = {}
        self._partial: set[str] = set()

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """Remember every intent, also those that a crash lost."""
        if isinstance(event, IntentRecorded):
            if event.tag is not None:
                self._keys[event.tag] = event.key
            elif event.action == "partial_close":
                self._partial.add(event.intent_id)

    def after(self) -> None:
        """Count at the venue."""
        world = self.world
        by_key: Counter[str] = Counter()
        for account_id, tag in world.tags():
            count = world.truth.executions(account_id, tag)
            if count and tag not in self._keys:
                self.found(f"order {world.truth.placed(account_id, tag)} has no intent")
            if count > 1:
                self.found(f"tag {tag} made {count} orders")
            key = self._keys.get(tag)
            if key is not None:
                by_key[key] += count
        for key, count in by_key.items():
            if count > 1:
                self.found(f"{key} made {count} orders")
        self._reductions()

    def _reductions(self) -> None:
        """Partial closes carry no name, so they are counted: no more arrive than were wanted."""
        arrived = sum(
            one.verb == "partial_close" and one.origin == "api" for one in self.world.truth.requests
        )
        doubled = self.world.trace.counts["requests doubled"] * 3
        if arrived > len(self._partial) + doubled:
            self.found(f"{arrived} partial closes arrived, and {len(self._partial)} were wanted")


class Honesty(Auditor):
    """What was said, to the trader and in the journal, is what happened."""

    promise = (
        "accepted means that it happened, no means that it did not, flat means flat;"
        " a handle is of an order that exists"
    )

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """No order is reported over while it works, and none is presumed absent that is there."""
        if isinstance(event, IntentResolved) and event.verdict == "presumed_absent":
            self._absent(life, event)
        if not changes or not isinstance(event, OrderObserved) or event.origin == "replayed":
            return
        order = event.order
        if not order.status.is_terminal:
            return
        real = self.world.truth.order(order.id)
        if not real.status.is_terminal:
            self.found(
                f"order {order.id} was reported {order.status.name}, and is {real.status.name}"
            )

    def _absent(self, life: Life, event: IntentResolved) -> None:
        intent = life.ledger.intent(event.intent_id)
        recorded = intent.recorded if intent is not None else None
        if recorded is None or recorded.tag is None:
            return
        if self.world.truth.executions(recorded.account_id, recorded.tag):
            self.found(f"{recorded.tag} is presumed absent, and its order is there")

    def calm(self, life: Life) -> None:
        """Every intent's verdict in the journal."""
        truth = self.world.truth
        for intent in life.ledger.intents():
            recorded = intent.recorded
            if recorded is None or recorded.action != "place" or recorded.tag is None:
                continue
            ids = truth.placed(recorded.account_id, recorded.tag)
            count = truth.executions(recorded.account_id, recorded.tag)
            if intent.state == "accepted" and not ids:
                self.found(f"{recorded.tag} is called accepted and made no order")
            elif intent.state == "accepted" and intent.order_id not in ids:
                self.found(f"{recorded.tag} is said to be order {intent.order_id}, and is {ids}")
            elif intent.state in _NEVER_MADE and count:
                self.found(f"{recorded.tag} is called {intent.state} and made {count}")

    def after(self) -> None:
        """Every word that was said to the trader."""
        for book in self.world.books:
            self._told(book)

    def _told(self, book: Notebook) -> None:
        self._wishes(book)
        for told in book.hollow:
            self.found(told)
        for saying in book.sayings:
            if isinstance(saying.subject, Flat | Flattened):
                self._flat(saying, saying.subject)
            elif saying.act == "cancel" and saying.what == "done" and saying.subject is not None:
                self._cancelled(saying)

    def _wishes(self, book: Notebook) -> None:
        truth = self.world.truth
        made: dict[str, int] = defaultdict(int)
        for life in self.world.everyone:
            for intent in life.ledger.intents():
                recorded = intent.recorded
                if recorded is not None and recorded.key is not None and recorded.tag is not None:
                    tags = truth.placed(recorded.account_id, recorded.tag)
                    made[recorded.key] = max(made[recorded.key], len(tags))
        for wish in book.wishes.values():
            count, account_id = made[wish.key], self.world.account_ids[wish.account]
            if "accepted" in wish.said and not count:
                self.found(f"{wish.key} was called accepted and made no order")
            if wish.said[:1] == ["no"] and set(wish.said) == {"no"} and count:
                executed = sum(truth.executions(account_id, tag) for tag in self._tags_of(wish.key))
                if executed:
                    self.found(f"{wish.key} was told no and made an order")

    def _tags_of(self, key: str) -> set[str]:
        return {
            intent.recorded.tag
            for life in self.world.everyone
            for intent in life.ledger.intents()
            if intent.recorded is not None and intent.recorded.key == key and intent.recorded.tag
        }

    def _flat(self, saying: Saying, said: Flat | Flattened) -> None:
        """At some moment of the call there was no position, in each contract that it was said of."""
        truth = self.world.truth
        for held in truth.positions_at(said.account_id, saying.began_at):
            if said.contract_id not in {None, held.contract_id}:
                continue
            versions = truth.position_versions.get((said.account_id, held.contract_id), ())
            if not any(
                saying.began_at <= at <= saying.ended_at and position.size == 0
                for at, position in versions
            ):
                self.found(f"{saying.act} said flat, and there was a position all the time")

    def _cancelled(self, saying: Saying) -> None:
        order_id = getattr(saying.subject, "id", None)
        if order_id is None:
            return
        real = self.world.truth.order_at(order_id, saying.ended_at)
        if real is not None and not real.status.is_terminal:
            self.found(
                f"order {order_id} was called cancelled, and was {OrderStatus(real.status).name}"
            )
