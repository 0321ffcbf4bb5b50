"""The client's picture against the venue's books, and against its own journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.core.ledger import Ledger
from topstepx.events import Observation, OrderObserved
from topstepx.testing.storm.auditors.judge import Auditor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.ledger import Change
    from topstepx.events import Event
    from topstepx.store.rows import Row
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.world import World

LEVEL_WITHIN_S = 10.0
"""The promise: so long after the last trouble, with REST answering and a valid token."""

NOTICED_WITHIN_S = 30.0
"""The promise where a hub lied in silence: it has to be noticed first."""

SILENT = frozenset({"hubs mute", "hubs deaf", "events garbled", "half-open links", "legs hidden"})
"""Troubles that leave a hub connected and say nothing."""

SESSION_WITHIN_S = 620.0
"""How long the bounds on logins may keep a session away."""

DECIDED_WITHIN_S = 200.0
"""How long after the last trouble an intent may still be open."""


def difference(world: World, ledger: Ledger) -> str:
    """In what our picture differs from the venue's books; empty when they are level."""
    parts = [_difference(world, ledger, account_id) for account_id in world.account_ids]
    return "; ".join(part for part in parts if part)


def _difference(world: World, ledger: Ledger, account_id: int) -> str:
    truth = world.truth
    ours: dict[str, Any] = {
        "working orders": {one.id: _terms(one.order) for one in ledger.working(account_id)},
        "positions": {one.contract_id: one.net for one in ledger.positions(account_id)},
        "trades": {one.id: one.is_void for one in ledger.trades(account_id)},
    }
    theirs: dict[str, Any] = {
        "working orders": {one.id: _terms(one) for one in truth.working(account_id)},
        "positions": {
            one.contract_id: truth.net_size(account_id, one.contract_id)
            for one in truth.positions(account_id)
        },
        "trades": {one.id: one.voided for one in truth.trades(account_id)},
    }
    account = ledger.account(account_id)
    ours["balance"] = account.account.balance if account is not None else None
    theirs["balance"] = truth.balance(account_id)
    which = "" if account_id == world.account_id else f"account {account_id}, "
    parts = [
        f"{which}{name}: believed {_less(mine, theirs[name])}, real {_less(theirs[name], mine)}"
        for name, mine in ours.items()
        if mine != theirs[name]
    ]
    return "; ".join(parts)


def _terms(order: Any) -> tuple[Any, ...]:  # noqa: ANN401  an order model
    # A trailing stop moves in silence (verified), so its price is not compared.
    price = None if order.type.name == "TRAILING_STOP" else order.stop_price
    return (order.status.name, order.size, order.fill_volume, order.limit_price, price)


def _less(mine: Any, other: Any) -> Any:  # noqa: ANN401  a part of a picture
    """Only what differs."""
    if isinstance(mine, tuple) and isinstance(other, tuple) and len(mine) == len(other):
        pairs = zip(mine, other, strict=True)
        return tuple(_less(one, two) for one, two in pairs if one != two)
    if isinstance(mine, dict) and isinstance(other, dict):
        return {key: value for key, value in mine.items() if other.get(key) != value}
    return mine


class Convergence(Auditor):
    """When all is well again the client knows it, and is free to trade."""

    promise = "level with the venue within 10 s, every intent decided, trading possible again"

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # the world
        self._by_hub: set[tuple[int, int]] = set()

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """Which orders a hub told of."""
        if isinstance(event, OrderObserved) and event.source == "hub":
            self._by_hub.add((life.number, event.order.id))

    def heard_of(self, life: Life, order_id: int) -> None:
        """A hub that is live must have told of this order; a read that found it is no excuse.

        Where a hub was silent or slow, a read may rightly have been faster.
        """
        silent = (SILENT | {"messages sliced"}) & self.world.options.troubles.keys()
        told = (life.number, order_id) in self._by_hub or life.hub_spoke_of(order_id)
        if not told and not silent:
            self.found(f"the user hub is live and did not tell order {order_id}")

    def level(self, life: Life, since_s: float) -> bool:
        """Whether the books are level; a finding if that takes longer than promised."""
        told = difference(self.world, life.ledger)
        silent = SILENT & self.world.options.troubles.keys()
        within_s = NOTICED_WITHIN_S if silent else LEVEL_WITHIN_S
        if told and self.world.now_s() - since_s > within_s:
            self.found(f"not level {within_s:g} s after the last trouble: {told}")
            return True
        return not told

    def calm(self, life: Life) -> None:
        """Nothing is open."""
        for intent in life.ledger.open_intents():
            recorded = intent.recorded
            what = f"{recorded.action} {recorded.tag or recorded.order_id}" if recorded else "?"
            self.found(
                f"{what} is still {intent.state} {DECIDED_WITHIN_S:g} s after the last trouble"
            )
        told = difference(self.world, life.ledger)
        if told:
            self.found(f"not level in the calm: {told}")

    def after(self) -> None:
        """Leaving found nothing open either."""
        for life in (*self.world.lives[-1:], *self.world.beside[-1:]):
            if life.client.left_open:
                self.found(f"named as left open: {life.client.left_open}")


class Replay(Auditor):
    """The journal alone gives the same picture."""

    promise = "folding the journal from its first row gives the ledger"

    def after(self) -> None:
        """Fold what was committed."""
        if self.world.lives:
            self._fold(self.world.lives[-1].ledger, self.world.journal.committed)
        for life in self.world.beside[-1:]:
            self._fold(life.ledger, life.journal.committed)

    def _fold(self, live: Ledger, rows: Iterable[Row]) -> None:
        replayed = Ledger()
        for row in rows:
            event = row.event()
            if isinstance(event, Observation):
                event = msgspec.structs.replace(event, origin="replayed")
            replayed.apply(event)
        mine: Any = live.state()
        again: Any = replayed.state()
        for part in mine:
            if mine[part] != again[part]:
                self.found(
                    f"{part} differ: {_less(mine[part], again[part])} against {_less(again[part], mine[part])}"[
                        :2000
                    ]
                )


class Durability(Auditor):
    """What was accepted once is known to every later run."""

    promise = "an order that was called accepted is found by its key after any crash"

    def calm(self, life: Life) -> None:
        """Every key that ever got its order."""
        for wish in life.book.wishes.values():
            account_id = self.world.account_ids[wish.account]
            known = life.ledger.intent_by_key(account_id, wish.key)
            if "accepted" in wish.said and known is None:
                self.found(f"{wish.key} was accepted, and run {life.number} does not know it")
