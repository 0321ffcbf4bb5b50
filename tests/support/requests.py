"""Small steps for tests about requests: limits, breakers, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from topstepx.events import Event

if TYPE_CHECKING:
    from topstepx.desk.event_stream import EventStream

E = TypeVar("E", bound=Event)


async def next_of(facts: EventStream, kind: type[E]) -> E:
    """The next fact of a stream, which is of this kind."""
    fact = await anext(facts)
    assert isinstance(fact, kind), fact
    return fact
