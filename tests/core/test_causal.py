"""Reports of the hub in causal order, whatever order they come in."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import START, at, order, trade
from topstepx.clock import NANOSECONDS
from topstepx.core.causal import ASKS_AFTER_NS, ORDER_WAITS_NS, TRADE_WAITS_NS, Causal
from topstepx.core.gap import Step, fact_of
from topstepx.core.ledger import Ledger
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import OrderModel, TradeModel

ID = 3345169272


class Hub:
    """Feeds reports and notes what was told, as news to a ledger."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.causal = Causal(self.ledger)
        self.told: list[Step] = []

    def _commit(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if self.ledger.apply(fact_of(step, at=at(len(self.told)), source="hub")):
                self.told.append(step)

    def say(self, step: Step, now_ns: int = 0) -> None:
        self._commit(self.causal.offer(step, now_ns))

    def wait(self, now_ns: int) -> None:
        while steps := self.causal.tick(now_ns):
            self._commit(steps)

    def short(self) -> list[str]:
        return [
            f"order {step.fill_volume}" if isinstance(step, OrderModel) else f"trade {step.id}"
            for step in self.told
        ]


def report(filled: int, size: int = 3) -> OrderModel:
    status = OrderStatus.FILLED if filled == size else OrderStatus.OPEN
    return order(ID, size=size, fill_volume=filled, status=status, update_timestamp=at(filled))


def fill(number: int, size: int = 1) -> TradeModel:
    when = START + timedelta(seconds=number)
    return trade(number, order_id=ID, size=size, creation_timestamp=when)


def test_what_comes_in_order_is_told_at_once() -> None:
    hub = Hub()
    for step in (report(0), report(1), fill(1), report(2), fill(2)):
        hub.say(step)
    assert hub.short() == ["order 0", "order 1", "trade 1", "order 2", "trade 2"]
    assert hub.causal.deadline() is None


def test_a_trade_before_its_order_waits_for_it_two_seconds_at_most() -> None:
    hub = Hub()
    hub.say(report(0))
    hub.say(fill(1))
    assert hub.short() == ["order 0"]
    hub.say(report(1))
    assert hub.short() == ["order 0", "order 1", "trade 1"]
    hub.say(fill(2), NANOSECONDS)
    assert hub.causal.deadline() == NANOSECONDS + TRADE_WAITS_NS
    hub.wait(NANOSECONDS + TRADE_WAITS_NS - 1)
    assert len(hub.told) == 3
    hub.wait(NANOSECONDS + TRADE_WAITS_NS)
    assert hub.short()[-1] == "trade 2"


def test_a_report_that_jumps_waits_for_its_trades_and_tells_each_step() -> None:
    hub = Hub()
    hub.say(report(0))
    hub.say(report(3))
    hub.say(fill(2))
    hub.say(fill(1))
    assert hub.short() == ["order 0"]
    hub.say(fill(3))
    assert hub.short() == [
        "order 0",
        "order 1",
        "trade 1",
        "order 2",
        "trade 2",
        "order 3",
        "trade 3",
    ]


def test_a_jump_whose_trades_are_lost_asks_for_a_look_and_is_told_after_two_seconds() -> None:
    hub = Hub()
    hub.say(report(0))
    hub.say(report(3))
    assert hub.causal.deadline() == ASKS_AFTER_NS
    assert not hub.causal.wants_look(ASKS_AFTER_NS - 1)
    assert hub.causal.wants_look(ASKS_AFTER_NS)
    assert not hub.causal.wants_look(ASKS_AFTER_NS), "once"
    hub.wait(ORDER_WAITS_NS - 1)
    assert hub.short() == ["order 0"]
    hub.wait(ORDER_WAITS_NS)
    assert hub.short() == ["order 0", "order 3"]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_any_order_and_any_repetition_is_one_story_each_step_once(
    order_of: list[int], twice: set[int]
) -> None:
    steps: list[Step] = [report(0, 4)]
    for number in (1, 2, 3, 4):
        steps += [report(number, 4), fill(number)]
    del steps[8]  # the last trade is lost
    hub = Hub()
    for number in order_of:
        hub.say(steps[number])
        if number in twice:
            hub.say(steps[number])
    hub.wait(TRADE_WAITS_NS)
    trades = [step.id for step in hub.told if isinstance(step, TradeModel)]
    assert sorted(trades) == [1, 2, 3]
    fills = [step.fill_volume for step in hub.told if isinstance(step, OrderModel)]
    assert fills == sorted(fills)
    assert fills[-1] == 4
    belief = hub.ledger.order(ID)
    assert belief is not None
    assert belief.status is OrderStatus.FILLED
