from __future__ import annotations

import copy
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.wire import enums
from topstepx.wire.enums import OpenIntEnum, OrderStatus, Side

ENUMS = [
    thing
    for thing in vars(enums).values()
    if isinstance(thing, type) and issubclass(thing, OpenIntEnum) and thing is not OpenIntEnum
]


@pytest.mark.parametrize("enum", ENUMS)
@given(number=st.integers(-(2**31), 2**31 - 1))
def test_any_number_is_kept(enum: type[OpenIntEnum], number: int) -> None:
    member = msgspec.json.decode(str(number), type=enum)
    assert int(member) == number
    assert msgspec.json.encode(member) == str(number).encode()
    assert member == enum(number)
    assert hash(member) == hash(number)
    assert member.is_known == (number in set(enum))
    if not member.is_known:
        assert member.name == f"UNSEEN_{number}"
        assert copy.deepcopy(member) == member
        assert pickle.loads(pickle.dumps(member)) == member  # noqa: S301  our own bytes


@pytest.mark.parametrize("enum", ENUMS)
@pytest.mark.parametrize("wrong", ["1", 1.5, None, True])
def test_what_is_no_number_is_refused(enum: type[OpenIntEnum], wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(wrong), type=enum)


def test_unseen_members_leave_the_enum_as_it_was() -> None:
    before = list(OrderStatus)
    assert not OrderStatus(99).is_known
    assert not OrderStatus(99).is_known, "asking must not make it known"
    assert list(OrderStatus) == before


def test_the_life_of_an_order() -> None:
    terminal = {status for status in OrderStatus if status.is_terminal}
    working = {status for status in OrderStatus if status.is_working}
    assert {int(status) for status in terminal} == {2, 3, 4, 5}
    assert {int(status) for status in working} == {1, 6, 7, 8}
    for number in (0, 9, -1):
        assert not OrderStatus(number).is_terminal
        assert not OrderStatus(number).is_working


def test_sides() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side(2).sign == 0
    assert Side(2).opposite == 2
