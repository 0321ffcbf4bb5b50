"""Awaiting somebody else's coroutine without showing what it waits for.

A task's repr holds the future that the task waits for, and a finished future's repr holds its exception.
picows quotes in such an exception what the server said, and a server may repeat the token it was sent.
Between that and the next step of ours, whoever prints the tasks (asyncio's debug mode does, when a step
was slow) would print the token. So our task waits for a future of our own, which holds nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")


class Screened(Generic[T]):
    """`await Screened(coroutine)` is `await coroutine`; cancelling it cancels what is waited for."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        """The coroutine's result, or what it raises."""
        inner = self._coroutine
        error: BaseException | None = None
        while True:
            try:
                waits_for = inner.send(None) if error is None else inner.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            error = None
            try:
                yield from _behind(waits_for)
            except BaseException as raised:  # noqa: BLE001  # boundary: it is handed to the coroutine
                error = raised


def _behind(waits_for: asyncio.Future[Any] | None) -> Generator[Any, Any, None]:
    """Wait until it is done, by a future that holds nothing; None is a bare step of the loop."""
    if waits_for is None:
        yield
        return
    # A future hands itself over so marked; whoever takes it, takes the mark off (as asyncio.Task does).
    waits_for._asyncio_future_blocking = False  # noqa: SLF001  the loop's own protocol
    screen: asyncio.Future[None] = waits_for.get_loop().create_future()

    def done(_: object) -> None:
        if not screen.done():
            screen.set_result(None)

    waits_for.add_done_callback(done)
    try:
        yield from screen
    except asyncio.CancelledError:
        waits_for.cancel()
        raise
    finally:
        waits_for.remove_done_callback(done)
