from __future__ import annotations

import pytest

from tests.support.pit import ACCOUNT_ID, MNQ, Pit, d
from topstepx.sim.venue.contracts import VenueContract
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import CloseContractRequest


def held(size: int, *, close_cancels_orders: bool = False) -> Pit:
    pit = Pit(close_cancels_orders=close_cancels_orders)
    if size:
        (pit.buy if size > 0 else pit.sell)(abs(size))
    pit.pass_ms(8)
    pit.events()
    return pit


@pytest.mark.parametrize("size", [3, -3])
def test_close_sends_an_untagged_market_order(size: int) -> None:
    pit = held(size)
    assert pit.close().success
    pit.pass_ms(8)
    assert pit.net == 0
    last = pit.venue.truth.orders(ACCOUNT_ID)[-1]
    assert (last.type, last.size, last.custom_tag) == (OrderType.MARKET, 3, None)
    assert pit.story()[-2].startswith("position UNDEFINED 0")


def test_close_leaves_working_orders_behind() -> None:
    pit = held(1)
    order = pit.accepted(OrderType.STOP, Side.SELL, stop=98)
    pit.close()
    pit.pass_ms(8)
    assert pit.status(order) is OrderStatus.OPEN


def test_close_takes_them_along_by_switch() -> None:
    pit = held(1, close_cancels_orders=True)
    order = pit.accepted(OrderType.STOP, Side.SELL, stop=98)
    pit.close()
    assert pit.status(order) is OrderStatus.CANCELLED


def test_what_cannot_be_closed() -> None:
    pit = held(0)
    assert (pit.close().error_code, pit.close("CON.F.US.NO.U26").error_code) == (2, 3)
    assert (pit.close_part(1).error_code, pit.close_part(1, "X").error_code) == (2, 3)
    request = CloseContractRequest(account_id=1, contract_id=MNQ.id)
    assert pit.venue.close_contract(request, pit.now).error_code == 1


@pytest.mark.parametrize("size", [0, -1, 4])
def test_a_part_must_be_a_part(size: int) -> None:
    pit = held(3)
    assert pit.close_part(size).error_code == 5
    assert pit.net == 3


def test_a_part_reduces() -> None:
    pit = held(-3)
    assert pit.close_part(2).success
    pit.pass_ms(8)
    assert pit.net == -1
    assert pit.close_part(1).success
    pit.pass_ms(8)
    assert pit.net == 0


def test_two_closes_cannot_turn_the_position_around() -> None:
    pit = held(2)
    assert pit.close_part(1).success
    assert (pit.close().error_code, pit.close_part(1).error_code) == (6, 7)
    pit.pass_ms(8)
    assert pit.close().success


def test_no_close_while_closed_or_without_a_price() -> None:
    pit = held(2)
    pit.quote(None, "100.25")
    assert (pit.close().error_code, pit.close_part(1).error_code) == (5, 6)
    pit.quote(100, "100.25")
    pit.venue.set_session(MNQ.id, is_open=False, now=pit.now)
    assert (pit.close().error_code, pit.close_part(1).error_code) == (5, 6)


def test_live_accounts_cannot_close() -> None:
    pit = held(2)
    pit.account.simulated = False
    assert (pit.close().error_code, pit.close_part(1).error_code) == (8, 9)


def test_a_locked_account_can_still_get_out() -> None:
    pit = held(2)
    pit.venue.set_can_trade(ACCOUNT_ID, can_trade=False, now=pit.now)
    assert pit.close().success


def test_an_inactive_contract_says_so() -> None:
    pit = held(2)
    dead = VenueContract("CON.F.US.Z.H26", "F.US.Z", "ZH26", d(1), d(1), active=False)
    pit.venue.list_contract(dead)
    assert pit.place(OrderType.MARKET, Side.BUY, on=dead.id).error_message == (
        "Contract is not active."
    )
    assert pit.close(dead.id).error_code == 2


def test_a_forced_refusal_of_a_close() -> None:
    pit = held(2)
    pit.venue.faults.reject_next("close", code=7)
    pit.venue.faults.reject_next("partial_close", code=8, executes=True)
    assert pit.close().error_code == 7
    pit.pass_ms(8)
    assert pit.net == 2
    assert pit.close_part(1).error_code == 8
    pit.pass_ms(8)
    assert pit.net == 1
