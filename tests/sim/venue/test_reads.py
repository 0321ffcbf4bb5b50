from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.support.pit import ACCOUNT_ID, ES, MNQ, OTHER_ID, START, Pit
from topstepx.wire.enums import OrderSortBy, OrderStatus, OrderType, Side, SortDirection
from topstepx.wire.models import (
    AccountSearchRequest,
    Envelope,
    OrderByIdRequest,
    OrderPageAnswer,
    OrderQueryFilter,
    OrderQueryRequest,
    OrderSearchOpenRequest,
    OrderSearchRequest,
    PositionSearchOpenRequest,
    TradeSearchRequest,
)

SECOND = timedelta(seconds=1)


def ids(rows: object) -> list[int]:
    assert isinstance(rows, list)
    return [row.id - 3_400_000_000 for row in rows]


def page(pit: Pit, **parts: object) -> OrderPageAnswer:
    wanted = OrderQueryFilter(account_id=ACCOUNT_ID)
    return pit.venue.query(OrderQueryRequest(**({"filter": wanted} | parts)), pit.now)  # type: ignore[arg-type]  # parts of a request


def limits(pit: Pit, count: int) -> None:
    for _ in range(count):
        pit.accepted(OrderType.LIMIT, Side.BUY, limit=99)
        pit.pass_ms(1000)


def test_an_unknown_account_is_code_1_everywhere() -> None:
    pit = Pit()
    v, now = pit.venue, pit.now
    answers: list[Envelope] = [
        v.orders(OrderSearchRequest(account_id=1, start_timestamp=START), now),
        v.open_orders(OrderSearchOpenRequest(account_id=1), now),
        v.query(OrderQueryRequest(filter=OrderQueryFilter(account_id=1)), now),
        v.order_by_id(OrderByIdRequest(account_id=1, order_id=1), now),
        v.positions(PositionSearchOpenRequest(account_id=1), now),
        v.trades(TradeSearchRequest(account_id=1), now),
    ]
    assert [(a.success, a.error_code) for a in answers] == [(False, 1)] * 6


def test_accounts() -> None:
    pit = Pit()
    pit.account.active = False

    def seen(*, active: bool) -> list[int]:
        request = AccountSearchRequest(only_active_accounts=active)
        rows = pit.venue.accounts(request, pit.now).accounts
        assert isinstance(rows, list)
        return [row.id for row in rows]

    assert seen(active=False) == [ACCOUNT_ID, OTHER_ID]
    assert seen(active=True) == [OTHER_ID]
    pit.venue.faults.hidden_accounts.add(OTHER_ID)
    assert seen(active=False) == [ACCOUNT_ID]


def test_searches_hide_suspended_and_pending_and_the_query_does_not() -> None:
    pit = Pit()
    pit.accepted(OrderType.LIMIT, Side.BUY, limit=99, stop_ticks=-8, target_ticks=8)
    pit.buy()
    assert ids(pit.search()) == [0]
    assert ids(pit.search_open()) == [0]
    assert ids(pit.query(1, 8)) == [0, 1, 2]
    assert ids(pit.query()) == [0, 1, 2, 3]
    pit.pass_ms(8)
    assert ids(pit.search()) == [0, 3]


def test_the_window_includes_both_ends() -> None:
    pit = Pit()
    limits(pit, 4)

    def within(start: datetime, end: datetime | None) -> list[int]:
        request = OrderSearchRequest(
            account_id=ACCOUNT_ID, start_timestamp=start, end_timestamp=end
        )
        return ids(pit.venue.orders(request, pit.now).orders)

    assert within(START + SECOND, START + 2 * SECOND) == [1, 2]
    assert within(START + 2 * SECOND, None) == [2, 3]
    naive = (START + 3 * SECOND).replace(tzinfo=None)
    assert within(naive, None) == [3]


@pytest.mark.parametrize(("by", "found"), [("creation", []), ("update", [0])])
def test_the_window_is_by_creation_or_update(by: str, found: list[int]) -> None:
    pit = Pit(window_by=by)
    limits(pit, 2)
    pit.cancel(3_400_000_000)
    request = OrderSearchRequest(account_id=ACCOUNT_ID, start_timestamp=START + 2 * SECOND)
    assert ids(pit.venue.orders(request, pit.now).orders) == found


