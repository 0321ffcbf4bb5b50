"""What a storm did, one line for each step, and how much of everything there was."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from topstepx.events import Event, Observation
from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel

if TYPE_CHECKING:
    from collections.abc import Callable


class Line(NamedTuple):
    """One step: when (virtual seconds), who, and what; `what` is put into words only when asked for."""

    at_s: float
    who: str
    what: object

    def __str__(self) -> str:
        return f"{self.at_s:12.6f} {self.who:8} {_words(self.what)}"


class Trace:
    """Every step of a storm in the order in which it happened, and a count of each kind."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self.lines: list[Line] = []
        self.counts: Counter[str] = Counter()

    def note(self, who: str, what: object, *, count: str = "") -> None:
        """Write a step down; `count` also counts it under that name."""
        self.lines.append(Line(self._now_s(), who, what))
        if count:
            self.counts[count] += 1

    def text(self) -> str:
        """The whole story."""
        return "".join(f"{line}\n" for line in self.lines)


def _words(what: object) -> str:
    if not isinstance(what, Event):
        return str(what)
    origin = "" if what.origin == "live" else f" ({what.origin})"
    parts = [
        f"{name}={_short(value)}" for name, value in what.content().items() if value is not None
    ]
    source = f" by {what.source}" if isinstance(what, Observation) else ""
    return f"{what.kind}{origin}{source} {' '.join(parts)}"


def _short(value: object) -> str:
    """A value as people write it: models in a few words, everything on one line."""
    match value:
        case OrderModel():
            prices = f"{value.limit_price or ''}/{value.stop_price or ''}"
            done = f"{value.fill_volume} of {value.size}"
            name = f"{value.id} {value.side.name} {value.type.name} {prices}"
            return f"{name} {value.status.name} {done} {value.custom_tag or ''}".rstrip()
        case TradeModel():
            what = f"{value.side.name} {value.size} at {value.price}"
            return f"{value.id} of {value.order_id}: {what}{' voided' if value.voided else ''}"
        case PositionModel():
            return f"{value.type.name} {value.size} {value.contract_id}"
        case AccountModel():
            return f"{value.id} balance {value.balance} can_trade {value.can_trade}"
        case tuple():
            return "(" + ", ".join(_short(one) for one in value) + ")"
        case _:
            return str(value).replace("\n", " ")
