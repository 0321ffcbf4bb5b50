from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pit import ACCOUNT_ID, ES, MNQ, START, Pit, d
from tests.support.storm import PIECES, STEPS, SWITCHES, Storm, drawn
from topstepx.sim.venue import Venue, VenueContract
from topstepx.sim.venue.orders import FINAL
from topstepx.wire.enums import OrderStatus, OrderType, Side, TradeLogType


@given(SWITCHES, PIECES, st.lists(STEPS, max_size=50))
def test_what_must_hold_on_any_day(
    switches: dict[str, Any], pieces: int | None, steps: list[tuple[Any, ...]]
) -> None:
    storm = Storm(switches, pieces)
    for step in steps:
        storm.run(step)
    storm.pit.pass_ms(1000)
    storm.hear(storm.pit.events())
    storm.audit()


def long_day(seed: int) -> Storm:
    rng = Random(seed)
    switches = {
        "bracket_wakes": rng.choice(["complete", "each_fill"]),
        "oco_on_partial": rng.choice(["reduce", "cancel"]),
        "cancel_ms": rng.choice([0, 20]),
    }
    storm = Storm(switches, rng.choice([None, 1, 2]))
    for _ in range(300):
        storm.run(drawn(rng))
    return storm


@pytest.mark.parametrize("seed", range(8))
def test_a_long_day_holds_and_trades_a_lot(seed: int) -> None:
    truth = long_day(seed).pit.venue.truth
    assert len(truth.all_trades) > 20
    assert {order.status for order in truth.orders(ACCOUNT_ID)} >= FINAL - {OrderStatus.EXPIRED}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 700))
def test_many_long_days_hold(seed: int) -> None:
    long_day(seed)


@given(SWITCHES, st.lists(STEPS, max_size=40))
def test_the_same_day_twice_is_the_same_day(
    switches: dict[str, Any], steps: list[tuple[Any, ...]]
) -> None:
    days = []
    for _ in range(2):
        storm = Storm(switches, None)
        for step in steps:
            storm.run(step)
        days.append(storm.pit.venue.truth.transitions)
    assert days[0] == days[1]


def test_time_is_told_by_every_call_and_never_runs_back() -> None:
    pit = Pit()
    order = pit.buy()
    assert pit.venue.next_event_at() == START + timedelta(milliseconds=8)
    pit.venue.advance(START - timedelta(days=1))
    assert pit.status(order) is OrderStatus.PENDING
    pit.venue.quote(MNQ.id, d(90), 1, d(91), 1, START + timedelta(seconds=1))
    # Filled at its own time, before the quote that came with the news of the hour.
    assert pit.order(order).filled_price == d("100.25")
    assert pit.venue.next_event_at() is None


def test_a_contract_can_be_listed_later() -> None:
    pit = Pit()
    z = VenueContract("CON.F.US.MNQ.Z26", "F.US.MNQ", "MNQZ26", d("0.25"), d("0.5"))
    assert pit.place(OrderType.MARKET, Side.BUY, on=z.id).error_code == 8
    pit.venue.list_contract(z)
    pit.quote(110, 111, on=z.id)
    pit.buy(on=z.id)
    pit.pass_ms(8)
    assert pit.venue.truth.net_size(pit.account.id, z.id) == 1
    pit.venue.list_contract(z)
    assert pit.venue.truth.net_size(pit.account.id, z.id) == 1


def test_market_data_of_an_unlisted_contract_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Pit().quote(1, 2, on="CON.F.US.NO.U26")


def test_a_closed_contract_matches_nothing() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, limit=99)
    pit.venue.set_session(MNQ.id, is_open=False, now=pit.now)
    pit.quote(90, "90.25")
    pit.hit(90, 5)
    assert pit.status(order) is OrderStatus.OPEN
    pit.venue.set_session(MNQ.id, is_open=True, now=pit.now)
    pit.quote(90, "90.25")
    assert pit.status(order) is OrderStatus.FILLED


def test_numbers_start_where_they_are_told_to() -> None:
    pit = Pit()
    venue = Venue([pit.account], [ES], first_order_id=2**40)
    venue.quote(ES.id, d(6000), 1, d("6000.25"), 1, START)
    answer = venue.place(pit.request(OrderType.MARKET, Side.BUY, on=ES.id), START)
    assert answer.order_id == 2**40


def test_a_storm_of_quotes_that_hit_nobody_leaves_no_trace() -> None:
    pit = Pit()
    pit.accepted(OrderType.LIMIT, Side.BUY, limit=90)
    pit.accepted(OrderType.STOP, Side.BUY, stop=110)
    pit.events()
    steps = len(pit.venue.truth.transitions)
    for ticks in range(1000):
        bid = d(95) + Decimal("0.25") * (ticks % 40)
        pit.venue.quote(MNQ.id, bid, 3, bid + Decimal("0.25"), 3, pit.now)
        pit.venue.trade(MNQ.id, bid, 1, TradeLogType.SELL, pit.now)
    assert pit.events() == []
    assert len(pit.venue.truth.transitions) == steps