def test_pages_count_rows_and_never_hold_more_than_100() -> None:
    pit = Pit()
    limits(pit, 120)
    first = page(pit, page_size=500, include_total_count=True)
    assert (ids(first.orders), first.total_count) == (list(range(100)), 120)
    assert ids(page(pit, page_size=500, page_offset=100).orders) == list(range(100, 120))
    assert page(pit).total_count is None
    assert ids(page(pit, page_size=2, page_offset=3).orders) == [3, 4]
    assert ids(page(pit, page_size=-1, page_offset=-3).orders) == []


def test_pages_are_sorted_as_asked() -> None:
    pit = Pit(query_default_direction="descending")
    limits(pit, 3)
    assert ids(page(pit).orders) == [2, 1, 0]
    up = page(pit, sort_by=OrderSortBy.ID, sort_direction=SortDirection.ASCENDING)
    assert ids(up.orders) == [0, 1, 2]


def test_the_query_windows() -> None:
    pit = Pit()
    limits(pit, 4)
    wanted = OrderQueryFilter(
        account_id=ACCOUNT_ID,
        created_after=START + SECOND,
        created_before=START + 2 * SECOND,
    )
    assert ids(page(pit, filter=wanted).orders) == [1, 2]


@pytest.mark.parametrize(("filters", "found"), [(False, [0, 1]), (True, [1])])
def test_the_contract_filter_does_not_filter(*, filters: bool, found: list[int]) -> None:
    pit = Pit(query_contract_filters=filters)
    limits(pit, 1)
    pit.accepted(OrderType.LIMIT, Side.BUY, limit=99, on=ES.id)
    wanted = OrderQueryFilter(account_id=ACCOUNT_ID, contract_id=ES.id)
    assert ids(page(pit, filter=wanted).orders) == found


def test_by_id() -> None:
    pit = Pit()
    limits(pit, 1)
    found = pit.venue.order_by_id(
        OrderByIdRequest(account_id=ACCOUNT_ID, order_id=3_400_000_000), pit.now
    )
    assert found.order == pit.order(3_400_000_000)
    other = OrderByIdRequest(account_id=OTHER_ID, order_id=3_400_000_000)
    assert (pit.venue.order_by_id(other, pit.now).error_code) == 1


def test_trades_come_newest_first_after_a_short_delay() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy()
    assert pit.trades() == []
    pit.pass_ms(100)
    pit.sell()
    pit.pass_ms(50)
    assert [trade.side for trade in pit.trades()] == [Side.BUY]
    pit.pass_ms(100)
    assert [trade.side for trade in pit.trades()] == [Side.SELL, Side.BUY]


def test_a_visibility_delay_shows_the_world_as_it_was() -> None:
    pit = Pit(market_fill_ms=0)
    faults = pit.venue.faults
    faults.visibility_orders = faults.visibility_open_orders = 2 * SECOND
    faults.visibility_query = faults.visibility_by_id = 2 * SECOND
    faults.visibility_positions = faults.visibility_trades = 2 * SECOND
    resting = pit.accepted(OrderType.LIMIT, Side.BUY, limit=99)
    pit.buy()
    by_id = OrderByIdRequest(account_id=ACCOUNT_ID, order_id=resting)
    assert (pit.search(), pit.search_open(), pit.query(), pit.positions()) == ([], [], [], [])
    assert pit.venue.order_by_id(by_id, pit.now).error_code == 1
    pit.pass_ms(1000)
    pit.cancel(resting)
    pit.close()
    pit.pass_ms(1500)
    assert ids(pit.search_open()) == [0]
    assert [order.status for order in pit.search()] == [OrderStatus.OPEN, OrderStatus.FILLED]
    assert [position.contract_id for position in pit.positions()] == [MNQ.id]
    assert len(pit.trades()) == 1
    pit.pass_ms(1000)
    assert (pit.search_open(), pit.positions()) == ([], [])
    assert pit.search()[0].status is OrderStatus.CANCELLED
    assert len(pit.trades()) == 2
