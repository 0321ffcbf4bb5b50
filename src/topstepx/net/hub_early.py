"""What a second line of the market hub tells before it counts, so that a move to it has no seam.

The gateway tells a book once, to who asks for it, and a first full quote as well. While the hub moves to a
new token both come on the second line and the first one still counts; told at the switch they make books
and quotes whole. Thrown away, every book would be broken until the next reconnect.

Both lines tell the same tape, one a little ahead of the other. The trades of both are laid upon each other:
what only the second told is told at the switch, and what it tells again afterwards is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.wire.codec import PayloadMalformed
from topstepx.wire.enums import DomType
from topstepx.wire.hub_events import decode_event
from topstepx.wire.hub_models import Depth, QuoteUpdate, TapeUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.signalr import Invocation
    from topstepx.wire.hub_models import HubEvent, TapeTrade

_KEPT_MAX: Final = 50_000
"""How many quotes and rows of books, and how many trades of a contract, of each of the lines."""

_SETTLES: Final = 2_000
"""After so many events from the switch on nothing comes twice any more."""


class Early:
    """`begin` it with the second line, `keep` what that one says, and `take` it all at the switch."""

    def __init__(self) -> None:
        self.is_busy = False
        """Whether what the line that counts says must go through `passing`."""
        self._settles: int | None = None
        """How many events after the switch are still looked at; None before it."""
        self._kept: list[Depth | QuoteUpdate] = []
        self._reset_at: dict[str, int] = {}
        """Where in `_kept` each contract's book begins."""
        self._told: dict[str, list[TapeTrade]] = {}
        self._tape: dict[str, list[TapeTrade]] = {}

    def begin(self) -> None:
        """A second line is made."""
        self.end()
        self.is_busy = True

    def end(self) -> None:
        """It is over, or something is missing, or it is too much: books begin with their next Reset."""
        self.is_busy, self._settles = False, None
        for each in (self._kept, self._reset_at, self._told, self._tape):
            each.clear()

    # -- what the second line says

    def keep(self, events: Iterable[HubEvent]) -> None:
        """The second line told these, in this order."""
        if not self.is_busy:
            return
        for event in events:
            if type(event) is TapeUpdate:
                self._tape.setdefault(event.contract_id, []).extend(event.trades)
            elif type(event) is QuoteUpdate:
                self._kept.append(event)
            elif type(event) is Depth:
                if any(row.type is DomType.RESET for row in event.rows):
                    self._reset_at[event.contract_id] = len(self._kept)
                if event.contract_id in self._reset_at:
                    self._kept.append(event)
        longest = max(map(len, self._tape.values()), default=0)
        if max(len(self._kept), longest) > _KEPT_MAX:
            self.end()

    def hear(self, invocation: Invocation) -> None:
        """The second line called one of our methods."""
        try:
            self.keep(decode_event(invocation.target, invocation.arguments))
        except PayloadMalformed:
            self.end()

    def take(self) -> tuple[HubEvent, ...]:
        """The switch: what has to be told now, oldest first of each kind."""
        if not self.is_busy:
            return ()
        told: list[HubEvent] = [
            event
            for place, event in enumerate(self._kept)
            if type(event) is QuoteUpdate or place >= self._reset_at[event.contract_id]
        ]
        for contract_id, trades in self._tape.items():
            news = self._news(contract_id, tuple(trades))
            if news:
                told.append(TapeUpdate(contract_id, news))
        self._kept.clear()
        self._settles = _SETTLES
        return tuple(told)

    # -- what the line that counts says

    def passing(self, events: Iterable[HubEvent]) -> list[HubEvent]:
        """These without the trades that were told already."""
        passed = list(events)
        if self._settles is None:
            for event in passed:
                if type(event) is TapeUpdate:
                    told = self._told.setdefault(event.contract_id, [])
                    told += event.trades
                    del told[:-_KEPT_MAX]
            return passed
        self._settles -= len(passed)
        fresh: list[HubEvent] = []
        for event in passed:
            if type(event) is not TapeUpdate:
                fresh.append(event)
            elif news := self._news(event.contract_id, event.trades):
                fresh.append(TapeUpdate(event.contract_id, news))
        if self._settles <= 0:
            self.end()
        return fresh

    def _news(self, contract_id: str, trades: tuple[TapeTrade, ...]) -> tuple[TapeTrade, ...]:
        """Those after the place where they lie upon what was told; all of them where they do not."""
        told = self._told.get(contract_id)
        if not told or not trades:
            return trades
        for place in range(len(told)):
            both = min(len(told) - place, len(trades))
            if told[place] == trades[0] and told[place : place + both] == [*trades[:both]]:
                del told[: place + both]
                return trades[both:]
        told.clear()
        return trades
