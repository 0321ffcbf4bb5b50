"""Work that outlives its caller: its end is told once, to whoever still waits."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from topstepx.desk.carrying import carried
from topstepx.testing.loop import virtual


class Broken(Exception):
    """What the work ends with."""


async def _works(seconds: float, *, fails: bool = False) -> str:
    await asyncio.sleep(seconds)
    if fails:
        raise Broken
    return "done"


def _future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


@virtual
async def test_its_result_and_its_error_reach_the_caller() -> None:
    for fails in (False, True):
        told = _future()
        task = asyncio.create_task(carried(partial(_works, 1, fails=fails), told))
        if fails:
            with pytest.raises(Broken):
                await told
        else:
            assert await told == "done"
        await asyncio.wait({task})
        assert (task.exception() is not None) is fails


@virtual
async def test_a_caller_that_is_gone_stops_nothing() -> None:
    told = _future()
    task = asyncio.create_task(carried(partial(_works, 1), told))
    caller = asyncio.ensure_future(asyncio.wait_for(told, 0.5))
    with pytest.raises(TimeoutError):
        await caller
    assert await task == "done"


@virtual
async def test_work_that_is_cancelled_cancels_who_waits() -> None:
    told = _future()
    task = asyncio.create_task(carried(partial(_works, 1), told))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await told
    assert told.cancelled()


@virtual
async def test_work_that_is_cancelled_before_it_begins_leaves_nothing_behind() -> None:
    told = _future()
    task = asyncio.create_task(carried(partial(_works, 1), told))
    task.add_done_callback(lambda _: told.cancel())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await told
