"""The story of one order as an async iterator: what was told so far, then what is told.

The story is read from the order's own log, which is whole; the stream of facts says when to look again.
So a reader may take as long as it likes over each fact, and the last ones are told although the order
ended meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.errors import StreamLagged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from topstepx.desk.order import Order
    from topstepx.desk.record import Record
    from topstepx.events import Event


async def story(order: Order, record: Record) -> AsyncGenerator[Event, None]:
    """Each fact about an order once, from its first one on; ends when the order is over.

    Raises `StreamLagged` for a reader so slow that the log of the order was forgotten meanwhile: that of
    the 5,000 orders spoken of last is kept.
    """
    told: set[str] = set()
    missed = 0
    while True:
        async with record.events(reader="") as facts:
            if missed and not told.issubset(event.id for event in order.log):
                raise StreamLagged("the order's events", missed)
            try:
                for event in _news(order, told):
                    yield event
                while facts.behind or not order.is_over:
                    fact = await anext(facts, None)
                    if fact is None:
                        return  # the client was closed
                    for event in _news(order, told, fact):
                        yield event
            except StreamLagged as lagged:
                missed = lagged.missed
            else:
                return


def _news(order: Order, told: set[str], fact: Event | None = None) -> Iterator[Event]:
    """What its log has and was not told, until it has nothing more; `fact` too, if its log is forgotten."""
    concerned = fact is not None and order.concerns(fact)
    if fact is not None and not concerned and not order.is_over:
        return
    while news := [event for event in order.log if event.id not in told]:
        for event in news:
            told.add(event.id)
            yield event
    if fact is not None and concerned and fact.id not in told:
        told.add(fact.id)
        yield fact
