"""What the hub owes: each debt is looked at once, in its time, and a loop that stood still looks again."""

from __future__ import annotations

import asyncio
import gc
import weakref

from topstepx.desk.owed import STALL_S, Debt, Owed
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual


def debt(what: str, told_ns: int | None = None) -> Debt:
    return Debt(what, 1, 50, lambda: told_ns)


@virtual
async def test_each_is_due_once_in_its_time_however_many_there_are() -> None:
    loop = asyncio.get_running_loop()
    due: list[tuple[str, float, float]] = []
    owed = Owed(lambda one, within_s: due.append((one.what, within_s, loop.time() - began_s)))
    began_s = loop.time()
    for number in range(3):
        owed.expect(debt(f"order {number}"), 5.0)
        owed.expect(debt(f"young {number}"), 4.0)
        await asyncio.sleep(0.5)
    await asyncio.sleep(3.0)
    owed.expect(debt("after a pause"), 5.0)
    await asyncio.sleep(20.0)
    assert [what for what, *_ in due] == [
        *("young 0", "young 1", "order 0", "young 2", "order 1", "order 2", "after a pause")
    ]
    assert [within_s for _, within_s, _ in due] == [4.0, 4.0, 5.0, 4.0, 5.0, 5.0, 5.0]
    assert [round(at_s, 3) for *_, at_s in due] == [4.0, 4.5, 5.0, 5.0, 5.5, 6.0, 9.5]


@virtual
async def test_what_is_expected_while_another_is_looked_at_is_looked_at_too() -> None:
    due: list[str] = []

    def look(one: Debt, within_s: float) -> None:
        due.append(one.what)
        if len(due) < 3:
            owed.expect(debt(one.what + "+"), within_s)

    owed = Owed(look)
    owed.expect(debt("a"), 1.0)
    await asyncio.sleep(10.0)
    assert due == ["a", "a+", "a++"]


@virtual
async def test_what_is_dropped_is_never_looked_at_and_leaves_no_timer() -> None:
    due: list[str] = []
    owed = Owed(lambda one, _within_s: due.append(one.what))
    owed.expect(debt("a"), 1.0)
    there = weakref.ref(owed)
    owed.drop()
    await asyncio.sleep(2.0)
    assert not due
    owed.expect(debt("b"), 1.0)
    await asyncio.sleep(2.0)
    assert due == ["b"]
    owed.expect(debt("c"), 1000.0)
    owed.drop()
    del owed
    gc.collect()
    await asyncio.sleep(0)
    assert there() is None


def test_it_is_paid_when_it_was_told_since() -> None:
    assert [debt("x", told_ns).is_paid for told_ns in (None, 49, 50, 51)] == [
        False,
        False,
        True,
        True,
    ]


async def _stands_still() -> list[float]:
    """When two debts were due, had the loop stood still for longer than a stall, in fives of a second."""
    loop = asyncio.get_running_loop()
    due: list[float] = []
    owed = Owed(lambda *_: due.append(loop.time() - began_s))
    began_s = loop.time()
    owed.expect(debt("a"), 0.01)
    owed.expect(debt("b"), 0.01)
    end_s = began_s + STALL_S + 0.1
    while loop.time() < end_s:  # blocked on purpose
        pass
    await eventually(lambda: len(due) == 2, timeout_s=10)  # a busy machine takes longer
    return due


def test_after_a_stall_what_waits_to_be_read_is_heard_first() -> None:
    due = asyncio.run(_stands_still())
    assert len(due) == 2
    assert min(due) >= 2 * STALL_S
