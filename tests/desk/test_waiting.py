"""Waiting for a fact: seen at once, asked for now and then, and over in time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from topstepx.desk.record import Record
from topstepx.desk.waiting import until
from topstepx.errors import AnswerLost
from topstepx.events import AlarmRaised
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, virtual


def record() -> Record:
    return Record(MemoryJournal(), clock=LoopClock())


def tell(book: Record) -> None:
    """Any fact."""
    book.commit(AlarmRaised(at=book.stamp(), name="test", detail="something happened"))


class Seen:
    """What a test turns on; `look` sees it."""

    def __init__(self, value: Any = None) -> None:  # noqa: ANN401  anything may be seen
        self.value, self.asked = value, 0

    def look(self) -> Any:  # noqa: ANN401  as above
        return self.value


def now_s() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_what_is_there_already_is_given_without_asking_or_waiting() -> None:
    seen = Seen("here")

    async def ask() -> None:
        pytest.fail("nobody needs to be asked")

    began_s = now_s()
    assert await until(record(), seen.look, timeout_s=10, ask=ask) == "here"
    assert now_s() == began_s


@virtual
async def test_a_fact_is_seen_in_the_moment_it_is_told() -> None:
    book, seen = record(), Seen()
    await book.open()
    began_s = now_s()

    def happens() -> None:
        seen.value = 7
        tell(book)

    asyncio.get_running_loop().call_later(1.25, happens)
    assert await until(book, seen.look, timeout_s=10) == 7
    assert now_s() - began_s == pytest.approx(1.25)
    await book.close()


@virtual
async def test_nothing_seen_is_none_exactly_when_time_is_up() -> None:
    began_s = now_s()
    assert await until(record(), Seen().look, timeout_s=3) is None
    assert now_s() - began_s == pytest.approx(3)


@virtual
async def test_it_asks_now_and_then_and_again_after_a_failure() -> None:
    seen = Seen()

    async def ask() -> None:
        seen.asked += 1
        if seen.asked < 3:
            raise AnswerLost("not this time")
        seen.value = "asked"

    began_s = now_s()
    assert await until(record(), seen.look, timeout_s=60, ask=ask, every_s=2) == "asked"
    assert now_s() - began_s == pytest.approx(6)
    assert seen.asked == 3


@virtual
async def test_a_slow_answer_hides_neither_a_fact_nor_the_end() -> None:
    book, seen = record(), Seen()
    await book.open()

    async def ask() -> None:
        seen.asked += 1
        await asyncio.sleep(30)

    def happens() -> None:
        seen.value = "told"
        tell(book)

    began_s = now_s()
    asyncio.get_running_loop().call_later(5, happens)
    assert await until(book, seen.look, timeout_s=20, ask=ask, every_s=1) == "told"
    assert now_s() - began_s == pytest.approx(5)
    seen.value, began_s = None, now_s()
    assert await until(book, seen.look, timeout_s=4, ask=ask, every_s=1) is None
    assert now_s() - began_s == pytest.approx(4)
    assert seen.asked == 2
    await book.close()


@virtual
async def test_without_a_time_it_waits_for_as_long_as_it_takes() -> None:
    seen = Seen()

    async def ask() -> None:
        seen.asked += 1
        if seen.asked == 1000:
            seen.value = True

    assert await until(record(), seen.look, timeout_s=None, ask=ask) is True


@virtual
async def test_a_bug_in_asking_is_heard() -> None:
    async def ask() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until(record(), Seen().look, timeout_s=60, ask=ask)


@virtual
async def test_cancelling_stops_the_asking_and_the_listening() -> None:
    book, seen = record(), Seen()

    async def ask() -> None:
        seen.asked += 1

    waiting = asyncio.create_task(until(book, seen.look, timeout_s=None, ask=ask, every_s=1))
    await asyncio.sleep(3.5)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    await asyncio.sleep(10)
    assert seen.asked == 3
    assert not book._listeners


@virtual
async def test_the_end_comes_whatever_the_clocks_fractions_are() -> None:
    """A timer may fire a hair before its time; waiting for that hair again would never end."""
    book = record()
    for number in range(300):
        timeout_s = 0.1 + number / 7
        began_s = now_s()
        assert await until(book, Seen().look, timeout_s=timeout_s) is None
        assert now_s() - began_s == pytest.approx(timeout_s)
