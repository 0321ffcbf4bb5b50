"""Moves coalesce: one at a time, the latest wins, nobody waits for ever."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from topstepx.desk.moves import MOVE_EVERY_S, Moves
from topstepx.errors import AnswerLost, ModeRefused, NotSent, RateLimited
from topstepx.testing.loop import virtual
from topstepx.wire.enums import Side


class Line:
    """Takes changes and remembers them."""

    def __init__(self, *errors: Exception, takes_s: float = 0.1) -> None:
        self.sent: list[tuple[float, Decimal]] = []
        self.errors = list(errors)
        self.takes_s = takes_s
        self.tasks: list[asyncio.Task[None]] = []

    async def change(self, _order_id: int, price: Decimal, _tighten_only: bool) -> None:
        self.sent.append((asyncio.get_running_loop().time(), price))
        await asyncio.sleep(self.takes_s)
        if self.errors:
            raise self.errors.pop(0)

    def moves(self) -> Moves:
        def spawn(work: object, name: str) -> asyncio.Task[None]:
            task: asyncio.Task[None] = asyncio.create_task(work, name=name)  # type: ignore[arg-type]  # it is a coroutine
            self.tasks.append(task)
            return task

        return Moves(self.change, spawn=spawn)

    @property
    def prices(self) -> list[int]:
        return [int(price) for _, price in self.sent]


@virtual(seeds=[None, *range(10)])
async def test_a_hundred_wishes_are_a_handful_of_changes_and_the_last_one_wins() -> None:
    line = Line()
    moves = line.moves()
    waiting = []
    for number in range(100):
        waiting.append(asyncio.create_task(moves.move(1, Decimal(number))))
        await asyncio.sleep(0.05)
    await asyncio.gather(*waiting)
    assert line.prices[-1] == 99
    assert len(line.sent) <= 7
    gaps = [later[0] - earlier[0] for earlier, later in zip(line.sent, line.sent[1:], strict=False)]
    assert min(gaps) >= MOVE_EVERY_S


@virtual
async def test_another_change_of_the_price_is_a_newer_word_than_what_waits() -> None:
    line = Line()
    moves = line.moves()
    await moves.move(1, Decimal(10))
    waiting = asyncio.create_task(moves.move(1, Decimal(20)))
    await asyncio.sleep(0.1)
    async with moves.overruled(1):
        await asyncio.sleep(0.1)
        assert not waiting.done()
        newer = asyncio.create_task(moves.move(1, Decimal(30)))
        await asyncio.sleep(0)
    await waiting
    await newer
    assert line.prices == [10, 30]


async def overruling(moves: Moves, error: Exception, after_s: float = 0.0) -> None:
    async with moves.overruled(1):
        await asyncio.sleep(after_s)
        raise error


@virtual
async def test_one_that_was_refused_is_none_and_one_that_may_have_happened_is() -> None:
    line = Line()
    moves = line.moves()
    await moves.move(1, Decimal(10))
    kept = asyncio.create_task(moves.move(1, Decimal(20)))
    await asyncio.sleep(0)
    with pytest.raises(NotSent):
        await overruling(
            moves, NotSent("shut"), after_s=5
        )  # the work that would have sent it is over
    await kept
    lost = asyncio.create_task(moves.move(1, Decimal(30)))
    await asyncio.sleep(0)
    with pytest.raises(AnswerLost):
        await overruling(moves, AnswerLost("cut"))
    with pytest.raises(AnswerLost):
        await lost
    assert line.prices == [10, 20]


@virtual
async def test_what_had_no_room_does_not_leave_after_a_newer_word() -> None:
    line = Line(RateLimited("full", retry_after_s=3.0))
    moves = line.moves()
    late = asyncio.create_task(moves.move(1, Decimal(10)))
    await asyncio.sleep(0.05)
    async with moves.overruled(1):
        await asyncio.sleep(0.2)
    await asyncio.wait_for(late, 5)
    await asyncio.sleep(20)
    assert line.prices == [10], "tried once, in vain"
    assert not moves._overruled
    assert not moves.is_under_way(1)


@virtual
async def test_what_tightens_a_wish_that_may_loosen_is_not_passed_over() -> None:
    line = Line()
    seen: list[tuple[int, bool]] = []
    moves = Moves(lambda _, price, only: _note(seen, price, only), spawn=line.moves()._spawn)
    await asyncio.gather(
        moves.move(1, Decimal(90)),
        moves.move(1, Decimal(95), tightens=Side.SELL),
        moves.move(1, Decimal(93), tightens=Side.SELL),
    )
    await asyncio.gather(
        moves.move(1, Decimal(96), tightens=Side.SELL),
        moves.move(1, Decimal(97), tightens=Side.SELL),
    )
    assert seen == [(95, False), (97, True)]


async def _note(seen: list[tuple[int, bool]], price: Decimal, tighten_only: bool) -> None:
    seen.append((int(price), tighten_only))


@virtual
async def test_a_wish_that_comes_as_the_work_ends_is_not_lost() -> None:
    line = Line(takes_s=0)
    moves = line.moves()
    for number in range(5):
        await moves.move(1, Decimal(number))
        await asyncio.sleep(MOVE_EVERY_S)
    assert line.prices == [0, 1, 2, 3, 4]


@virtual
async def test_orders_do_not_wait_for_each_other() -> None:
    line = Line()
    moves = line.moves()
    await asyncio.gather(*(moves.move(order_id, Decimal(1)) for order_id in range(5)))
    assert {at for at, _ in line.sent} == {0.0}


@virtual
async def test_no_room_in_the_budget_waits_and_then_sends_the_latest() -> None:
    line = Line(RateLimited("full", retry_after_s=3))
    moves = line.moves()
    first = asyncio.create_task(moves.move(1, Decimal(1)))
    await asyncio.sleep(1)
    second = asyncio.create_task(moves.move(1, Decimal(2)))
    await asyncio.gather(first, second)
    assert line.prices == [1, 2]


@virtual
async def test_an_error_goes_to_whoever_waits_and_the_next_move_goes_on() -> None:
    line = Line(ModeRefused("no", mode="HALTED", causes=(), next_step="wait"))
    moves = line.moves()
    with pytest.raises(ModeRefused):
        await moves.move(1, Decimal(1))
    await moves.move(1, Decimal(2))
    assert line.prices == [1, 2]


@virtual
async def test_when_the_work_is_cut_short_nobody_waits_on() -> None:
    line = Line(takes_s=100)
    moves = line.moves()
    waiting = asyncio.create_task(moves.move(1, Decimal(1)))
    await asyncio.sleep(1)
    line.tasks[0].cancel()
    ended = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)
