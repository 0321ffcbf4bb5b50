"""The waiting room: turns, deadlines and leaving. (Lanes at work: `test_limiter.py`.)"""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.lanes import Lane, Ticket, WaitingRoom

_numbers = count()


def ticket(caller: str, deadline_ns: int = 100) -> Ticket:
    return Ticket(next(_numbers), Lane.READ, caller, 0, deadline_ns)


def test_the_lanes_rank_exits_first() -> None:
    assert [lane.name for lane in sorted(Lane)] == ["EXIT", "RESOLVE", "ORDER", "RECONCILE", "READ"]


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_nobody_waits_for_more_than_one_turn_of_each_other_caller(callers: list[str]) -> None:
    room = WaitingRoom()
    for caller in callers:
        room.join(ticket(caller))
    order = [room.next() for _ in callers]
    for caller in set(callers):
        own = [each.number for each in order if each.caller == caller]
        assert own == sorted(own)
    for place, each in enumerate(order):
        left = {other.caller for other in order[place:]}
        following = [other.caller for other in order[place + 1 : place + len(left)]]
        assert each.caller not in following or len(set(following)) == len(left) - 1


def test_the_next_turn_can_be_taken_back() -> None:
    room = WaitingRoom()
    for caller in ("ann", "bob", "ann"):
        room.join(ticket(caller))
    first = room.next()
    room.rejoin(first)
    assert room.next() == first


def test_leaving_frees_the_place_once() -> None:
    room = WaitingRoom()
    ann, bob = ticket("ann"), ticket("bob")
    room.join(ann)
    room.join(bob)
    assert room.leave(ann)
    assert not room.leave(ann)
    assert ann not in room
    assert list(room) == [bob]
    assert room.next() == bob
    with pytest.raises(KeyError):
        room.next()


def test_deadlines_come_out_in_order_and_only_when_due() -> None:
    room = WaitingRoom()
    late, early, gone = ticket("ann", 30), ticket("ann", 10), ticket("bob", 5)
    for each in (late, early, gone):
        room.join(each)
    room.leave(gone)
    assert room.deadline() == 10
    assert room.expire(9) == []
    assert room.expire(30) == [early, late]
    assert room.deadline() is None
    assert len(room) == 0
