"""What we believe: orders, positions, trades, accounts, intents, links and modes, folded from facts.

The ledger is changed by `apply` and by nothing else. What the gateway reports is merged so that order
and repetition make no difference; what we did ourselves is folded in the order in which it happened.
All views are synchronous and hand out frozen values, so that what is read between two awaits is one
consistent picture.

What was never reported is None: unknown. It is never an empty position and never a missing order,
unless a complete list said so (`listed_at`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx import events
from topstepx.core.expected_legs import ExpectedLegs
from topstepx.core.ledger_accounts import AccountBelief, AccountChanged, AccountEntry
from topstepx.core.ledger_intents import (
    INTENT_FACTS,
    IntentBelief,
    IntentChanged,
    IntentEntry,
    IntentFact,
)
from topstepx.core.ledger_links import LINK_FACTS, LinkBelief, LinkChanged, Links, SessionChanged
from topstepx.core.ledger_lists import Lists
from topstepx.core.ledger_orders import OrderBelief, OrderChanged, OrderEntry
from topstepx.core.ledger_positions import AccountPositions, PositionBelief, PositionChanged
from topstepx.core.ledger_trades import TradeBelief, TradeChanged, Trades
from topstepx.core.merge import RowOrder, heard
from topstepx.core.mode import MODE_FACTS, ModeMoved, Modes
from topstepx.core.netting import Heard, Netting
from topstepx.core.tags import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from topstepx.core.merge import Freshness


class Noted(msgspec.Struct, frozen=True, gc=False):
    """A change of the ledger: a fact that is news and changes no belief that has its own kind."""

    event: events.Event


Change = (
    OrderChanged
    | TradeChanged
    | PositionChanged
    | AccountChanged
    | IntentChanged
    | LinkChanged
    | SessionChanged
    | ModeMoved
    | Noted
)
"""What a fact did to the ledger."""

_Fold = Callable[[Any, int | None], tuple[Change, ...]]


class Ledger:
    """The one picture of the world. `links`, `modes` and `traded` are parts with views of their own."""

    def __init__(self) -> None:
        self.links = Links()
        self.modes = Modes()
        self.netting = Netting()
        self.expected_legs = ExpectedLegs()
        self._orders: dict[int, OrderEntry] = {}
        self._working: set[int] = set()
        self._children: dict[int, set[int]] = {}
        self._tags: dict[tuple[int, str], set[int]] = {}
        self.traded = Trades()
        self._positions: dict[int, AccountPositions] = {}
        self._accounts: dict[int, AccountEntry] = {}
        self._orphans: set[int] = set()
        self._highest: dict[int, int] = {}
        self._unsettled: dict[str, None] = {}
        self._answered: dict[int, dict[str, None]] = {}
        self._changes: dict[int, list[str]] = {}
        self._intents: dict[str, IntentEntry] = {}
        self._intent_tags: dict[tuple[int, str], str] = {}
        self._intent_keys: dict[tuple[int, str], str] = {}
        self._row_order = RowOrder()
        self._lists = Lists()
        self._folds: dict[type[events.Event], _Fold] = {
            events.OrderObserved: self._order,
            **dict.fromkeys((events.TradeObserved, events.TradeVoided), self._trade),
            events.AccountObserved: self._account,
            events.PositionObserved: self._position,
            events.PositionsListed: self._positions_listed,
            events.ListRead: self._list_read,
            **dict.fromkeys(INTENT_FACTS, self._intend),
            **dict.fromkeys(MODE_FACTS, self._restrict),
            **dict.fromkeys(LINK_FACTS, self._link),
            events.OrphanFound: self._orphaned,
        }
        """What changes a belief, and how; every other fact is only noted."""

    # ------------------------------------------------------------ the fold

    def apply(self, event: events.Event, now_ns: int | None = None) -> tuple[Change, ...]:
        """Fold one fact in, heard at ``now_ns`` (suspend-aware monotonic); what changed, if it is news."""
        if event.origin == "replayed" and isinstance(event, events.Observation):
            event = self._row_order.placed(event)
        if (account_id := event.account) is not None:
            self.modes.know(account_id)
        fold = self._folds.get(type(event))
        return (Noted(event),) if fold is None else fold(event, now_ns)

    def _restrict(self, event: events.Event, _now_ns: int | None) -> tuple[Change, ...]:
        """A cause came or went, or a run of the client began."""
        if isinstance(event, events.ClientStarted):
            self.netting.begin()
            self._row_order.run_begins(event.at)
        is_news, moved = self.modes.apply(event)
        if not (is_news or moved):
            return ()
        link = self.links.apply(event)
        return (*([] if link is None else [link]), Noted(event), *moved)

    def _link(self, event: events.Event, _now_ns: int | None) -> tuple[Change, ...]:
        return (self.links.apply(event) or Noted(event),)

    def _orphaned(self, event: events.OrphanFound, _now_ns: int | None) -> tuple[Change, ...]:
        self._orphans.add(event.order_id)
        return (Noted(event),)

    def _account(self, event: events.AccountObserved, now_ns: int | None) -> tuple[Change, ...]:
        entry = self._accounts.setdefault(event.account_model.id, AccountEntry())
        change = entry.apply(event, now_ns)
        return () if change is None else (change,)

    def _position(self, event: events.PositionObserved, now_ns: int | None) -> tuple[Change, ...]:
        if event.origin != "replayed":
            self.netting.told(event, Heard(event.at, now_ns))
        return self._account_positions(event.account).apply(event, now_ns)

    def _positions_listed(
        self, event: events.PositionsListed, now_ns: int | None
    ) -> tuple[Change, ...]:
        if event.origin != "replayed":
            self.netting.listed(event, Heard(event.at, now_ns))
        moved = self._account_positions(event.account_id).apply(event, now_ns)
        first = self._lists.read("positions", event.account_id, heard(event, now_ns))
        return moved or ((Noted(event),) if first else ())

    def _list_read(self, event: events.ListRead, now_ns: int | None) -> tuple[Change, ...]:
        first = self._lists.read(event.what, event.account_id, heard(event, now_ns))
        # What is missing from the list of accounts is news each time: an account can go.
        return (Noted(event),) if first or event.what == "accounts" else ()

    def _order(self, event: events.OrderObserved, now_ns: int | None) -> tuple[Change, ...]:
        order_id = event.order.id
        entry = self._orders.get(order_id)
        if entry is None:
            entry = self._orders[order_id] = OrderEntry()
            for intent_id in self._answered.get(order_id, ()):
                belief = self._intents[intent_id].belief
                if belief is not None and belief.state == "accepted":
                    self._unsettled.pop(intent_id, None)
        change = entry.apply(event, now_ns)
        if change is None:
            return ()
        order = change.after.order
        self.netting.order(order, event.at, now_ns, by_hub=_is_live(event))
        account_id = order.account_id
        self._highest[account_id] = max(order_id, self._highest.get(account_id, 0))
        if order.status.is_terminal:
            self._working.discard(order_id)
        else:
            self._working.add(order_id)
        if order.custom_tag is not None:
            tag = canonical(order.custom_tag)
            self._tags.setdefault((account_id, tag), set()).add(order_id)
        if order.parent_order_id is not None:
            self._children.setdefault(order.parent_order_id, set()).add(order_id)
        return (change,)

    def _trade(
        self, event: events.TradeObserved | events.TradeVoided, now_ns: int | None
    ) -> tuple[Change, ...]:
        change = self.traded.apply(event, now_ns)
        if change is None:
            return ()
        heard = Heard(event.at, now_ns)
        self.netting.trade(change.before, change.after, heard, by_hub=_is_live(event))
        return (change,)

    def _intend(self, event: IntentFact, _now_ns: int | None) -> tuple[Change, ...]:
        entry = self._intents.get(event.intent_id)
        if entry is None:
            entry = IntentEntry(event.intent_id, event.account_id)
            self._intents[event.intent_id] = entry
        if isinstance(event, events.IntentRecorded):
            self.expected_legs.recorded(event)
            if event.action == "modify" and event.order_id is not None:
                self._changes.setdefault(event.order_id, []).append(event.intent_id)
            if event.tag is not None:
                tag = canonical(event.tag)
                self._intent_tags.setdefault((event.account_id, tag), event.intent_id)
            if event.key is not None:
                self._intent_keys.setdefault((event.account_id, event.key), event.intent_id)
        change = entry.apply(event)
        if change is None:
            return ()
        after = change.after
        lives = after.is_open or after.state == "presumed_absent" or after.was_denied
        if lives or self._is_unseen(after):
            self._unsettled[after.intent_id] = None
        else:
            self._unsettled.pop(after.intent_id, None)
        if after.order_id is not None:
            self._answered.setdefault(after.order_id, {})[after.intent_id] = None
        return (change,)

    def _is_unseen(self, intent: IntentBelief) -> bool:
        """Whether the gateway took an order that nobody has shown yet."""
        recorded, order_id = intent.recorded, intent.order_id
        placed = recorded is not None and recorded.action == "place" and intent.state == "accepted"
        return placed and order_id is not None and order_id not in self._orders

    def _account_positions(self, account_id: int) -> AccountPositions:
        return self._positions.setdefault(account_id, AccountPositions(account_id))

    # ------------------------------------------------------------ orders and trades

    def order(self, order_id: int) -> OrderBelief | None:
        """An order by the gateway's id; None: never seen."""
        entry = self._orders.get(order_id)
        return None if entry is None else entry.belief

    def highest_order_id(self, account_id: int) -> int:
        """The highest id of an order seen on the account; 0 for none."""
        return self._highest.get(account_id, 0)

    def order_by_tag(self, account_id: int, tag: str) -> OrderBelief | None:
        """An order by its tag on the wire; None: never seen. Of several, the first (see below)."""
        found = self.orders_by_tag(account_id, tag)
        return found[0] if found else None

    def orders_by_tag(self, account_id: int, tag: str) -> tuple[OrderBelief, ...]:
        """Every order with this tag, by id. More than one cannot be, and must not be acted upon."""
        found = self._tags.get((account_id, canonical(tag)))
        return () if found is None else self._beliefs(found)

    def orders(self, account_id: int | None = None) -> tuple[OrderBelief, ...]:
        """Every order seen, by id."""
        found = self._beliefs(self._orders)
        return tuple(b for b in found if account_id in {None, b.order.account_id})

    def working(self, account_id: int, contract_id: str | None = None) -> tuple[OrderBelief, ...]:
        """The orders that are not known to be over, by id; a status that is not known counts."""
        return tuple(
            belief
            for belief in self._beliefs(self._working)
            if belief.order.account_id == account_id
            if contract_id in {None, belief.order.contract_id}
        )

    def children(self, order_id: int) -> tuple[OrderBelief, ...]:
        """The bracket legs of an order, by id, as far as they name their parent."""
        return self._beliefs(self._children.get(order_id, ()))

    def _beliefs(self, order_ids: Iterable[int]) -> tuple[OrderBelief, ...]:
        found = (self._orders[order_id].belief for order_id in sorted(order_ids))
        return tuple(belief for belief in found if belief is not None)

    def is_orphan(self, order_id: int) -> bool:
        """Whether the order was found under our name without an intent in the journal, in any run."""
        return order_id in self._orphans

    def trades(self, account_id: int | None = None) -> tuple[TradeBelief, ...]:
        """Every trade seen, oldest first, voided ones included."""
        return self.traded.all(account_id)

    def trades_of(self, order_id: int) -> tuple[TradeBelief, ...]:
        """The trades of one order, oldest first, voided ones included."""
        return self.traded.of(order_id)

    def is_complete(self, order_id: int) -> bool:
        """Whether the order is over and its trades, voided ones aside, account for what it filled."""
        belief = self.order(order_id)
        if belief is None or not belief.is_terminal:
            return False
        sizes = (trade.trade.size for trade in self.trades_of(order_id) if not trade.is_void)
        return sum(sizes) == belief.filled

    # ------------------------------------------------------------ positions and accounts

    def position(self, account_id: int, contract_id: str) -> PositionBelief | None:
        """The position in one contract; None: *unknown*, which is not flat."""
        known = self._positions.get(account_id)
        belief = None if known is None else known.position(contract_id)
        if belief is None or belief.net is None:
            return belief
        unshown = self.netting.unshown(account_id, contract_id, belief.net)
        return msgspec.structs.replace(belief, unshown=unshown) if unshown else belief

    def positions(self, account_id: int) -> tuple[PositionBelief, ...]:
        """The positions that are known and not flat, by contract; complete only if `listed_at` says."""
        known = self._positions.get(account_id)
        if known is None:
            return ()
        contracts = {*known.contracts, *self.netting.unsettled(account_id)}
        found = (self.position(account_id, contract_id) for contract_id in sorted(contracts))
        return tuple(belief for belief in found if belief is not None and not belief.is_flat)

    def listed_at(self, what: events.ListName, account_id: int | None = None) -> datetime | None:
        """The moment that the last complete list speaks of; None: never read, so nothing is excluded."""
        return self._lists.at(what, account_id)

    def list_age(self, what: events.ListName, account_id: int | None = None) -> Freshness | None:
        """When and how the last complete list was read; None: never, also not in an earlier run."""
        return self._lists.age(what, account_id)

    def account(self, account_id: int) -> AccountBelief | None:
        """An account; None: never seen."""
        entry = self._accounts.get(account_id)
        return None if entry is None else entry.belief

    def accounts(self) -> tuple[AccountBelief, ...]:
        """Every account seen, by id."""
        beliefs = (self._accounts[account_id].belief for account_id in sorted(self._accounts))
        return tuple(belief for belief in beliefs if belief is not None)

    # ------------------------------------------------------------ intents and links

    def intent(self, intent_id: str) -> IntentBelief | None:
        """One of our intents; None: never recorded."""
        entry = self._intents.get(intent_id)
        return None if entry is None else entry.belief

    def intent_by_tag(self, account_id: int, tag: str) -> IntentBelief | None:
        """An intent by its tag on the wire."""
        return self.intent(self._intent_tags.get((account_id, canonical(tag)), ""))

    def intent_by_key(self, account_id: int, key: str) -> IntentBelief | None:
        """An intent by the trader's own key."""
        return self.intent(self._intent_keys.get((account_id, key), ""))

    def intents(self, account_id: int | None = None) -> tuple[IntentBelief, ...]:
        """Every intent, in the order in which they were recorded."""
        beliefs = (entry.belief for entry in self._intents.values())
        return tuple(b for b in beliefs if b is not None and account_id in {None, b.account_id})

    def open_intents(self, account_id: int | None = None) -> tuple[IntentBelief, ...]:
        """The intents of which it is not known yet what became of them."""
        return tuple(belief for belief in self.unsettled_intents(account_id) if belief.is_open)

    def unsettled_intents(self, account_id: int | None = None) -> tuple[IntentBelief, ...]:
        """The intents that may have an order nobody saw: open, presumed absent, just accepted, denied."""
        beliefs = (self._intents[intent_id].belief for intent_id in self._unsettled)
        return tuple(b for b in beliefs if b is not None and account_id in {None, b.account_id})

    def intents_with_order(self, order_id: int) -> tuple[IntentBelief, ...]:
        """The intents that are believed to have made this order, or to be about it."""
        beliefs = (self._intents[one].belief for one in self._answered.get(order_id, ()))
        return tuple(b for b in beliefs if b is not None and b.order_id == order_id)

    def changes_of(self, order_id: int) -> Iterator[IntentBelief]:
        """The intents to modify this order, newest first: a trailing stop has thousands of them."""
        beliefs = (self._intents[one].belief for one in reversed(self._changes.get(order_id, ())))
        return (belief for belief in beliefs if belief is not None)

    def link(self, hub: events.Hub) -> LinkBelief | None:
        """A hub's link; None: never tried in this run."""
        return self.links.link(hub)

    # ------------------------------------------------------------ comparing

    def state(self) -> object:
        """Everything believed, ages aside: two ledgers that believe the same compare equal."""
        return {
            "orders": {belief.id: belief for belief in self.orders()},
            "trades": self.trades(),
            "positions": {key: known.state() for key, known in self._positions.items()},
            "accounts": self.accounts(),
            "intents": {belief.intent_id: belief for belief in self.intents()},
            "tags": self._tags,
            "orphans": frozenset(self._orphans),
            "listed": self._lists.state(),
            "links": self.links.state(),
            "modes": self.modes.state(),
        }


def _is_live(event: events.Observation) -> bool:
    """Whether the hub tells it in this run."""
    return event.source == "hub" and event.origin != "replayed"
