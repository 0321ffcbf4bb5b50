"""One trader, one contract, one gateway whose faults are planned; audited when it is left."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.cards import audit
from topstepx.core.terms import Limit
from topstepx.errors import TopstepxError
from topstepx.events import AlarmRaised, Event, ModeCauseAdded
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.pair import START, Pair
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from decimal import Decimal

    from topstepx.core.ledger import Ledger
    from topstepx.desk.contracts import Contract
    from topstepx.desk.order import Order
    from topstepx.wire.enums import OrderStatus
    from topstepx.wire.models import AccountModel, OrderModel, Request

PLACE, CANCEL, MODIFY = "Order/place", "Order/cancel", "Order/modify"
CLOSE, PARTIAL = "Position/closeContract", "Position/partialCloseContract"
QUERY = "Order/v2/query"


class World:
    """What a card works with."""

    def __init__(self, pair: Pair, account: AccountModel, contract: Contract) -> None:
        self.pair, self.account, self.contract = pair, account, contract
        self.desk: Any = pair.tsx.desk(account, contract)
        self.facts: list[Event] = []
        self.told: dict[str, audit.Told] = {}
        self.audited = True
        self.at_most = 1
        self._asked = 0
        pair.tsx._record.listen(lambda event, _: self.facts.append(event))

    @property
    def ledger(self) -> Ledger:
        return self.pair.tsx._record.ledger

    @property
    def tsx(self) -> Any:  # noqa: ANN401  tests look into it freely
        return self.pair.tsx

    @property
    def net(self) -> int:
        """The venue's own position."""
        return self.pair.truth.net_size(self.account.id, self.contract.id)

    @property
    def working(self) -> list[OrderModel]:
        """The venue's own living orders."""
        return self.pair.truth.working(self.account.id)

    def alarms(self, name: str | None = None) -> list[AlarmRaised]:
        found = [fact for fact in self.facts if isinstance(fact, AlarmRaised)]
        return [alarm for alarm in found if name in {None, alarm.name}]

    def causes(self) -> set[str]:
        return {fact.reason for fact in self.facts if isinstance(fact, ModeCauseAdded)}

    def standing(self) -> set[str]:
        """The causes that stand now, on the account or its contract."""
        causes = self.ledger.modes.causes(self.account.id, everything=True)
        return {cause.reason for cause in causes}

    def break_(self, where: str, what: Any, **how: Any) -> Any:  # noqa: ANN401  any kind of fault
        return self.pair.faults.add(Fault(where=where, what=what, **how))

    def requests(self, verb: str) -> int:
        """How many mutating requests of a kind reached the venue, ours only."""
        seen = self.pair.truth.requests
        return sum(one.verb == verb and one.origin == "api" for one in seen)

    def market(self) -> Decimal:
        self.pair.gateway.market.start(self.contract.id, self.pair.world.now())
        top = self.pair.gateway.feed.top(self.contract.id)
        assert top.bid is not None
        return top.bid

    def far_below(self, points: int = 200) -> Limit:
        """A price at which a buy rests."""
        return Limit(self.contract.floor(self.market() - points))

    def far_above(self, points: int = 200) -> Limit:
        return Limit(self.contract.ceil(self.market() + points))

    async def buy(self, size: int = 2, **parts: Any) -> Any:  # noqa: ANN401  an Order whose parts tests take for known
        """Place, and remember what was told."""
        self._asked += 1
        key = parts.setdefault("key", f"card {self._asked}")
        parts.setdefault("at", self.far_below())
        try:
            order = await self.tsx.orders.place(
                self.account, self.contract, parts.pop("side", Side.BUY), size, **parts
            )
        except TopstepxError as error:
            mine = self.ledger.intent_by_key(self.account.id, key) if isinstance(key, str) else None
            if mine is not None and mine.recorded is not None and mine.recorded.tag is not None:
                said: audit.Told = "no" if error.did_it_happen == "no" else "unknown"
                self.told.setdefault(mine.recorded.tag, said)  # a used key is told about once
            raise
        assert order.tag is not None
        self.told[order.tag] = "accepted"
        return order

    def others(self, verb: str, request: Request) -> None:
        """Another program's request on the same account."""
        gateway, now = self.pair.gateway, self.pair.world.now()
        gateway.market.start(self.contract.id, now)
        getattr(gateway.venue, verb)(request, now, origin="other")
        if gateway.on_change is not None:
            gateway.on_change()

    def status(self, order: Order) -> OrderStatus:
        """The status of an order, looked at anew."""
        return order.status

    def fill(self, order_id: int, size: int, price: Decimal | None) -> None:
        """The market fills an order, whatever it quotes."""
        assert price is not None
        self.pair.gateway.venue.fill(order_id, size, price, self.pair.world.now())

    async def use_up(self) -> None:
        """Place orders until one is refused."""
        for number in range(200):
            await self.buy(1, at=self.far_below(200 + number))

    def check(self) -> None:
        """The audit."""
        counted = audit.executions(self.ledger, self.pair.truth, at_most=self.at_most)
        audit.words(self.told, counted)


@asynccontextmanager
async def world(
    *,
    account: str = "PRAC-V2-600001-47190001",
    limited: bool = False,
    **parts: Any,  # noqa: ANN401  passed on to the pair
) -> AsyncIterator[World]:
    """A pair, ready to trade MNQ on the practice account."""
    gateway = parts.pop("gateway", None) or Gateway.build(
        at=START, seed=1, limited=limited, rate=0.1
    )
    async with Pair(gateway=gateway, **parts) as pair:
        found = await pair.tsx.accounts.exact(account)
        contract = await pair.tsx.contracts.front("MNQ")
        here = World(pair, found, contract)
        await pair.tsx.ready(found)
        gateway.market.start(contract.id, pair.world.now())
        yield here
        if here.audited:
            here.check()
