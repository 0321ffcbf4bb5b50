"""The net position by fills and by words about it: settled when they agree, a range while they do not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.facts import ACCOUNT, ES, MNQ, at, order, position, trade
from topstepx import events
from topstepx.core.ledger import Ledger
from topstepx.core.netting import BELIEVED_AFTER_S, ContractNet, Fill, Heard, NetRange
from topstepx.wire.enums import OrderStatus, PositionType

if TYPE_CHECKING:
    from topstepx.wire.models import TradeModel


def heard(seconds: float) -> Heard:
    return Heard(at(seconds), round(seconds * 1e9))


def fill(net: int, seconds: float, *, moment: float | None = None, by_hub: bool = True) -> Fill:
    return Fill(net, at(seconds if moment is None else moment), heard(seconds), by_hub)


def based(net: int = 0) -> ContractNet:
    account = ContractNet()
    account.listed(net, heard(0), at(0))
    return account


def span(account: ContractNet) -> tuple[int, int] | None:
    found = account.range()
    return None if found is None else (found.low, found.high)


def test_nothing_is_known_before_a_list() -> None:
    account = ContractNet()
    assert account.range() is None
    assert not account.is_settled
    account.told(1, heard(1))
    assert account.range() is None, "the hub alone is a hint"
    account.listed(1, heard(2), at(2))
    assert account.range() == NetRange(1, 1)
    assert account.is_settled


def test_a_fill_counts_before_any_word_about_the_position() -> None:
    account = based()
    account.filled(fill(1, 1))
    assert span(account) == (1, 1)
    assert not account.is_settled, "no word about the position has confirmed it"
    account.told(1, heard(1.1))
    assert account.is_settled


def test_a_word_that_overtakes_its_fill_is_about_that_fill() -> None:
    account = based()
    account.told(1, heard(1))
    assert span(account) == (0, 1)
    account.filled(fill(1, 2.5))
    assert (span(account), account.is_settled) == ((1, 1), True)


def test_a_word_long_before_the_fill_is_about_something_else() -> None:
    account = based()
    account.told(1, heard(1))
    account.filled(fill(1, 5))
    assert span(account) == (1, 2), "another program's contract, whose trade was lost, and ours"
    account.listed(2, heard(6), at(6))
    assert span(account) == (1, 3), "a list that is late may not have ours yet"
    account.listed(2, heard(6 + BELIEVED_AFTER_S), at(6 + BELIEVED_AFTER_S))
    assert (span(account), account.is_settled) == ((2, 2), True)


def test_a_late_list_that_contradicts_may_lack_what_filled_before_it_was_asked_for() -> None:
    """Lists ten seconds late after a restart: the first one flat, then the short two, then one more sold."""
    account = based()
    account.listed(-2, heard(10), at(10))
    assert span(account) == (-2, 0)
    account.filled(fill(-1, 12))
    assert span(account) == (-3, -1)
    account.listed(-2, heard(14), at(14))
    assert span(account) == (-3, -1), "what it was read from is older than the fill"


def test_a_list_that_lags_does_not_undo_a_fill() -> None:
    account = based()
    account.filled(fill(1, 1))
    for seconds in (2, 5, 10, 15):
        account.listed(0, heard(seconds), at(seconds))
        assert span(account) == (0, 1), seconds
    account.listed(1, heard(16), at(16))
    assert (span(account), account.is_settled) == ((1, 1), True)


def test_time_passes_by_the_clock_that_nobody_sets() -> None:
    account = based(0)
    account.filled(fill(1, 1))
    account.listed(0, heard(2), at(2))
    jumped = Heard(at(300), round(3e9))  # the wall clock was set, the monotonic one was not
    account.listed(0, jumped, at(300))
    assert span(account) == (0, 1)
    back = Heard(at(301), round((2 + BELIEVED_AFTER_S) * 1e9))  # and back: stamps only ascend
    account.listed(0, back, at(301))
    assert span(account) == (0, 0)


def test_a_list_that_was_asked_for_before_the_last_word_says_nothing() -> None:
    account = based()
    account.filled(fill(1, 1))
    account.told(1, heard(2))
    account.listed(0, heard(1.5), at(1.5))
    assert (span(account), account.is_settled) == ((1, 1), True)


def test_history_that_is_read_late_counts_for_nothing() -> None:
    account = based(3)
    account.filled(fill(2, 5, moment=-60, by_hub=False))
    assert (span(account), account.is_settled) == ((3, 3), True)
    account.filled(fill(2, 6, moment=-5, by_hub=False))
    assert span(account) == (3, 5), "too close to the reading to be sure"
    assert account.expected == 5
    unclear = ContractNet()
    unclear.listed(3, heard(0), None)
    unclear.filled(fill(2, 5, moment=-3600))
    assert span(unclear) == (3, 5), "without the gateway's clock it may be in the list or not"


def test_what_filled_right_before_the_first_list_may_or_may_not_be_in_it() -> None:
    account = ContractNet()
    account.filled(fill(1, -1))
    account.filled(fill(-2, -1))
    account.filled(fill(5, -1, moment=-3600))
    account.listed(1, heard(0), at(0))
    assert span(account) == (-1, 2)
    account.listed(1, heard(5), at(5))
    assert span(account) == (-1, 2)
    account.listed(1, heard(BELIEVED_AFTER_S), at(BELIEVED_AFTER_S))
    assert (span(account), account.is_settled) == ((1, 1), True)


def test_a_direction_that_is_not_known_is_no_base() -> None:
    account = based()
    account.filled(fill(1, 1))
    account.told(None, heard(2))
    assert account.range() is None
    account.listed(1, heard(3), at(3))
    assert span(account) == (1, 2)
    account.listed(None, heard(4), at(4))
    assert account.range() is None


# ---------------------------------------------------------------- in the ledger


def listed(seconds: float, *held: int, at_gateway: bool = True) -> events.PositionsListed:
    moment = at(seconds)
    rows = tuple(position(net) for net in held)
    return events.PositionsListed(
        account_id=ACCOUNT, positions=rows, at=moment, server_at=moment if at_gateway else None
    )


def bought(seconds: float, number: int = 1, **parts: object) -> TradeModel:
    return trade(number, order_id=7, creation_timestamp=at(seconds), **parts)


def test_the_orders_word_and_its_trade_are_one_fill() -> None:
    ledger = Ledger()
    ledger.apply(listed(0))
    done = order(7, status=OrderStatus.FILLED, size=2, fill_volume=2, update_timestamp=at(1))
    ledger.apply(events.OrderObserved(order=done, at=at(1), source="hub"))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(2, 2)
    for number in (1, 2):
        ledger.apply(events.TradeObserved(trade=bought(1, number), at=at(1), source="hub"))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(2, 2)
    held = ledger.position(ACCOUNT, MNQ)
    assert held is not None
    assert (held.net, held.unshown, held.is_flat) == (0, 2, False)
    assert str(held) == "MNQZ6 flat (+2 filled, not shown yet)"
    assert ledger.positions(ACCOUNT) == (held,)
    ledger.apply(events.PositionObserved(position=position(2), at=at(1.2), source="hub"))
    held = ledger.position(ACCOUNT, MNQ)
    assert held is not None
    assert (held.unshown, str(held)) == (0, "MNQZ6 LONG 2 at 21503.25")
    assert not list(ledger.netting.unsettled(ACCOUNT))


def test_a_voided_trade_is_taken_back() -> None:
    ledger = Ledger()
    ledger.apply(listed(0))
    ledger.apply(events.TradeObserved(trade=bought(1), at=at(1)))
    ledger.apply(events.TradeVoided(trade=bought(1, voided=True), at=at(2)))
    ledger.apply(events.TradeVoided(trade=bought(1, voided=True), at=at(3)))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(0, 0)
    ledger.apply(events.TradeVoided(trade=bought(4, 9, voided=True), at=at(4)))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(0, 0), "void from the start"


def test_accounts_and_contracts_are_kept_apart() -> None:
    ledger = Ledger()
    ledger.apply(listed(0, 1))
    ledger.apply(events.TradeObserved(trade=bought(1, contract_id=ES, size=3), at=at(1)))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(1, 1)
    assert ledger.netting.range(ACCOUNT, ES) == NetRange(3, 3), "not in the list: it was flat"
    assert ledger.netting.range(1, MNQ) is None, "that account was never read"


def test_a_list_that_tells_of_a_fill_first_does_not_make_it_count_twice() -> None:
    ledger = Ledger()
    ledger.apply(listed(0))
    ledger.apply(listed(30, 2))
    ledger.apply(events.TradeObserved(trade=bought(29, size=2), at=at(30.2)))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(2, 2)


def test_a_new_run_counts_from_its_own_first_list() -> None:
    ledger = Ledger()
    ledger.apply(listed(0))
    ledger.apply(events.TradeObserved(trade=bought(1), at=at(1), origin="replayed"))
    ledger.apply(listed(2, 1))
    ledger.apply(events.ClientStarted(environment="sim", version="1", at=at(3)))
    assert ledger.netting.range(ACCOUNT, MNQ) is None
    ledger.apply(events.PositionObserved(position=position(1), at=at(3), origin="replayed"))
    assert ledger.netting.range(ACCOUNT, MNQ) is None
    ledger.apply(listed(60, 1))
    assert ledger.netting.range(ACCOUNT, MNQ) == NetRange(1, 1)


@pytest.mark.parametrize("net", [3, -3])
def test_a_position_reads_as_a_trader_says_it(net: int) -> None:
    ledger = Ledger()
    ledger.apply(listed(0, net))
    side = "LONG" if net > 0 else "SHORT"
    assert str(ledger.position(ACCOUNT, MNQ)) == f"MNQZ6 {side} 3 at 21503.25"
    odd = position(1, average_price=Decimal("29092.416666667"), type=PositionType(9))
    ledger.apply(events.PositionObserved(position=odd, at=at(1)))
    assert str(ledger.position(ACCOUNT, MNQ)) == "MNQZ6 in a direction that is not known"


def test_a_fill_from_the_moment_of_the_first_list_may_be_in_it_until_a_word_says_which() -> None:
    account = based(-1)
    account.filled(fill(-1, 0.3, moment=0.1))
    assert span(account) == (-2, -1), "the list may have been read after the fill"
    account.told(-2, heard(0.4))
    assert span(account) == (-2, -2)
    assert account.is_settled


def test_such_a_fill_that_the_list_had_is_counted_no_more_after_a_while() -> None:
    account = based(-1)
    account.filled(fill(-1, 0.3, moment=0.1))
    account.listed(-1, heard(0.5), at(0.5))
    assert span(account) == (-2, -1), "that list may be late"
    late = 1 + BELIEVED_AFTER_S
    account.listed(-1, heard(late), at(late))
    assert span(account) == (-1, -1)
    account.filled(fill(-1, late + 10, moment=late + 10))
    assert span(account) == (-2, -2), "nothing is in question any more"


def test_a_word_that_fits_such_a_fill_may_have_been_about_the_next_one() -> None:
    account = based(0)
    account.filled(fill(1, 0.3, moment=0.1))
    account.told(1, heard(5))
    account.filled(fill(1, 5.5, moment=5))
    assert span(account) == (1, 2), "the first was in the list, or the word came before its own"
    account.told(2, heard(6))
    assert span(account) == (2, 2)


def test_a_word_with_what_filled_before_the_first_list_says_that_the_list_was_late() -> None:
    account = ContractNet()
    account.filled(fill(1, -2, moment=-2))
    account.listed(1, heard(0), at(0))
    assert span(account) == (1, 2)
    account.told(2, heard(1))
    assert (span(account), account.is_settled) == ((2, 2), True)
    account.filled(fill(-2, 10, moment=10))
    assert span(account) == (0, 0), "closed: the next late list that says flat is right"


def test_a_list_that_is_believed_against_the_sum_may_have_a_fill_that_is_told_after_it() -> None:
    account = based(0)
    account.listed(2, heard(1), at(1))
    late = 1 + BELIEVED_AFTER_S
    account.listed(1, heard(late), at(late))
    assert span(account) == (1, 1)
    account.filled(fill(-1, late + 0.5, moment=late + 0.1))
    assert span(account) == (0, 1)
    account.filled(fill(1, late + 10, moment=late + 10))
    assert span(account) == (1, 2)


def test_a_list_that_agrees_does_not_overrule_the_hub_at_once() -> None:
    account = based(2)
    account.filled(fill(-2, 1, moment=1))
    account.told(-2, heard(2))
    account.listed(0, heard(3), at(3))
    assert span(account) == (-2, 0), "a late list can equal a wrong sum by chance"
    late = 3 + BELIEVED_AFTER_S
    account.listed(0, heard(late), at(late))
    assert span(account) == (0, 0)
