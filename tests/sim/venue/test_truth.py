from __future__ import annotations

from tests.support.pit import ACCOUNT_ID, MNQ, Pit, d
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceRequest

S = OrderStatus


def test_every_step_of_an_order_is_kept_with_its_time_and_reason() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 2, limit=99)
    pit.pass_ms(5)
    pit.venue.fill(order, 1, d(99), pit.now)
    pit.pass_ms(5)
    pit.cancel(order)
    steps = pit.venue.truth.history(order)
    assert [(s.before, s.after, s.fill_volume, s.reason) for s in steps] == [
        (S.NONE, S.OPEN, 0, "placed"),
        (S.OPEN, S.OPEN, 1, "filled by hand"),
        (S.OPEN, S.CANCELLED, 1, "cancelled"),
    ]
    assert [(s.at - steps[0].at).total_seconds() for s in steps] == [0, 0.005, 0.01]


def test_executions_count_what_was_accepted_from_us() -> None:
    pit = Pit()
    truth = pit.venue.truth
    pit.buy(tag="ours")
    pit.place(OrderType.MARKET, Side.BUY, 0, tag="refused")
    request = pit.request(OrderType.MARKET, Side.BUY, tag="theirs")
    pit.venue.place(request, pit.now, origin="other")
    assert [truth.executions(ACCOUNT_ID, t) for t in ("ours", "refused", "theirs", "none")] == [
        1,
        0,
        0,
        0,
    ]
    assert truth.executions(ACCOUNT_ID, "theirs", origin="other") == 1
    assert truth.tags(ACCOUNT_ID) == ("ours", "refused", "theirs")
    assert len(truth.placed(ACCOUNT_ID, "refused")) == 1


def test_every_request_is_kept_with_its_answer() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, limit=99, tag="a")
    pit.cancel(order)
    pit.cancel(order)
    pit.close()
    seen = pit.venue.truth.requests
    assert [(r.verb, r.answer.error_code, r.origin) for r in seen] == [
        ("place", 0, "api"),
        ("cancel", 0, "api"),
        ("cancel", 5, "api"),
        ("close", 2, "api"),
    ]
    assert isinstance(seen[0].request, PlaceRequest)


def test_the_truth_is_neither_delayed_nor_hidden() -> None:
    pit = Pit(market_fill_ms=0)
    pit.venue.faults.hide_legs = True
    entry = pit.buy(1, stop_ticks=-8)
    truth = pit.venue.truth
    assert [order.id for order in truth.working(ACCOUNT_ID)] == [entry + 1]
    assert len(truth.trades(ACCOUNT_ID)) == 1
    assert truth.net_size(ACCOUNT_ID, MNQ.id) == 1
    assert truth.net_size(ACCOUNT_ID, "CON.F.US.EP.U26") == 0
    assert [position.size for position in truth.positions(ACCOUNT_ID)] == [1]
    assert truth.balance(ACCOUNT_ID) == d("149999.39")
