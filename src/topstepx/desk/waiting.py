"""Waiting for the ledger to say something, with REST asked now and then in case the hub is deaf."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.core.ledger import Change
    from topstepx.desk.record import Record
    from topstepx.events import Event

ResultT = TypeVar("ResultT")


async def until(
    record: Record,
    look: Callable[[], ResultT | None],
    *,
    timeout_s: float | None,
    ask: Callable[[], Awaitable[None]] | None = None,
    every_s: float = 2.0,
) -> ResultT | None:
    """What `look` sees, as soon as it sees something; None when `timeout_s` ran out first.

    `ask` reads the gateway every `every_s` seconds meanwhile; what it cannot reach is asked again later.
    """
    loop = asyncio.get_running_loop()
    ends_at = None if timeout_s is None else loop.time() + timeout_s
    changed = asyncio.Event()

    def on_fact(_event: Event, _changes: tuple[Change, ...]) -> None:
        changed.set()

    forget = record.listen(on_fact)
    try:
        while True:
            seen = look()
            if seen is not None:
                return seen
            left_s = None if ends_at is None else ends_at - loop.time()
            if left_s is not None and left_s <= 0:
                return None
            pause_s = every_s if left_s is None else min(every_s, left_s)
            changed.clear()
            try:
                async with asyncio.timeout(pause_s):
                    await changed.wait()
            except TimeoutError:
                if ask is not None:
                    await _quietly(ask)
    finally:
        forget()


async def _quietly(ask: Callable[[], Awaitable[None]]) -> None:
    try:
        await ask()
    except TopstepxError:
        return  # the hub may still tell; the wait has its own end
