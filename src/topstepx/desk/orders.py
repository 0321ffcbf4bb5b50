"""Orders: placed at most once, followed through the ledger, changed and cancelled with a look after."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from topstepx.core.given import named
from topstepx.core.lanes import Lane
from topstepx.core.moments import aware
from topstepx.core.terms import place_request
from topstepx.desk.authority import check_may_trade
from topstepx.desk.entry_gate import EntryGate
from topstepx.desk.order import Name, Order
from topstepx.desk.placed import Placed
from topstepx.desk.state import check_read
from topstepx.desk.used_keys import other_terms, used_up
from topstepx.desk.waiting import until
from topstepx.desk.wishes import wishes_of
from topstepx.desk.write import Intent
from topstepx.errors import (
    AnswerUnusable,
    InvalidRequest,
    NotSent,
    TopstepxError,
)
from topstepx.events import OrderObserved
from topstepx.wire import models, routes
from topstepx.wire.models import OrderModel, PlaceRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.core.ledger import Ledger
    from topstepx.core.resolve import Looking
    from topstepx.core.terms import Bracket, CancelRest
    from topstepx.desk.accounts import Account, AccountLike, Accounts
    from topstepx.desk.contracts import Contract, Contracts
    from topstepx.desk.lives import Lives
    from topstepx.desk.order_changes import OrderChanges
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.desk.resolver import Resolver
    from topstepx.desk.wishes import Wishes
    from topstepx.desk.write import Writer
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings
    from topstepx.wire.enums import Side

_END_STATE_S = 10.0


class _AlreadyPlaced(TopstepxError):
    """The key got its order while we were getting ready."""

    def __init__(self, order: Order) -> None:
        self.order = order
        super().__init__("this key already has an order")


class Orders:
    """`tsx.orders`."""

    def __init__(  # noqa: PLR0917  the parts that an order passes through
        self,
        accounts: Accounts,
        contracts: Contracts,
        record: Record,
        recovery: Recovery,
        writer: Writer,
        resolver: Resolver,
        rest: Rest,
        lives: Lives,
        settings: Settings,
    ) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._record = record
        self._recovery = recovery
        self._writer = writer
        self._resolver = resolver
        self._rest = rest
        self._settings = settings
        self._placed = Placed(record, resolver, settings)
        self._lives = lives
        self.is_closed = False
        """Whether the client was left; set by who leaves it."""
        self._gate = EntryGate(record, settings, self.of_intent)
        self.check_growth = self._gate.check_growth
        self.check_again = self._gate.check_again
        self.changes: OrderChanges  # set by who builds both
        self.accounted: Callable[[int], bool] = self.ledger.is_complete

    def end_entries(self) -> None:
        """The client is being left: from here on nothing enters, on whatever task."""
        self._gate.is_leaving = True

    @property
    def ledger(self) -> Ledger:
        """What is believed."""
        return self._record.ledger

    # -- placing

    async def place(
        self,
        account: AccountLike,
        contract: Contract | str,
        side: Side,
        size: int,
        *,
        at: object,
        bracket: Bracket | None = None,
        key: str | None = None,
        label: str | None = None,
        remainder: CancelRest | None = None,
        allow_duplicate: bool = False,
    ) -> Order:
        """Place one order and give its handle once the gateway accepted it.

        `at` says how it is priced (`Market()`, `Limit("…")`, …) and is never optional. `key` is your own
        name for this intent: the same key gives the same order back and never makes a second. A key whose
        order was refused, not sent or not found is used up: it raises the same error again. `label` is
        your free text for it, such as the strategy: 1 to 200 characters, kept in the journal with the
        order (`order.label`), never sent, and no part of what makes an order another one.
        `remainder` says what becomes of the rest of a partial fill (None: it stays). Without
        `allow_duplicate` the same contract, side, size and price again within two seconds is refused.

        Raises before anything leaves: `InvalidRequest`, `TradingDisabled`, `ModeRefused`,
        `AccountCannotTrade`, `ExitUnavailable`, `DuplicateOrder`, `LimitRefused`, `RateLimited`,
        `BreakerOpen`, `DeadlinePassed`, `RecordUnavailable`. `OrderRefused`: the gateway said no.
        `OrderUnresolved`: it may exist; watch its `.order`, do not send another. Cancelling the call does
        not stop an order that has begun to leave: find it by its key.
        """
        self.check_may_trade()
        decided_ns = self._record.now_ns()
        account_ = await self._accounts.exact(account)
        contract_ = await self._contracts.one(contract)
        intent_id, tag = self._writer.name()
        request = place_request(
            account_id=account_.id,
            contract=contract_.model,
            side=side,
            size=size,
            at=at,
            bracket=bracket,
            custom_tag=tag,
        )
        wishes = wishes_of(contract_, key=key, label=label, bracket=bracket, remainder=remainder)
        _check_active(contract_)
        if (existing := self._existing(request, wishes)) is not None:
            return await self._again(account_, existing, key)
        await self._recovery.ensure(account_)

        def guard() -> None:
            if (twin := self._existing(request, wishes)) is not None:
                raise _AlreadyPlaced(twin)
            self._gate.check(request, contract_.name, allow_duplicate=allow_duplicate)
            self._gate.passed(request, intent_id)

        intent = self._intent(request, intent_id, decided_ns, wishes)
        try:
            sent = await self._writer.write(intent, guard)
        except _AlreadyPlaced as twin:
            return await self._placed.again(twin.order, key)
        except TopstepxError as error:
            if (
                self.ledger.intent(intent_id) is not None
            ):  # it was written down, and with it its key
                used_up(error, key)
            raise
        order = Order(self, account_.id, contract_.id, Name(intent_id=intent_id))
        return await self._placed.first(order, intent_id, sent, key)

    async def _again(self, account: Account, existing: Order, key: str | None) -> Order:
        if existing.intent is not None and existing.intent.is_open:
            # What an earlier run left open is looked for from here on, not only after `ready`.
            await self._recovery.ensure(account)
        return await self._placed.again(existing, key)

    def _intent(
        self, request: PlaceRequest, intent_id: str, decided_ns: int, wishes: Wishes
    ) -> Intent:
        timeouts = self._settings.timeouts
        return Intent(
            action="place",
            route=routes.PLACE,
            request=request,
            account_id=request.account_id,
            lane=Lane.ORDER,
            send_within_s=timeouts.order_deadline_s,
            decided_ns=decided_ns,
            timeout_s=timeouts.place_s,
            contract_id=request.contract_id,
            intent_id=intent_id,
            tag=request.custom_tag,
            recheck=lambda: self._gate.recheck(request),
            wishes=wishes,
        )

    def _existing(self, request: PlaceRequest, wishes: Wishes) -> Order | None:
        """The order that already carries this key; raises `InvalidRequest` if its terms are others."""
        key, account_id = wishes.key, request.account_id
        intent = self.ledger.intent_by_key(account_id, key) if key is not None else None
        if intent is None:
            return None
        others = other_terms(intent, request, wishes)
        if others:
            raise InvalidRequest(
                "key",
                key,
                f"already names an order with other terms: {'; '.join(others)}.",
                "Use another key, or the same terms.",
            )
        return Order(self, account_id, request.contract_id, Name(intent_id=intent.intent_id))

    def check_may_trade(self) -> None:
        """Raise `TradingDisabled` where orders must not leave, `NotSent` once the client is closed."""
        if self.is_closed:
            msg = "Nothing was sent: this client is closed."
            raise NotSent(msg, next_step="Connect again.")
        check_may_trade(self._settings)

    def looking(self, intent_id: str) -> Looking | None:
        """How far the search for an order has come; None when its answer was not lost."""
        return self._resolver.looking(intent_id)

    def of_intent(self, intent_id: str) -> Order | None:
        """The handle of an intent's order."""
        intent = self.ledger.intent(intent_id)
        if intent is None or intent.recorded is None or intent.recorded.contract_id is None:
            return None
        name = Name(intent_id=intent_id)
        return Order(self, intent.account_id, intent.recorded.contract_id, name)

    # -- looking

    def get(
        self, account: AccountLike, *, key: str | None = None, order_id: int | None = None
    ) -> Order | None:
        """The order with this key or id, from what is known here; None if there is none."""
        account_id = self._account_id(account)
        intent = (
            self.ledger.intent_by_key(account_id, named("key", key)) if key is not None else None
        )
        if intent is not None:
            return self.of_intent(intent.intent_id)
        belief = self.ledger.order(order_id) if order_id is not None else None
        if belief is None or belief.order.account_id != account_id:
            return None
        return self.handle(belief.order)

    def working(self, account: AccountLike) -> tuple[Order, ...]:
        """Every order of the account that may still do something, from what is known here.

        Raises `NotReady` before the account was read: not knowing any is not having none.
        """
        account_id = self._account_id(account)
        check_read(self.ledger, account_id)
        return tuple(self.handle(belief.order) for belief in self.ledger.working(account_id))

    async def open(self, account: AccountLike) -> tuple[OrderModel, ...]:
        """Live orders as the gateway lists them now, suspended bracket legs included.

        These are records; `handle(record)` gives the order that can be cancelled, moved and waited for.
        """
        account_ = await self._accounts.exact(account)
        return await self._recovery.live_orders(account_.id)

    async def history(
        self, account: AccountLike, *, start: datetime, end: datetime | None = None
    ) -> tuple[OrderModel, ...]:
        """Orders created in a time span, oldest first, as the gateway lists them now.

        The gateway leaves suspended bracket legs out of this list (verified).
        """
        aware("start", start)
        if end is not None:
            aware("end", end)
        account_ = await self._accounts.exact(account)
        answer = await self._rest.call(
            routes.ORDER_SEARCH,
            models.OrderSearchRequest(
                account_id=account_.id, start_timestamp=start, end_timestamp=end
            ),
            lane=Lane.READ,
            timeout_s=self._settings.timeouts.read_s,
        )
        rows = answer.orders if isinstance(answer.orders, list) else []
        return tuple(sorted(rows, key=lambda order: (order.creation_timestamp, order.id)))

    def _account_id(self, account: AccountLike) -> int:
        return self._accounts.known(account).id

    def handle(self, order: OrderModel) -> Order:
        """The handle of an order that was seen, such as one of `open`."""
        given: object = order
        if not isinstance(given, OrderModel):
            step = "Give one of await tsx.orders.open(account), or use get(account, key=…)."
            raise InvalidRequest("order", given, "must be the record of an order.", step)
        intent = (
            self.ledger.intent_by_tag(order.account_id, order.custom_tag)
            if order.custom_tag
            else None
        )
        intent_id = intent.intent_id if intent is not None else None
        return Order(
            self, order.account_id, order.contract_id, Name(order_id=order.id, intent_id=intent_id)
        )

    def contract(self, contract_id: str) -> Contract:
        """The contract of an order."""
        return self._contracts.known(contract_id)

    async def find_contract(self, contract_id: str) -> Contract:
        """The contract of an order, read from the gateway if it was not before."""
        return await self._contracts.one(contract_id)

    def contract_name(self, contract_id: str) -> str:
        """Its name, or its id while it was not looked up."""
        return self._contracts.name_of(contract_id)

    # -- following

    async def wait(self, order: Order, look: Callable[[], bool], timeout_s: float | None) -> None:
        """Return when `look` is true or time ran out, asking the gateway itself now and then."""
        await until(
            self._record,
            lambda: True if look() else None,
            timeout_s=timeout_s,
            ask=lambda: self.refresh(order),
        )

    async def refresh_quietly(self, order: Order) -> None:
        """The same as `refresh`, where not reaching the gateway changes nothing."""
        with contextlib.suppress(TopstepxError):
            await self.refresh(order)

    @property
    def lives(self) -> Lives:
        """The logs of all orders."""
        return self._lives

    @property
    def record(self) -> Record:
        """Where facts become true."""
        return self._record

    async def refresh(self, order: Order) -> None:
        """Read the order (and, for a leg, its siblings) from the gateway into the ledger."""
        if order.id is None:
            await self._recovery.snapshot(order.account_id)
            return
        at = self._record.stamp()
        answer = await self._rest.call(
            routes.ORDER_BY_ID,
            models.OrderByIdRequest(account_id=order.account_id, order_id=order.id),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.order, OrderModel):
            msg = "Order/searchById answered without an order."
            raise AnswerUnusable(msg, route="Order/searchById", status=200, did_it_happen="no")
        self._record.commit(OrderObserved(at=at, order=answer.order))
        if answer.order.fill_volume and not self.ledger.is_complete(order.id):
            await self._recovery.read_trades(order.account_id)


def _check_active(contract: Contract) -> None:
    if not contract.is_active:
        raise InvalidRequest(
            "contract", contract.name, "does not trade now.", "Use contracts.front(product)."
        )
