"""Depth, for one reader: a book is only whole from the Reset on that this reader was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.desk.streams import MarketStream
from topstepx.wire.enums import DomType
from topstepx.wire.hub_models import Depth

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from topstepx.desk.wakes import Wakes


class DepthStream(MarketStream[Depth]):
    """Every depth message, invalid until its contract's Reset, whatever other streams were told before."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], None],
        contract_ids: Iterable[str],
        *,
        items_max: int,
        wakes: Wakes | None = None,
    ) -> None:
        super().__init__(name, start, stop, items_max=items_max, wakes=wakes)
        self._without_book = set(contract_ids)

    def push(self, item: Depth) -> None:
        """Called by the feed; never waits."""
        if self._without_book and self._room:
            item = self._so_far(item)
        # As `MarketStream.push`, without a call: half of all traffic goes through here.
        items = self._items
        if len(items) >= self._room:
            self._refuse()
            return
        items.append(item)
        if self._waits:
            self._waits = False
            self._wakes.add(self._waiter)

    def lacks_book(self, contract_id: str) -> bool:
        """Whether no Reset of the contract was told here yet."""
        return contract_id in self._without_book

    def _so_far(self, item: Depth) -> Depth:
        if item.contract_id not in self._without_book or not item.is_valid:
            return item
        if any(row.type is DomType.RESET for row in item.rows):
            self._without_book.discard(item.contract_id)
            return item
        return Depth(item.contract_id, item.rows, is_valid=False)
