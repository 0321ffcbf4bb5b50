"""What a card plays on: a gateway of its own, the program, and the questions that a judge asks."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from topstepx.sim.calendar import trading_day
from topstepx.sim.catalogue import ACCOUNTS, NEXT_EXPIRIES, Listing
from topstepx.sim.expiries import unexpired
from topstepx.sim.fault_kinds import Answer, LoseRequest
from topstepx.sim.faults import Fault
from topstepx.sim.server import SimServer
from topstepx.testing.conformance.program import Failed, Program
from topstepx.testing.eventually import eventually
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from topstepx.sim.fault_kinds import What
    from topstepx.sim.venue.truth import Truth
    from topstepx.testing.conformance.program import Said
    from topstepx.wire.models import OrderModel, TradeModel

START_S = 40.0
"""How long a program may take until it is ready to trade."""
ANSWER_S = 45.0
"""How long it may take to answer."""
SETTLE_S = 1.0
"""So long after an answer a second request would have come."""
_FAR_TICKS = 400
_RESULTS = ("accepted", "done", "no", "unknown")


class Stage:
    """One card's gateway and program; `program` is the run that is on now."""

    def __init__(self, command: Sequence[str], folder: Path, *, seed: int = 1) -> None:
        self._command, self._folder = command, folder
        self.sim = SimServer(seed=seed, rate=0.2)
        self.account_id = next(one.id for one in ACCOUNTS if one.name.startswith("PRAC"))
        market, now = self.sim.gateway.market, self.sim.now()
        listing = market.catalogue.front("MNQ", now=now)
        self.contract_id, self.tick_size = listing.id, listing.tick_size
        self.program = Program(command, folder)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.sim)
        self._stack.push_async_callback(self._leave)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _leave(self) -> None:
        await self.program.leave()

    # ------------------------------------------------------------ the program

    async def begin(self) -> None:
        """Start the program and wait until it is ready to trade."""
        await self.program.start()
        said = await self.program.ask(
            "start",
            timeout_s=START_S,
            url=self.sim.url,
            user_hub=f"{self.sim.url}/hubs/user",
            market_hub=f"{self.sim.url}/hubs/market",
            user_name=self.sim.user_name,
            api_key=self.sim.api_key,
            account_id=self.account_id,
            contract_id=self.contract_id,
            tick_size=str(self.tick_size),
            folder=str(self._folder),
        )
        require(said.get("result") == "done", f"start: {_short(said)}")

    async def crash(self) -> None:
        """Kill the program, and start it again with the same folder."""
        await self.program.kill()
        self.program = Program(self._command, self._folder)
        await self.begin()

    async def say(self, do: str, **members: object) -> Said:
        """A command's answer, checked for its form."""
        said = await self.program.ask(do, timeout_s=ANSWER_S, **members)
        result = said.get("result")
        require(result in _RESULTS, f"{do}: its result is {result!r}, not one of {_RESULTS}")
        return said

    async def place(self, key: str = "one", **terms: object) -> Said:
        """Place an order, to buy one contract at the market unless said otherwise."""
        wanted = {"side": "buy", "size": 1, "type": "market", **terms}
        return await self.say("place", key=key, **wanted)

    async def bought(self, key: str = "one", **terms: object) -> OrderModel:
        """An order that must be accepted, without any trouble in the way."""
        before = len(self.made())
        said = await self.place(key, **terms)
        require(said["result"] == "accepted", f"nothing is wrong, and place says {_short(said)}")
        self.honest(said, before + 1)
        return self.truth.order(int(said["order_id"]))

    async def resting(self) -> OrderModel:
        """An order that rests far from the market, and that the program knows to work."""
        order = await self.bought(type="limit", price=str(self.far_price()))
        await self.level()
        return order

    # ------------------------------------------------------------ the gateway

    @property
    def truth(self) -> Truth:
        """The venue's own books."""
        return self.sim.gateway.venue.truth

    def now(self) -> datetime:
        """The simulated time."""
        return self.sim.now()

    def fault(self, where: str, what: What, **when: Any) -> None:  # noqa: ANN401  the members of a fault
        """Let something go wrong from now on; `for_s` ends it."""
        for_s = when.pop("for_s", None)
        if for_s is not None:
            when["until"] = self.now() + timedelta(seconds=for_s)
            when.setdefault("times", None)
        self.sim.gateway.faults.add(Fault(where=where, what=what, **when))
        self.tell()

    def tell(self) -> None:
        """What happened at the venue goes out now."""
        gateway = self.sim.gateway
        gateway.advance(self.now())
        if gateway.on_change is not None:
            gateway.on_change()

    def fill(self, order: OrderModel, size: int = 1) -> None:
        """Fill an order by hand, at its own price."""
        price = order.limit_price or order.stop_price or self.far_price()
        self.sim.gateway.venue.fill(order.id, size, price, self.now())
        self.tell()

    def far_price(self) -> Decimal:
        """Where an order to buy rests and is not reached."""
        gateway = self.sim.gateway
        gateway.market.start(self.contract_id, self.now())
        bid = gateway.feed.top(self.contract_id).bid
        return Decimal(int(bid or 0)) - _FAR_TICKS * self.tick_size

    def inactive_contract_id(self) -> str:
        """A contract that exists and may not be traded yet."""
        now = self.now()
        product = self.sim.gateway.market.catalogue.front("MNQ", now=now).product
        months = unexpired(product.underlying, trading_day(now), NEXT_EXPIRIES)
        return Listing(product, months[-1]).id

    def asked(self, route: str) -> int:
        """How often the program called a route, calls that were lost on the way included."""
        gateway = self.sim.gateway
        arrived = sum(one.route == route for one in gateway.limits.arrivals)
        lost = sum(
            where.lower() == route.lower()
            and (
                isinstance(what, LoseRequest)
                or (isinstance(what, Answer) and what.when == "before")
            )
            for _, where, what in gateway.faults.struck
        )
        return arrived + lost

    def struck(self, kind: type[Any]) -> int:
        """How often a kind of fault struck."""
        return sum(isinstance(what, kind) for _, _, what in self.sim.gateway.faults.struck)

    def made(self) -> list[OrderModel]:
        """The orders that exist because of the program's own requests."""
        ids = [
            order_id
            for one in self.truth.requests
            if one.verb == "place" and one.origin == "api"
            if one.answer.success and (order_id := getattr(one.answer, "order_id", None))
        ]
        orders = [self.truth.order(order_id) for order_id in dict.fromkeys(ids)]
        return [one for one in orders if one.status is not OrderStatus.REJECTED]

    # ------------------------------------------------------------ what a judge asks

    def honest(self, said: Said, expected: int) -> None:
        """What was said of a place is so, and there are as many orders as there may be."""
        made = self.made()
        require(len(made) == expected, f"{len(made)} orders exist instead of {expected}")
        result = said["result"]
        require(result != "done", "place says done: accepted, no or unknown were asked for")
        require(result != "no" or not made, "place says no, and the order exists")
        if result == "accepted":
            require(bool(made), "place says accepted, and there is no order")
            ids = [one.id for one in made]
            require(said.get("order_id") in ids, f"the order is {ids}, not {said.get('order_id')}")

    def sent_once(self) -> None:
        """No place was repeated."""
        asked = self.asked("Order/place")
        require(asked <= 1, f"the order was sent {asked} times, and nobody knew what became of it")

    async def level(self, within_s: float = 15.0) -> None:
        """Position and working orders as the program tells them are the venue's, before long."""

        async def reported() -> None:
            said = await self.say("report")
            net = self.truth.net_size(self.account_id, self.contract_id)
            working = [one.id for one in self.truth.working(self.account_id)]
            told = said.get("position"), said.get("working")
            listed = told[1] if isinstance(told[1], list) else []
            require(listed is told[1], "report: working is no list of order ids")
            same = told[0] == net and sorted(listed, key=str) == sorted(working, key=str)
            require(same, f"it reports {told}, and real is {(net, working)}")

        await _within(reported, within_s)

    async def told_once(self, trades: Sequence[TradeModel], within_s: float = 15.0) -> None:
        """Each of these trades is told, before long, and none twice."""

        async def all_told() -> None:
            told = self.fills()
            missing = [one.id for one in trades if not told[one.id]]
            require(not missing, f"trade {missing} is not told within {within_s:g} s")

        require(bool(trades), "there was no trade: this card tested nothing")
        await _within(all_told, within_s)
        await asyncio.sleep(SETTLE_S)
        twice = [trade_id for trade_id, times in self.fills().items() if times > 1]
        require(not twice, f"trade {twice} was told more than once")

    def fills(self) -> Counter[int]:
        """How often the program told each trade."""
        return self.told("fill")

    def told(self, event: str) -> Counter[int]:
        """How often it told an event of each trade."""
        ids = (one.get("trade_id") for one in self.program.told if one["event"] == event)
        return Counter(one for one in ids if isinstance(one, int))

    async def trades(self, count: int, within_s: float = 10.0) -> list[TradeModel]:
        """The account's trades, once the venue has so many."""

        async def there() -> None:
            found = len(self.truth.trades(self.account_id))
            require(found >= count, f"{found} trades happened instead of {count}")

        await _within(there, within_s)
        return self.truth.trades(self.account_id)


def require(holds: bool, reason: str) -> None:  # noqa: FBT001  the condition reads first
    """Raise `Failed` unless it holds."""
    if not holds:
        raise Failed(reason)


async def _within(check: Callable[[], Awaitable[None]], within_s: float) -> None:
    try:
        await eventually(check, timeout_s=within_s, every_s=0.25)
    except AssertionError as error:
        raise (error.__cause__ if isinstance(error.__cause__, Failed) else error) from None


def _short(said: Said) -> str:
    why = f": {said['why']}" if said.get("why") else ""
    return f"{said.get('result')}{why}"[:300]
