"""Who streams which market data: looked up once for each message, so that it is found together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import ref

if TYPE_CHECKING:
    from topstepx.desk.streams import MarketStream

ItemT = TypeVar("ItemT")


class Feed(Generic[ItemT]):
    """One kind of market data of one contract."""

    __slots__ = ("is_whole", "spoke", "streams")

    def __init__(self) -> None:
        # Weak references in a tuple: a WeakSet takes twelve times as long to walk, for each message.
        self.streams: tuple[ref[MarketStream[ItemT]], ...] = ()
        """Every stream that is not dropped."""
        self.spoke = False
        """Whether something came since somebody asked last."""
        self.is_whole = False
        """Of a book: its Reset came, and nothing was lost since."""


class Audience(Generic[ItemT]):
    """The streams of one kind of market data, by contract; one that is dropped is forgotten."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed[ItemT]] = {}
        """Every contract that somebody streamed."""

    def add(self, stream: MarketStream[ItemT], *contract_ids: str) -> None:
        """From now on the stream gets what is pushed for these contracts."""
        for contract_id in contract_ids:
            self._add(contract_id, stream)

    def _add(self, contract_id: str, stream: MarketStream[ItemT]) -> None:
        feed = self.feeds.setdefault(contract_id, Feed())

        def forget(dropped: ref[MarketStream[ItemT]]) -> None:
            feed.streams = tuple(one for one in feed.streams if one is not dropped)

        feed.streams = (*feed.streams, ref(stream, forget))

    def push(self, contract_id: str, item: ItemT) -> None:
        """An item for every stream of the contract."""
        for stream in self._streams(contract_id):
            stream.push(item)

    def wake(self, contract_id: str) -> None:
        """Something of the contract comes in this turn of the loop: who waits for it goes on after it."""
        for stream in self._streams(contract_id):
            stream.wake()

    def open(self, contract_id: str) -> int:
        """How many streams of the contract have begun and not ended."""
        return sum(stream.is_open for stream in self._streams(contract_id))

    def _streams(self, contract_id: str) -> list[MarketStream[ItemT]]:
        """Those of the contract that are not dropped."""
        feed = self.feeds.get(contract_id)
        references = () if feed is None else feed.streams
        return [stream for reference in references if (stream := reference()) is not None]

    def contracts(self) -> tuple[str, ...]:
        """The contracts that somebody streams now."""
        return tuple(contract_id for contract_id in self.feeds if self.open(contract_id))

    def broken(self) -> tuple[str, ...]:
        """The contracts of which somebody reads depth without a whole book."""
        return tuple(
            contract_id
            for contract_id, feed in self.feeds.items()
            if any(
                stream.is_open and (stream.lacks_book(contract_id) or not feed.is_whole)
                for stream in self._streams(contract_id)
            )
        )

    def end(self) -> None:
        """End every stream."""
        for contract_id in self.feeds:
            for stream in self._streams(contract_id):
                stream.end()
