"""The client's own tasks: none is lost, none outlives it, and a dead one is heard."""

from __future__ import annotations

import asyncio

import pytest

from topstepx.desk.tasks import Tasks
from topstepx.testing.loop import virtual


class Deaths:
    """What was told to `died`."""

    def __init__(self) -> None:
        self.told: list[tuple[str, type[BaseException]]] = []
        self.tasks = Tasks(lambda name, error: self.told.append((name, type(error))))


async def fails() -> None:
    await asyncio.sleep(1)
    raise ZeroDivisionError


async def forever() -> None:
    await asyncio.sleep(10**6)


@virtual
async def test_a_task_that_dies_of_a_bug_is_told_by_name() -> None:
    deaths = Deaths()
    deaths.tasks.spawn(fails(), "the market hub")
    deaths.tasks.spawn(asyncio.sleep(1), "fine")
    await asyncio.sleep(2)
    assert deaths.told == [("the market hub", ZeroDivisionError)]


@virtual
async def test_an_unwatched_one_is_heard_by_who_awaits_it_only() -> None:
    deaths = Deaths()
    task = deaths.tasks.spawn(fails(), "a send", watched=False)
    with pytest.raises(ZeroDivisionError):
        await task
    deaths.tasks.spawn(fails(), "a send that nobody awaits", watched=False)
    await asyncio.sleep(2)  # the loop would tell of an error that nobody looked at
    assert deaths.told == []


@virtual
async def test_stopping_cancels_everything_and_waits_for_the_last_word() -> None:
    deaths = Deaths()
    words: list[str] = []

    async def tidies() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(1)
            words.append("tidied")

    running = [deaths.tasks.spawn(tidies(), "tidy"), deaths.tasks.spawn(forever(), "x")]
    await asyncio.sleep(1)
    await deaths.tasks.stop()
    assert words == ["tidied"]
    assert all(task.done() for task in running)
    assert deaths.told == [], "to be cancelled is not to die"
    await deaths.tasks.stop()


@virtual
async def test_a_task_may_stop_the_others_without_cancelling_itself() -> None:
    deaths = Deaths()
    other = deaths.tasks.spawn(forever(), "other")
    await deaths.tasks.spawn(deaths.tasks.stop(), "stopper", watched=False)
    assert other.cancelled()


@virtual
async def test_finish_waits_for_what_is_on_its_way_but_not_for_ever() -> None:
    deaths = Deaths()
    loop = asyncio.get_running_loop()
    quick = deaths.tasks.spawn(asyncio.sleep(2), "quick")
    began_s = loop.time()
    await deaths.tasks.finish({quick}, 10)
    assert loop.time() - began_s == pytest.approx(2)
    await deaths.tasks.finish({quick}, 10)
    await deaths.tasks.finish(set(), 10)
    slow = deaths.tasks.spawn(forever(), "slow")
    await deaths.tasks.finish({slow}, 10)
    assert loop.time() - began_s == pytest.approx(12)
    assert not slow.done()
    await deaths.tasks.stop()
