from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.support.pit import ES, MNQ, START, d
from topstepx.sim.venue.positions import HalfTurn, Position
from topstepx.wire.enums import PositionType, Side

FILLS = st.lists(
    st.tuples(st.sampled_from([Side.BUY, Side.SELL]), st.integers(1, 7), st.integers(1, 400)),
    max_size=40,
)


def test_an_opening_has_no_profit_and_a_closing_has_it_gross() -> None:
    position = Position(1, MNQ)
    assert position.apply(Side.BUY, 2, d("29539")) == (HalfTurn(2, None),)
    # 3.25 points of MNQ are 6.50, as in the capture.
    assert position.apply(Side.SELL, 1, d("29542.25")) == (HalfTurn(1, d("6.50")),)
    assert (position.size, position.average_price) == (1, d("29539"))


def test_a_short_earns_when_it_falls() -> None:
    position = Position(1, ES)
    position.apply(Side.SELL, 1, d("6000"))
    assert position.apply(Side.BUY, 1, d("6001")) == (HalfTurn(1, d("-50.00")),)


def test_turning_around_is_two_half_turns() -> None:
    position = Position(1, MNQ)
    position.apply(Side.BUY, 2, d(100))
    assert position.apply(Side.SELL, 5, d(101)) == (HalfTurn(2, d("4.00")), HalfTurn(3, None))
    assert (position.size, position.average_price) == (-3, d(101))


def test_a_partial_close_leaves_the_average_alone() -> None:
    position = Position(1, MNQ)
    position.apply(Side.BUY, 2, d("1"))
    position.apply(Side.BUY, 1, d("1.25"))
    before = position.average
    position.apply(Side.SELL, 1, d("9"))
    assert position.average == before == Fraction(13, 12)
    assert position.average_price == d("1.083333333")


def test_flat_shows_the_last_average() -> None:
    position = Position(1, MNQ)
    position.id, position.opened = 825245547, START
    position.apply(Side.BUY, 1, d("29398.5"))
    position.apply(Side.SELL, 1, d("29400"))
    model = position.model()
    assert (model.type, model.size, model.average_price) == (
        PositionType.UNDEFINED,
        0,
        d("29398.5"),
    )


@given(FILLS)
def test_sizes_add_up_and_flat_realises_what_prices_say(
    fills: list[tuple[Side, int, int]],
) -> None:
    position = Position(1, MNQ)
    net, cash, realised = 0, Decimal(0), Decimal(0)
    for side, size, ticks in fills:
        price = MNQ.points(ticks)
        turns = position.apply(side, size, price)
        assert sum(turn.size for turn in turns) == size
        net += side.sign * size
        cash -= side.sign * size * price * MNQ.point_value
        realised += sum((turn.profit or Decimal(0) for turn in turns), Decimal(0))
        assert position.size == net
        if net == 0:
            assert realised == cash
        else:
            # Cash plus what the position cost is what was realised, up to the carried rounding.
            worth = Fraction(cash) + net * position.average * Fraction(MNQ.point_value)
            assert abs(worth - Fraction(realised)) <= Fraction(1, 10_000)


@given(FILLS)
def test_the_average_is_that_of_the_open_lots(fills: list[tuple[Side, int, int]]) -> None:
    position = Position(1, MNQ)
    held, cost = 0, Fraction(0)
    for side, size, ticks in fills:
        price, signed = MNQ.points(ticks), side.sign * size
        if held * signed >= 0:
            held, cost = held + signed, cost + Fraction(price) * size
        elif abs(signed) < abs(held):
            cost = cost * (abs(held) - size) / abs(held)
            held += signed
        else:
            held += signed
            cost = Fraction(price) * abs(held)
        position.apply(side, size, price)
        if held:
            assert position.average == cost / abs(held)
            assert abs(Fraction(position.average_price) - position.average) <= Fraction(1, 10**9)


def test_taking_over_keeps_the_id() -> None:
    mine, other = Position(1, MNQ), Position(1, MNQ)
    mine.id = 5
    other.apply(Side.SELL, 3, d(50))
    mine.take_over(other)
    assert (mine.id, mine.size, mine.average_price) == (5, -3, d(50))
    mine.take_over(Position(1, MNQ))
    assert (mine.size, mine.average_price) == (0, d(50))
