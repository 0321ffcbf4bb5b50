"""Waiting for the ledger to say something, with REST asked now and then in case the hub is deaf."""

from __future__ import annotations

import asyncio
import contextlib
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
    asking = None if ask is None else asyncio.create_task(_keep_asking(ask, every_s, changed))
    try:
        while True:
            changed.clear()
            seen = look()
            if seen is not None:
                return seen
            if asking is not None and asking.done():
                asking.result()  # a bug of the asker is not a reason to wait on
            if ends_at is not None and loop.time() >= ends_at:
                return None
            try:
                async with asyncio.timeout_at(ends_at):
                    await changed.wait()
            except TimeoutError:
                # Not by the clock: the timer may come a hair before `ends_at`, and would come again.
                return look()
    finally:
        forget()
        if asking is not None:
            asking.cancel()


async def _keep_asking(
    ask: Callable[[], Awaitable[None]], every_s: float, asked: asyncio.Event
) -> None:
    """Beside the wait: a slow answer must not keep what the hub says meanwhile from being seen."""
    try:
        while True:
            await asyncio.sleep(every_s)
            with contextlib.suppress(TopstepxError):  # the hub may still tell
                await ask()
            asked.set()
    finally:
        asked.set()
