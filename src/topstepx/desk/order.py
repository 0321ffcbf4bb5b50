"""The order handle: what you hold after placing, and what you find again by key or id.

It keeps nothing of its own. Every property looks at the ledger, so a handle is as true as the newest
fact, and two handles of one order never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.asked import place_of
from topstepx.core.brackets import leg_of
from topstepx.core.given import check_wait
from topstepx.core.order_life import Stage, stage_of
from topstepx.core.ownership import intent_of
from topstepx.desk.lives import average_price
from topstepx.desk.order_stream import story
from topstepx.errors import InvalidRequest, NotFilled, OrderUnresolved
from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from decimal import Decimal

    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.core.ledger_trades import TradeBelief
    from topstepx.core.prices import PriceLike
    from topstepx.core.resolve import Looking
    from topstepx.desk.contracts import Contract
    from topstepx.desk.orders import Orders
    from topstepx.events import Event


@dataclass(frozen=True, slots=True)
class Name:
    """How an order is found in the ledger: by its own id, its intent, or as a leg of another."""

    order_id: int | None = None
    intent_id: str | None = None
    leg_of: Order | None = None
    leg: str = ""


class Order:
    """One order. `stop` and `target` of a bracket order are orders too."""

    def __init__(self, orders: Orders, account_id: int, contract_id: str, name: Name) -> None:
        self._orders = orders
        self._name = name
        self.account_id = account_id
        self.contract_id = contract_id

    # -- what is known

    @property
    def contract(self) -> Contract:
        """The contract; raises `ContractUnknown` when it was never looked up (orders of others)."""
        return self._orders.contract(self.contract_id)

    @property
    def belief(self) -> OrderBelief | None:
        """The ledger's view of the order at the gateway; None while none was seen."""
        ledger = self._orders.ledger
        if self._name.leg_of is not None:
            return self._leg_belief(self._name.leg_of)
        order_id = self.id
        if order_id is not None:
            return ledger.order(order_id)
        tag = self.tag
        return ledger.order_by_tag(self.account_id, tag) if tag is not None else None

    def _leg_belief(self, parent: Order) -> OrderBelief | None:
        belief = parent.belief
        return leg_of(self._orders.ledger, belief, self._name.leg) if belief is not None else None

    @property
    def intent(self) -> IntentBelief | None:
        """What we wrote down before sending; None for orders that we did not place in this journal."""
        intent_id = self._name.intent_id
        return self._orders.ledger.intent(intent_id) if intent_id is not None else None

    @property
    def id(self) -> int | None:
        """The gateway's id; None while it is not known."""
        if self._name.order_id is not None:
            return self._name.order_id
        if self._name.leg_of is not None:
            belief = self._leg_belief(self._name.leg_of)
            return belief.id if belief is not None else None
        intent = self.intent
        if intent is not None and intent.order_id is not None:
            return intent.order_id
        tag = self.tag
        seen = self._orders.ledger.order_by_tag(self.account_id, tag) if tag is not None else None
        return seen.id if seen is not None else None

    @property
    def tag(self) -> str | None:
        """Our unique name for it on the wire; None for orders of others."""
        intent = self.intent
        if intent is not None and intent.recorded is not None:
            return intent.recorded.tag
        order_id = self._name.order_id
        belief = self._orders.ledger.order(order_id) if order_id is not None else None
        return belief.order.custom_tag if belief is not None else None

    @property
    def key(self) -> str | None:
        """Your own name for it, if you gave one."""
        intent = self.intent
        return intent.recorded.key if intent is not None and intent.recorded is not None else None

    @property
    def label(self) -> str | None:
        """Your free text for it, such as the strategy; a bracket leg has its entry's. None: none known."""
        intent, belief = self.intent, self.belief
        if self._name.leg_of is not None:
            return self._name.leg_of.label
        if intent is None and belief is not None:
            intent = intent_of(self._orders.ledger, belief.order)
        return intent.recorded.label if intent is not None and intent.recorded is not None else None

    @property
    def status(self) -> OrderStatus:
        """Where it is in its life; NONE while no evidence of it was seen."""
        belief = self.belief
        return belief.status if belief is not None else OrderStatus.NONE

    @property
    def side(self) -> Side | None:
        """Buy or sell; None while it was not seen."""
        belief = self.belief
        return belief.order.side if belief is not None else None

    @property
    def size(self) -> int | None:
        """Contracts ordered; None while it was not seen."""
        belief = self.belief
        return belief.order.size if belief is not None else None

    @property
    def filled_size(self) -> int:
        """Contracts filled so far."""
        belief = self.belief
        return belief.filled if belief is not None else 0

    @property
    def remaining(self) -> int | None:
        """Contracts that may still fill; None while it was not seen."""
        belief = self.belief
        return belief.remaining if belief is not None else None

    @property
    def average_price(self) -> Decimal | None:
        """The average price of its trades, exact; None while nothing filled."""
        order_id = self.id
        return average_price(self._orders.record, order_id) if order_id is not None else None

    @property
    def limit_price(self) -> Decimal | None:
        """Its limit; None where it has none."""
        belief = self.belief
        return belief.order.limit_price if belief is not None else None

    @property
    def stop_price(self) -> Decimal | None:
        """Its stop; None where it has none (a suspended leg gets its price when the entry fills)."""
        belief = self.belief
        return belief.order.stop_price if belief is not None else None

    @property
    def trades(self) -> tuple[TradeBelief, ...]:
        """Its trades so far, oldest first."""
        order_id = self.id
        return self._orders.ledger.trades_of(order_id) if order_id is not None else ()

    @property
    def stage(self) -> Stage:
        """Where it is in its life, before the gateway showed it too; see `core.order_life`."""
        return stage_of(self.intent, self.belief)

    @property
    def anomalies(self) -> tuple[str, ...]:
        """What contradicts itself about it; empty when all is well."""
        belief = self.belief
        return belief.anomalies if belief is not None else ()

    @property
    def looking(self) -> Looking | None:
        """How far the search has come after its answer was lost, counting down; None otherwise."""
        intent_id = self._name.intent_id
        return self._orders.looking(intent_id) if intent_id is not None else None

    @property
    def log(self) -> tuple[Event, ...]:
        """What was told about it since this program started, oldest first.

        Of more than a thousand facts the first 200 and the last 800; a `FactsLeftOut` in their place says
        how many are not kept.
        """
        return self._orders.lives.log(self.id, self._name.intent_id)

    @property
    def facts_noted(self) -> int:
        """How many facts were told of it by its id since this program started, kept in `log` or not."""
        return self._orders.lives.noted(self.id, self._name.intent_id)

    def events(self) -> AsyncGenerator[Event, None]:
        """Its whole story: what was told so far, then each new fact, until it is over and accounted for.

        ``async for event in order.events()``; steps and fills are `OrderMoved`.
        """
        return story(self, self._orders.record)

    def concerns(self, event: Event) -> bool:
        """Whether a fact is about this order."""
        return self._orders.lives.concerns(event, self.id, self._name.intent_id)

    @property
    def is_over(self) -> bool:
        """Whether it is done and its trades, as far as they came, account for what it filled."""
        return self.is_done and self._is_accounted()

    @property
    def is_done(self) -> bool:
        """Whether nothing can happen to it any more."""
        belief = self.belief
        if belief is not None:
            return belief.is_terminal
        intent = self.intent
        return intent is not None and intent.state in {"refused", "not_sent"}

    @property
    def stop(self) -> Order:
        """The protective stop leg; known once the gateway made it.

        Waiting for one that was not asked for, or changing it, raises `InvalidRequest`.
        """
        return self._leg("stop")

    @property
    def target(self) -> Order:
        """The profit target leg; known once the gateway made it."""
        return self._leg("target")

    def _leg(self, leg: str) -> Order:
        return Order(self._orders, self.account_id, self.contract_id, Name(leg_of=self, leg=leg))

    # -- waiting

    async def filled(self, timeout: float | None = None) -> Order:
        """This order, once it is filled whole, with its trades.

        `timeout` in seconds; None waits until it ends. Raises `NotFilled` when it ends otherwise or time
        runs out (the order itself lives on), `OrderUnresolved` once it is presumed absent. Cancelling the
        wait changes nothing.
        """
        await self._until_over(timeout)
        if self.status is not OrderStatus.FILLED:
            how = "ended as" if self.is_done else "is still"
            msg = (
                f"The order {self.describe()} {how} {self._shown()} with {self.filled_size} filled."
            )
            raise NotFilled(msg, self)
        return self

    async def done(self, timeout: float | None = None) -> Order:
        """This order, once nothing can happen to it any more; raises as `filled` if time runs out first."""
        await self._until_over(timeout)
        if not self.is_done:
            msg = f"The order {self.describe()} is still {self._shown()}."
            raise NotFilled(msg, self)
        return self

    def _check_ordered(self) -> None:
        """Raise `InvalidRequest` for a leg that was never asked for: it would be waited for in vain."""
        entry, leg = self._name.leg_of, self._name.leg
        asked = place_of(entry.intent) if entry is not None else None
        if entry is None or asked is None or self.belief is not None:
            return  # not ours to say, or made by the account's own settings
        bracket = asked.stop_loss_bracket if leg == "stop" else asked.take_profit_bracket
        if bracket is None:
            raise InvalidRequest(
                leg,
                entry.describe(),
                f"was placed without a {leg}.",
                f"Place it with bracket=Bracket({leg}_ticks=40), or send an order of your own.",
            )

    async def _until_over(self, timeout: float | None) -> None:
        check_wait("timeout", timeout)
        self._check_ordered()

        def look() -> bool:
            return self.is_over or self.stage is Stage.PRESUMED_ABSENT

        await self._orders.wait(self, look, timeout)
        if self.stage is Stage.PRESUMED_ABSENT:
            intent = self.intent
            evidence = intent.resolution.evidence if intent and intent.resolution else ()
            msg = f"The order was looked for and not found: {'; '.join(evidence)}."
            raise OrderUnresolved(
                msg,
                self,
                next_step="It is presumed absent; should it appear, it is cancelled and reported.",
                evidence=evidence,
            )

    def _is_accounted(self) -> bool:
        order_id = self.id
        return order_id is None or self._orders.accounted(order_id)

    async def working(self, timeout: float | None = 10.0) -> Order:
        """This order, once the gateway works it (a leg: once the entry filled); else as `done`."""
        check_wait("timeout", timeout)
        self._check_ordered()
        await self._orders.wait(
            self, lambda: self.status is OrderStatus.OPEN or self.is_done, timeout
        )
        if self.status is not OrderStatus.OPEN:
            msg = f"The order {self.describe()} is {self._shown()}, not working."
            raise NotFilled(msg, self)
        return self

    # -- acting

    async def cancel(self) -> Order:
        """This order, once it is over: look at `status`, a fill may have won the race.

        The cancel is repeated until the order has ended. Raises `OrderUnresolved` when that takes longer
        than half a minute, or when the order itself is not found yet (it is then cancelled on sight);
        `GatewayRefused` when it cannot be cancelled.
        """
        self._check_ordered()
        return await self._orders.changes.cancel(self)

    async def modify(
        self,
        *,
        size: int | None = None,
        limit: PriceLike | None = None,
        stop: PriceLike | None = None,
        trail: PriceLike | None = None,
    ) -> Order:
        """This order with other terms, read back from the gateway; what you leave out stays.

        Raises `InvalidRequest` (a new size after a partial fill, too), `ModeRefused`, `GatewayRefused`,
        and `ModifyConflict` when the order then reads neither as it was nor as you wanted it.
        """
        self._check_ordered()
        return await self._orders.changes.modify(
            self, size=size, limit=limit, stop=stop, trail=trail
        )

    async def move(self, price: PriceLike, *, tighten_only: bool = False) -> Order:
        """This order at another price: the stop of a stop, the limit of a limit; waits until it works.

        Moves coalesce: at most one change a second leaves, and the latest price wins, so that trailing at
        every tick does not eat the request budget. With `tighten_only` a stop is never moved away from
        the market: such a move is passed over. Raises as `modify`.
        """
        return await self._orders.changes.move(self, price, tighten_only=tighten_only)

    def describe(self) -> str:
        """One line for messages: side, size, contract, id."""
        belief, asked = self.belief, place_of(self.intent)
        terms = belief.order if belief is not None else asked
        what = f"{terms.side.name} {terms.size} " if terms is not None else ""
        leg = f" ({self._name.leg} leg)" if self._name.leg else ""
        return f"{what}{self._orders.contract_name(self.contract_id)}{leg} id {self.id if self.id is not None else 'unknown'}"

    def __repr__(self) -> str:
        return f"<Order {self.describe()} {self._shown()} filled {self.filled_size}>"

    def _shown(self) -> str:
        """Its status, and before the gateway showed it what is known instead: "ACCEPTED", "NOT_SENT"."""
        return self.status.name if self.belief is not None else self.stage.name
