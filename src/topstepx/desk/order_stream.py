"""The story of one order as an async iterator: what was told so far, then what is told.

The story is read from the order's own log; the stream of facts says when to look again. So a reader may
take as long as it likes over each fact, and the last ones are told although the order ended meanwhile.
What the log keeps no longer is told as a number, in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.desk.order_log import FIRST_KEPT, LAST_KEPT, missed_since
from topstepx.errors import StreamLagged
from topstepx.events import FactsLeftOut

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from topstepx.desk.order import Order
    from topstepx.desk.record import Record
    from topstepx.events import Event

_REMEMBERED_MAX = 4 * (FIRST_KEPT + LAST_KEPT)


async def story(order: Order, record: Record) -> AsyncGenerator[Event, None]:
    """Each fact about an order once, from its first one on; ends when the order is over.

    Raises `StreamLagged` for a reader so slow that the log of the order was forgotten meanwhile: that of
    the 5,000 orders spoken of last is kept.
    """
    teller = _Teller(order)
    missed = 0
    while True:
        async with record.events(reader="") as facts:
            if missed and teller.is_forgotten():
                raise StreamLagged("the order's events", missed)
            try:
                for event in teller.news():
                    yield event
                while facts.behind or not order.is_over:
                    fact = await anext(facts, None)
                    if fact is None:
                        return  # the client was closed
                    for event in teller.after(fact):
                        yield event
            except StreamLagged as lagged:
                missed = lagged.missed
            else:
                return


class _Teller:
    """What one reader was told of an order, and what it has yet to hear."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._told: set[str] = set()
        self._noted = 0

    def is_forgotten(self) -> bool:
        """Whether the log begins after all that was told."""
        told = self._told
        return bool(told) and told.isdisjoint(event.id for event in self._order.log)

    def after(self, fact: Event) -> Iterator[Event]:
        """What is new when a fact was told; the fact itself too, if the log of its order is forgotten."""
        order = self._order
        concerned = order.concerns(fact)
        if concerned or order.is_over:
            yield from self.news()
            is_whole = order.facts_noted <= FIRST_KEPT + LAST_KEPT
            if concerned and is_whole and fact.id not in self._told:
                self._told.add(fact.id)
                yield fact

    def news(self) -> Iterator[Event]:
        """What the log has and was not told, until it has nothing more."""
        while news := self._look():
            yield from news

    def _look(self) -> list[Event]:
        noted, log = self._order.facts_noted, self._order.log
        before = self._noted if self._noted <= noted else 0  # it was forgotten and began anew
        missed, self._noted = missed_since(before, noted), noted
        if len(self._told) > _REMEMBERED_MAX:
            self._told &= {event.id for event in log}
        news: list[Event] = []
        for event in log:
            if isinstance(event, FactsLeftOut):
                if missed:
                    news.append(msgspec.structs.replace(event, left_out=missed, id=""))
            elif event.id not in self._told:
                self._told.add(event.id)
                news.append(event)
        return news
