"""Everything that waits for a reader, at once: for recorders, scanners and tables.

One wake and one list for all that came together, where `async for item in stream` takes a step for each
item. What a stream promises is promised of its batches: the order, the counts, the loud end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

ItemT = TypeVar("ItemT")


class Batches(Generic[ItemT]):
    """``async for batch in stream.batches()``: lists of at least one item, oldest first.

    A reader that is busy, or sleeps on purpose, finds all that came meanwhile in its next batch. It reads
    the stream itself: what a batch had no single read gets, and both may be used in turns. A read that
    is cancelled loses nothing, and the next one goes on, which a generator would not.
    """

    def __init__(self, take: Callable[[], Coroutine[Any, Any, list[ItemT]]]) -> None:
        """`take` waits until there is something, and takes all of it."""
        self._take = take

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, list[ItemT]]:
        return self._take()
