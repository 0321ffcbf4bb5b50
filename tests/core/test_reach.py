"""How far a position could go: never less than what the venue could do, whatever is told late or never."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ACCOUNT, MNQ, at, intent, order, position, trade
from topstepx import events
from topstepx.core.ledger import Ledger
from topstepx.core.reach import Reach, reach_with
from topstepx.wire import codec
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import OrderModel, PlaceRequest

if TYPE_CHECKING:
    import random

    from topstepx.wire.models import TradeModel


def asked(side: Side, size: int = 1, tag: str | None = None) -> PlaceRequest:
    return PlaceRequest(
        account_id=ACCOUNT,
        contract_id=MNQ,
        type=OrderType.MARKET,
        side=side,
        size=size,
        custom_tag=tag,
    )


def listed(seconds: float, *held: int) -> events.PositionsListed:
    moment, rows = at(seconds), tuple(position(net) for net in held)
    return events.PositionsListed(account_id=ACCOUNT, positions=rows, at=moment, server_at=moment)


def reach(ledger: Ledger, side: Side, size: int = 1, seconds: float = 60) -> Reach | None:
    return reach_with(ledger, asked(side, size), watched=timedelta(days=1), now=at(seconds))


def contracts(ledger: Ledger, side: Side, size: int = 1) -> int:
    found = reach(ledger, side, size)
    assert found is not None
    return found.contracts


def test_a_position_that_was_never_read_is_not_zero() -> None:
    ledger = Ledger()
    assert reach(ledger, Side.BUY) is None
    ledger.apply(events.PositionObserved(position=position(1), at=at(0), source="hub"))
    assert reach(ledger, Side.BUY) is None
    ledger.apply(listed(1))
    assert contracts(ledger, Side.BUY) == 1


def test_only_what_is_on_the_same_side_adds() -> None:
    ledger = Ledger()
    ledger.apply(listed(0, 2))
    ledger.apply(events.OrderObserved(order=order(1, size=3), at=at(1)))
    assert contracts(ledger, Side.BUY) == 6
    assert contracts(ledger, Side.SELL, 2) == 0
    assert contracts(ledger, Side.SELL, 3) == 1


def test_legs_whose_entry_was_read_before_the_first_position_may_be_awake() -> None:
    ledger = Ledger()
    entry = order(7, size=3)
    leg = order(8, size=3, side=Side.SELL, status=OrderStatus.SUSPENDED, parent_order_id=7)
    for one in (entry, leg):
        ledger.apply(events.OrderObserved(order=one, at=at(1)))
    ledger.apply(listed(2, -1))
    assert contracts(ledger, Side.SELL) == 5, "the position was -4, and the entry has filled since"
    ledger.apply(events.OrderObserved(order=entry, at=at(3)))
    ledger.apply(listed(4, -1))
    assert contracts(ledger, Side.SELL) == 2, "it was read again, and had not"


def test_a_trade_ahead_of_its_orders_report_counts_once() -> None:
    ledger = Ledger()
    ledger.apply(listed(0))
    ledger.apply(events.OrderObserved(order=order(7, size=3), at=at(1)))
    done = trade(1, order_id=7, size=2, creation_timestamp=at(2))
    ledger.apply(events.TradeObserved(trade=done, at=at(2), source="hub"))
    assert contracts(ledger, Side.BUY) == 4


def test_an_accepted_order_that_nobody_has_shown_counts() -> None:
    ledger = Ledger()
    ledger.apply(listed(0))
    body = codec.encode(asked(Side.BUY, 2, "T1A")).decode()
    ledger.apply(intent("A", 1, body=body, tag="T1A"))
    accepted = events.IntentAnswered(
        intent_id="A", account_id=ACCOUNT, outcome="accepted", order_id=9, at=at(2)
    )
    ledger.apply(accepted)
    found = reach(ledger, Side.BUY)
    assert found is not None
    assert (found.contracts, found.unseen) == (3, 1)
    seen = order(9, size=2, custom_tag="T1A", update_timestamp=at(2))
    ledger.apply(events.OrderObserved(order=seen, at=at(3)))
    found = reach(ledger, Side.BUY)
    assert found is not None
    assert (found.contracts, found.unseen) == (3, 0)


# ---------------------------------------------------------------- never beyond


def test_a_gateway_whose_clock_runs_ahead_swallows_no_fill() -> None:
    ledger = Ledger()
    ahead = msgspec.structs.replace(listed(0), server_at=at(100))
    ledger.apply(ahead)
    told = trade(1, size=2, creation_timestamp=at(5))
    ledger.apply(events.TradeObserved(trade=told, at=at(5), source="hub"))
    assert contracts(ledger, Side.BUY) == 3


class Venue:
    """A venue whose words come late, out of order, or not at all, and whose lists lag."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now_s = 0.0
        self.ledger = Ledger()
        self.net = 0
        self.orders: dict[int, OrderModel] = {}
        self.trades: list[TradeModel] = []
        self.history: list[tuple[float, int]] = [(-1000.0, 0)]
        self.post: list[tuple[float, events.Event]] = []
        self.lost = {
            kind: chance.choice([0.0, 0.3, 1.0]) for kind in ("order", "trade", "position")
        }
        self.late_s = chance.choice([0.0, 0.5, 8.0])
        self.look(lag_s=0.0)

    # -- what it does

    def place(self) -> None:
        number, size = 100 + len(self.orders), self.chance.randint(1, 3)
        side = self.chance.choice([Side.BUY, Side.SELL])
        tag, name = f"T1TAG{number}", f"I{number}"
        request = asked(side, size, tag)
        body = codec.encode(request).decode()
        self.tell(intent(name, self.now_s, body=body, tag=tag))
        self.orders[number] = order(
            number, side=side, size=size, custom_tag=tag, update_timestamp=at(self.now_s)
        )
        self.say("order", events.OrderObserved(order=self.orders[number], at=at(0), source="hub"))
        if self.chance.random() < 0.8:
            self.tell(
                events.IntentAnswered(
                    intent_id=name,
                    account_id=ACCOUNT,
                    outcome="accepted",
                    order_id=number,
                    at=at(self.now_s),
                )
            )

    def fill(self) -> None:
        live = [one for one in self.orders.values() if not one.status.is_terminal]
        if not live:
            return
        old = self.chance.choice(live)
        size = self.chance.randint(1, old.size - old.fill_volume)
        filled = old.fill_volume + size
        status = OrderStatus.FILLED if filled == old.size else OrderStatus.OPEN
        self._change(old, status=status, fill_volume=filled)
        made = trade(
            len(self.trades) + 1,
            order_id=old.id,
            side=old.side,
            size=size,
            creation_timestamp=at(self.now_s),
        )
        self.trades.append(made)
        self.say("trade", events.TradeObserved(trade=made, at=at(0), source="hub"))
        self.net += old.side.sign * size
        self.history.append((self.now_s, self.net))
        seen = position(self.net)
        self.say("position", events.PositionObserved(position=seen, at=at(0), source="hub"))

    def cancel(self) -> None:
        live = [one for one in self.orders.values() if not one.status.is_terminal]
        if live:
            self._change(self.chance.choice(live), status=OrderStatus.CANCELLED)

    def _change(self, old: OrderModel, **parts: object) -> None:
        new = msgspec.structs.replace(old, update_timestamp=at(self.now_s), **parts)
        self.orders[old.id] = new
        self.say("order", events.OrderObserved(order=new, at=at(0), source="hub"))

    # -- what it says

    def say(self, kind: str, event: events.Event) -> None:
        if self.chance.random() >= self.lost[kind]:
            self.post.append((self.now_s + self.chance.random() * self.late_s, event))

    def look(self, lag_s: float | None = None) -> None:
        """A read of everything or of positions alone, whose positions may lag."""
        if self.chance.random() < 0.5:
            for one in self.orders.values():
                self.tell(events.OrderObserved(order=one, at=at(0)))
            for done in self.trades:
                self.tell(events.TradeObserved(trade=done, at=at(0)))
        lag_s = self.chance.choice([0.0, 4.0, 10.0]) if lag_s is None else lag_s
        shown = [net for when, net in self.history if when <= self.now_s - lag_s][-1]
        self.tell(listed(self.now_s, *([shown] if shown else [])))

    def tell(self, event: events.Event) -> None:
        self.now_s += 1e-6
        told = msgspec.structs.replace(event, at=at(self.now_s))
        self.ledger.apply(told, round(self.now_s * 1e9))

    def wait(self) -> None:
        ends_s = self.now_s + self.chance.choice([0.0, 0.1, 1.0, 6.0, 20.0])
        for due_s, event in sorted(self.post, key=lambda one: one[0]):
            if due_s <= ends_s:
                self.now_s = max(self.now_s, due_s)
                self.tell(event)
                self.post.remove((due_s, event))
                self.check()
        self.now_s = max(self.now_s, ends_s)

    # -- what must hold

    def check(self) -> None:
        for side in (Side.BUY, Side.SELL):
            left = [
                one.size - one.fill_volume
                for one in self.orders.values()
                if self.is_live(one, side)
            ]
            worst = self.net * side.sign + sum(left)
            found = reach(self.ledger, side, seconds=self.now_s)
            assert found is not None
            assert found.contracts >= worst + 1, (side, self.net, found)

    @staticmethod
    def is_live(one: OrderModel, side: Side) -> bool:
        return one.side is side and not one.status.is_terminal


@given(st.randoms(use_true_random=False), st.integers(5, 60))
def test_the_reach_is_never_less_than_what_the_venue_could_do(
    chance: random.Random, steps: int
) -> None:
    venue = Venue(chance)
    for _ in range(steps):
        chance.choice([venue.place, venue.fill, venue.fill, venue.cancel, venue.look, venue.wait])()
        venue.check()
