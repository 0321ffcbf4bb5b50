"""Getting flat: the right step after each look, whatever happens in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ES, MNQ, order
from topstepx.clock import NANOSECONDS
from topstepx.core.flatten import REFUSALS_MAX, Flattening, Look, State, protection
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from topstepx.wire.models import OrderModel

END = 60 * NANOSECONDS
ENTRY = order(1, side=Side.BUY)
LIMIT = order(2, side=Side.SELL)
LEG = order(3, side=Side.SELL, type=OrderType.STOP, parent_order_id=1)
TARGET = order(4, side=Side.SELL, parent_order_id=1)
STOP = order(5, side=Side.SELL, type=OrderType.STOP)
ASLEEP = order(6, side=Side.SELL, status=OrderStatus.SUSPENDED, parent_order_id=2)
NOTHING = Look((), {})


def test_entries_go_first_and_stops_stay_until_the_position_is_gone() -> None:
    machine = Flattening(END)
    move = machine.looked(Look((ENTRY, LIMIT, LEG, TARGET), {MNQ: 2}), 0)
    assert (move.cancel, move.close) == ((ENTRY, LIMIT), (MNQ,))
    move = machine.looked(Look((LEG, TARGET), {}), 1)
    assert (move.cancel, move.close) == ((LEG, TARGET), ())


def test_flat_is_shown_twice_in_a_row() -> None:
    machine = Flattening(END)
    first = machine.looked(NOTHING, 0)
    assert first.state is State.GOING
    assert first.wait_s > 0
    machine.looked(Look((), {MNQ: 1}), 1)  # a fill came late
    assert machine.looked(NOTHING, 2).state is State.GOING
    assert machine.looked(NOTHING, 3).state is State.FLAT


def test_a_look_that_failed_is_no_look() -> None:
    machine = Flattening(END)
    machine.looked(NOTHING, 0)
    assert machine.blind((MNQ,), 1).close == (MNQ,)
    assert machine.looked(NOTHING, 2).state is State.GOING
    assert machine.looked(NOTHING, 3).state is State.FLAT


def test_two_closes_that_find_nothing_end_a_doubt_and_a_new_fill_begins_it_again() -> None:
    machine = Flattening(END)
    assert not machine.is_empty(MNQ, (0, 1))
    machine.close_came(MNQ, (0, 1), found=False)
    assert not machine.is_empty(MNQ, (0, 1)), "one may have overtaken a fill"
    machine.close_came(MNQ, (0, 1), found=False)
    assert machine.is_empty(MNQ, (0, 1))
    assert not machine.is_empty(MNQ, (0, 2)), "something filled since"
    machine.close_came(MNQ, (0, 2), found=False)
    assert not machine.is_empty(MNQ, (0, 2))
    machine.close_came(MNQ, (0, 2), found=True)
    machine.close_came(MNQ, (0, 2), found=False)
    assert not machine.is_empty(MNQ, (0, 2)), "not in a row"


def test_time_ends_it_but_never_while_it_is_flat() -> None:
    machine = Flattening(END)
    assert machine.looked(Look((), {MNQ: 1}), END).state is State.LATE
    assert machine.blind((), END).state is State.LATE
    assert machine.looked(NOTHING, END).state is State.GOING
    assert machine.looked(NOTHING, END).state is State.FLAT


def test_what_is_refused_for_good_again_and_again_is_given_up() -> None:
    machine = Flattening(END)
    look = Look((LEG,), {MNQ: 1})
    for _ in range(REFUSALS_MAX):
        assert machine.looked(look, 0).state is State.GOING
        machine.was_refused(MNQ)
    assert machine.looked(look, 0).state is State.HOPELESS


def test_it_goes_on_while_anything_of_it_may_still_succeed() -> None:
    machine = Flattening(END)
    for _ in range(REFUSALS_MAX):
        machine.was_refused(MNQ)
    assert machine.looked(Look((), {MNQ: 1, ES: 1}), 0).close == (ES, MNQ)


def test_the_waits_grow_and_stay_bounded() -> None:
    machine = Flattening(END)
    waits = [machine.looked(Look((), {MNQ: 1}), 0).wait_s for _ in range(10)]
    assert waits == sorted(waits)
    assert waits[0] <= 0.5
    assert waits[-1] == 5
    assert machine.looked(Look((LEG,), {}), 0).wait_s == waits[0], "something happened"
    assert machine.looked(Look((LEG,), {}), 0).wait_s > waits[0]


def kept(net: int, *orders: OrderModel, most: int | None = None) -> list[int]:
    return [one.id for one in protection(orders, net, most)]


def test_what_stays_until_the_position_is_gone() -> None:
    assert kept(2, ENTRY, LIMIT, LEG, TARGET) == [3, 4]
    assert kept(2, STOP) == [5]
    assert kept(2, TARGET) == []  # a target protects nothing
    assert kept(-2, LEG, TARGET, STOP) == []  # on this side they would only add
    assert kept(2, ASLEEP, STOP) == [6, 5], "a leg that sleeps covers nothing yet"
    assert kept(0, ENTRY, LIMIT, LEG, TARGET, STOP) == [3, 4, 5]  # which way it goes is not known


def test_no_more_stays_than_covers_the_position_once() -> None:
    assert kept(2, LEG, TARGET, STOP) == [3, 4]
    assert kept(3, LEG, TARGET, STOP) == [3, 4, 5]
    assert kept(3, LEG, TARGET, STOP, most=3) == [3, 4]
    assert kept(1, STOP) == []  # the rest of it would open a position
    assert kept(1, LEG) == [3]  # a leg that is too large is still the only protection there is


ORDERS = st.lists(st.sampled_from([ENTRY, LIMIT, LEG, TARGET, STOP]), unique_by=lambda one: one.id)
POSITIONS = st.dictionaries(st.sampled_from([MNQ, ES]), st.sampled_from([-2, 2]))


@given(st.lists(st.tuples(ORDERS, POSITIONS)))
def test_nothing_protective_is_cancelled_while_a_position_stands(
    looks: list[tuple[list[OrderModel], dict[str, int]]],
) -> None:
    machine = Flattening(END)
    for orders, positions in looks:
        move = machine.looked(Look(tuple(orders), positions), 0)
        if positions:
            stops = {one.id: one for one in orders if one.type is OrderType.STOP}
            left = stops.keys() - {one.id for one in move.cancel}
            enough = sum(stops[one].size for one in left) >= positions.get(MNQ, 0)
            assert enough or len(left) == len(stops)
            assert move.state is not State.FLAT
        if move.state is State.FLAT:
            assert not orders
