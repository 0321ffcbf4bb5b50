"""Work that goes on when its caller is gone, and tells the caller as soon as it is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ResultT = TypeVar("ResultT")


async def carried(work: Callable[[], Awaitable[ResultT]], told: asyncio.Future[ResultT]) -> ResultT:
    """Do the work and put its end into `told`, which a caller that was cancelled does not hear any more.

    The same as awaiting a task through a shield, and one turn of the loop sooner. Cancelled before it
    began it does nothing, and whoever started it cancels `told`.
    """
    try:
        result = await work()
    except BaseException as error:  # boundary: however it ends, whoever waits hears of it
        if not told.done():
            if isinstance(error, asyncio.CancelledError):
                told.cancel()
            else:
                told.set_exception(error)
                told.exception()  # the caller may be cancelled in this very moment: not "never retrieved"
        raise
    if not told.done():
        told.set_result(result)
    return result
