"""Random days at the venue, and the auditor that checks them after every step."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support.pit import ACCOUNT_ID, MNQ, Pit
from topstepx.sim.venue.money import shown_price
from topstepx.sim.venue.orders import FINAL, NEXT
from topstepx.wire.enums import OrderStatus, OrderType, Side, TradeLogType
from topstepx.wire.models import OrderModel, PositionModel, TradeModel

if TYPE_CHECKING:
    from random import Random

    from topstepx.sim.venue import VenueEvent
    from topstepx.wire.models import PlaceAnswer

PRICED = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.JOIN_BID, OrderType.JOIN_ASK)
TICKS = st.integers(-12, 12)
SIDES = st.sampled_from([Side.BUY, Side.SELL])
LEG = st.sampled_from([None, 4, 6, 20])

STEPS = st.one_of(
    st.tuples(st.just("quote"), TICKS, st.integers(1, 4), st.integers(0, 6)),
    st.tuples(st.just("print"), TICKS, st.integers(1, 8), SIDES),
    st.tuples(
        st.just("place"),
        st.sampled_from([OrderType(kind) for kind in range(1, 8)]),
        SIDES,
        st.integers(1, 5),
        TICKS,
        TICKS,
        LEG,
        LEG,
        st.booleans(),
        st.integers(0, 9),
    ),
    st.tuples(st.just("modify"), st.integers(0, 9), TICKS, st.integers(1, 6), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("close"), st.integers(0, 6)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 8, 30])),
)
SWITCHES = st.fixed_dictionaries(
    {},
    optional={
        "market_fill_ms": st.sampled_from([0, 8]),
        "bracket_wake_ms": st.sampled_from([0, 18]),
        "cancel_ms": st.sampled_from([0, 20]),
        "stop_trigger": st.sampled_from(["trade", "quote", "trade_or_quote"]),
        "bracket_wakes": st.sampled_from(["complete", "each_fill"]),
        "oco_on_partial": st.sampled_from(["reduce", "cancel"]),
        "exit_cancels_legs": st.sampled_from(["never", "when_flat", "long_only"]),
        "modify_suspended": st.sampled_from(["refuse", "accept"]),
        "cancel_leg_cancels_sibling": st.booleans(),
        "close_cancels_orders": st.booleans(),
        "duplicate_tag_order": st.sampled_from(["untagged", "none"]),
    },
)
VOIDED = 0.2
PIECES = st.sampled_from([None, 1, 2])


def drawn(rng: Random) -> tuple[Any, ...]:
    """One step of a long day: mostly market, so that what was placed meets it."""
    side = rng.choice([Side.BUY, Side.SELL])
    legs = [None, 4, 6, 20]
    return rng.choice(
        [
            ("quote", rng.randint(-4, 4), rng.randint(1, 3), rng.randint(0, 6)),
            ("quote", rng.randint(-12, 12), rng.randint(1, 3), rng.randint(1, 6)),
            ("print", rng.randint(-4, 4), rng.randint(1, 8), side),
            ("wait", rng.choice([1, 8, 30])),
            (
                "place",
                OrderType(rng.randint(1, 7)),
                side,
                rng.randint(1, 5),
                rng.randint(-8, 8),
                rng.randint(1, 12) * side.sign,
                rng.choice(legs),
                rng.choice(legs),
                rng.random() < 0.2,  # soon a used tag, so there are refusals
                rng.randint(0, 9),
            ),
            (
                "modify",
                rng.randint(0, 9),
                rng.randint(-8, 8),
                rng.randint(1, 6),
                rng.random() < 0.5,
            ),
            ("cancel", rng.randint(0, 9)),
            ("close", rng.randint(0, 6)),
            ("void", rng.randint(0, 9)) if rng.random() < VOIDED else ("wait", 1),
        ]
    )


class Storm:
    """One day: runs steps and audits after each."""

    def __init__(self, switches: dict[str, Any], pieces: int | None) -> None:
        self.pit = Pit(**switches)
        self.pit.venue.faults.max_fill_size = pieces
        self.start_balance = self.pit.balance
        self.middle = 400  # ticks: 100.00
        self.told: dict[int, OrderModel] = {}
        self.told_position: PositionModel | None = None
        self.wished: dict[int, tuple[int | None, int | None]] = {}
        self.trails: dict[int, Decimal] = {}

    def price(self, ticks: int) -> Decimal:
        """A price so many ticks from the middle of the market."""
        return MNQ.points(self.middle + ticks)

    # ---------------------------------------------------------------- steps

    def run(self, step: tuple[Any, ...]) -> None:
        """Do one step and audit."""
        getattr(self, "_" + step[0])(*step[1:])
        self.hear(self.pit.events())
        self.audit()

    def _quote(self, move: int, spread: int, size: int) -> None:
        self.middle += move
        self.pit.quote(self.price(0), self.price(spread), size=size)  # type: ignore[arg-type]  # decimals are fine

    def _print(self, move: int, volume: int, side: Side) -> None:
        self.pit.trade(self.price(move), volume, TradeLogType(side.value))  # type: ignore[arg-type]  # decimals are fine

    def _place(
        self,
        kind: OrderType,
        side: Side,
        size: int,
        first: int,
        second: int,
        stop: int | None,
        target: int | None,
        tagged: bool,
        tag: int,
    ) -> None:
        answer: PlaceAnswer = self.pit.place(
            kind,
            side,
            size,
            limit=self.price(first),
            stop=self.price(second),
            trail=self.price(second),
            stop_ticks=None if stop is None else -stop * side.sign,
            target_ticks=None if target is None else target * side.sign,
            tag=f"tag{tag}" if tagged else None,
            stop_type=OrderType.TRAILING_STOP if tag % 2 else OrderType.STOP,
        )
        assert answer.error_code in {0, 2}
        if answer.success and answer.order_id is not None:
            self.wished[answer.order_id] = (
                None if stop is None else -stop * side.sign,
                None if target is None else target * side.sign,
            )

    def _known(self, choice: int) -> int | None:
        known = list(self.told)
        return known[-1 - choice % len(known)] if known else None

    def _modify(self, choice: int, ticks: int, size: int, resize: bool) -> None:
        order_id = self._known(choice)
        if order_id is None:
            return
        parts: dict[str, Any] = {"size": size} if resize else {}
        if resize and self.told[order_id].parent_order_id is not None:
            return  # a leg of another size is no longer bound by its entry's
        price = self.price(ticks)
        self.trails.pop(order_id, None)
        self.pit.modify(order_id, limit_price=price, stop_price=price, trail_price=price, **parts)

    def _cancel(self, choice: int) -> None:
        order_id = self._known(choice)
        if order_id is not None:
            self.pit.cancel(order_id)

    def _close(self, size: int) -> None:
        if size:
            self.pit.close_part(size)
        else:
            self.pit.close()

    def _void(self, choice: int) -> None:
        trades = self.pit.venue.truth.all_trades
        if trades:
            self.pit.venue.void_trade(trades[-1 - choice % len(trades)].id, self.pit.now)

    def _wait(self, milliseconds: int) -> None:
        self.pit.pass_ms(milliseconds)

    # ---------------------------------------------------------------- the auditor

    def hear(self, events: list[VenueEvent]) -> None:
        """Follow the events as a client would; they must be legal and in time order."""
        for earlier, later in pairwise(events):
            assert earlier.at <= later.at
        for event in events:
            if isinstance(event.model, OrderModel):
                before = self.told.get(event.model.id)
                was = before.status if before else OrderStatus.NONE
                now = event.model.status
                assert now in NEXT[was] or (now is was and was not in FINAL)
                if was is OrderStatus.SUSPENDED and now is OrderStatus.OPEN:
                    self.audit_woken(event.model)
                self.told[event.model.id] = event.model
            elif isinstance(event.model, TradeModel):
                if not event.model.voided:
                    self.audit_limit(event.model)
            elif isinstance(event.model, PositionModel):
                self.told_position = event.model

    def audit(self) -> None:
        """Everything that must hold at any time."""
        truth = self.pit.venue.truth
        everything = truth.trades(ACCOUNT_ID)
        trades = [trade for trade in everything if not trade.voided]
        orders = {order.id: order for order in truth.orders(ACCOUNT_ID)}
        assert self.pit.net == sum(trade.side.sign * trade.size for trade in trades)
        paid = sum((t.fees + (t.commissions or 0) for t in trades), Decimal(0))
        earned = sum((t.profit_and_loss or Decimal(0) for t in trades), Decimal(0))
        assert self.pit.balance == self.start_balance + earned - paid
        if self.pit.net == 0:
            spent = sum((t.side.sign * t.size * t.price for t in trades), Decimal(0))
            assert earned == -spent * MNQ.point_value
        filled: dict[int, int] = defaultdict(int)
        cost: dict[int, Decimal] = defaultdict(Decimal)
        for trade in everything:
            filled[trade.order_id] += trade.size
            cost[trade.order_id] += trade.size * trade.price
        for order in orders.values():
            self.audit_order(order, filled[order.id], cost[order.id])
        tags = [order.custom_tag for order in orders.values() if order.custom_tag]
        assert len(tags) == len(set(tags))
        self.audit_legs(orders)
        self.audit_told(orders)

    def audit_limit(self, trade: TradeModel) -> None:
        """No fill is worse than the limit that the order had at that moment."""
        order = self.told[trade.order_id]
        if order.type in PRICED:
            assert order.limit_price is not None
            assert (order.limit_price - trade.price) * order.side.sign >= 0

    def audit_order(self, order: OrderModel, filled: int, cost: Decimal) -> None:
        """Fills add up, the average is exact, a trailing stop moves one way."""
        assert order.fill_volume == filled <= order.size
        assert (order.status is OrderStatus.FILLED) == (filled == order.size)
        if filled:
            assert order.filled_price == shown_price(Fraction(cost) / filled)
        if order.type is OrderType.TRAILING_STOP and order.stop_price is not None:
            level = self.trails.setdefault(order.id, order.stop_price)
            assert (level - order.stop_price) * order.side.sign >= 0
            self.trails[order.id] = order.stop_price

    def audit_woken(self, leg: OrderModel) -> None:
        """A leg wakes after its entry's fill, on the other side, as far from it as was wished."""
        entry = self.told[leg.parent_order_id or 0]
        stop_ticks, target_ticks = self.wished[entry.id]
        is_target = leg.type is OrderType.LIMIT
        ticks, price = (
            (target_ticks, leg.limit_price) if is_target else (stop_ticks, leg.stop_price)
        )
        assert entry.fill_volume > 0
        assert entry.filled_price is not None
        assert (leg.side, leg.size) == (entry.side.opposite, entry.fill_volume)
        assert ticks is not None
        assert price is not None
        wished = entry.filled_price + ticks * MNQ.tick_size
        assert abs(price - wished) <= MNQ.tick_size / 2

    @staticmethod
    def audit_legs(orders: dict[int, OrderModel]) -> None:
        """Both legs together never trade more than their entry did."""
        by_entry: dict[int, int] = defaultdict(int)
        for order in orders.values():
            if order.parent_order_id is not None:
                by_entry[order.parent_order_id] += order.fill_volume
        for entry_id, filled in by_entry.items():
            assert filled <= orders[entry_id].fill_volume

    def audit_told(self, orders: dict[int, OrderModel]) -> None:
        """Whoever only listens knows all; only a trailing stop moves in silence."""
        for order_id, order in orders.items():
            if order.type is not OrderType.TRAILING_STOP:
                assert self.told[order_id] == order
            else:
                assert self.told[order_id].status is order.status
        size = self.told_position.size if self.told_position else 0
        assert size == abs(self.pit.net)
