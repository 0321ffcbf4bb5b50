"""The story of one order as an async iterator: what was told so far, then what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from topstepx.desk.order import Order
    from topstepx.desk.record import Record
    from topstepx.events import Event


async def story(order: Order, record: Record) -> AsyncGenerator[Event, None]:
    """Each fact about an order once, from its first one on; ends when the order is over.

    Raises `StreamLagged` for a reader that falls ten thousand facts behind.
    """
    told: set[str] = set()
    async with record.events() as facts:
        while True:
            for event in order.log:
                if event.id not in told:
                    told.add(event.id)
                    yield event
            if order.is_over:
                return
            async for event in facts:
                if order.concerns(event) or order.is_over:
                    break
            else:
                return  # the client was closed
