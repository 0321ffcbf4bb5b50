"""What is awaited behind a screen ends as it would without one, and shows nothing meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from topstepx.net.screened import Screened
from topstepx.testing.loop import virtual


@virtual
async def test_results_errors_and_bare_steps_come_through() -> None:
    async def work(what: Exception | int) -> int:
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))
        await asyncio.to_thread(int, "1")
        if isinstance(what, Exception):
            raise what
        return what

    started = asyncio.get_running_loop().time()
    assert await Screened(work(7)) == 7
    assert asyncio.get_running_loop().time() == started + 2
    with pytest.raises(KeyError):
        await Screened(work(KeyError("x")))


@virtual
async def test_timeouts_inside_and_outside_strike() -> None:
    undone: list[str] = []

    async def slow(timeout_s: float) -> str:
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.sleep(60)
        except TimeoutError:
            return "inside"
        finally:
            await asyncio.sleep(1)
            undone.append("tidied")
        return "never"

    assert await Screened(slow(3)) == "inside"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await Screened(slow(30))
    assert undone == ["tidied", "tidied"]


@virtual
async def test_cancelling_reaches_what_is_waited_for() -> None:
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await waited

    task = asyncio.create_task(_awaited(Screened(work())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waited.cancelled()


@virtual
async def test_no_repr_of_the_task_shows_an_error_on_its_way() -> None:
    """Without the screen it does, for one turn of the loop."""

    async def work(future: asyncio.Future[None]) -> None:
        with pytest.raises(ValueError, match="canary"):
            await asyncio.shield(future)

    async def seen(*, screened: bool) -> str:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        working = work(future)
        task = asyncio.create_task(_awaited(Screened(working)) if screened else working)
        await asyncio.sleep(1)
        future.set_exception(ValueError("canary"))
        shown = ""
        while not task.done():
            shown += repr(task)
            await asyncio.sleep(0)
        await task
        return shown

    assert "canary" in await seen(screened=False)
    assert "canary" not in await seen(screened=True)


async def _awaited(screened: Screened[None]) -> None:
    await screened
