from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.pit import ACCOUNT_ID, ES, MNQ, START, Pit, d
from topstepx.sim.switches import Switches
from topstepx.sim.venue import EVENT_TARGET, VenueAccount
from topstepx.sim.venue.floor import Floor, IllegalTransition, Step
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.routes import HUB_METHODS


def floor() -> Floor:
    account = VenueAccount(ACCOUNT_ID, "X", d(0))
    fresh = Floor(
        [account],
        [MNQ, ES],
        Switches(),
        first_order_id=10,
        first_trade_id=20,
        first_position_id=30,
    )
    fresh.arrive_at(START)
    return fresh


def order(here: Floor) -> Order:
    return Order(
        id=here.new_order_id(),
        account_id=ACCOUNT_ID,
        contract_id=MNQ.id,
        symbol_id=MNQ.symbol_id,
        tick_size=MNQ.tick_size,
        type=OrderType.LIMIT,
        side=Side.BUY,
        size=1,
        created=here.now,
    )


def test_every_kind_of_event_has_a_hub_target() -> None:
    assert set(EVENT_TARGET.values()) == {m.event for m in HUB_METHODS if m.hub == "user"}


def test_an_illegal_step_is_a_bug_that_shows() -> None:
    here = floor()
    dead = order(here)
    here.add(dead, OrderStatus.REJECTED, "no")
    with pytest.raises(IllegalTransition, match="REJECTED to OPEN"):
        here.move(dead, OrderStatus.OPEN, "again")


def test_time_never_runs_back() -> None:
    here = floor()
    assert here.arrive_at(START - timedelta(hours=1)) == START


def test_timers_run_by_time_then_by_when_they_were_set() -> None:
    here = floor()
    first, second = order(here), order(here)
    for each in (first, second):
        here.add(each, OrderStatus.OPEN, "placed")
    here.schedule(Step.WAKE, first, 5)
    here.schedule(Step.FILL, second, 5)
    here.schedule(Step.CANCEL, second, 1)
    assert here.next_due() == START + timedelta(milliseconds=1)
    assert here.pop_due(START) is None
    late = START + timedelta(seconds=1)
    steps = [here.pop_due(late) for _ in range(4)]
    assert [s and (s[0], s[1].id) for s in steps] == [
        (Step.CANCEL, second.id),
        (Step.WAKE, first.id),
        (Step.FILL, second.id),
        None,
    ]
    assert here.now == START + timedelta(milliseconds=5)


def test_numbers_are_consecutive() -> None:
    here = floor()
    assert [here.new_order_id(), here.new_order_id()] == [10, 11]
    assert (here.new_trade_id(), here.new_position_id()) == (20, 30)


def test_final_orders_leave_the_living_and_the_book() -> None:
    here = floor()
    live = order(here)
    live.limit_price = d(99)
    here.add(live, OrderStatus.OPEN, "placed")
    here.books[MNQ.id].rest(live)
    here.move(live, OrderStatus.CANCELLED, "cancelled")
    assert here.live_of[ACCOUNT_ID] == {}
    assert here.books[MNQ.id].is_idle
    assert [o.id for o in here.orders_of[ACCOUNT_ID]] == [live.id]


def test_the_number_of_final_events_is_a_switch() -> None:
    for action in (1, 2):
        pit = Pit(market_fill_ms=0, final_order_action=action)
        pit.buy()
        orders = [event.action for event in pit.events() if event.kind == "order"]
        assert orders == [1, action]


def test_events_are_taken_once() -> None:
    pit = Pit()
    pit.buy()
    assert len(pit.events()) == 1
    assert pit.events() == []
