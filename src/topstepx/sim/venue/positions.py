"""One netted position: sizes, the exact average, and the profit of what is closed.

Averages of fills need not be finite decimals (two at 1.00 and one at 1.25), so the average is kept as
an exact fraction and rounded to the wire's nine digits only when shown. Profit is rounded to a
hundredth of a cent per closing; what rounding takes or gives is carried to the next closing, so that
a position that is flat again has realised exactly what its prices say.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from topstepx.sim.venue.money import MONEY_STEP, rounded, shown_price, tidy
from topstepx.wire.enums import PositionType, Side
from topstepx.wire.models import PositionModel

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.sim.venue.contracts import VenueContract


@dataclass(frozen=True, slots=True)
class HalfTurn:
    """What one fill did: `profit` is None when it opened."""

    size: int
    profit: Decimal | None


class Position:
    """The net position of one account in one contract; `size` is signed, 0 is flat."""

    __slots__ = ("account_id", "average", "carried", "contract", "id", "opened", "shown", "size")

    def __init__(self, account_id: int, contract: VenueContract) -> None:
        self.account_id, self.contract = account_id, contract
        self.id = 0
        self.size = 0
        self.average = Fraction(0)
        self.shown = Decimal(0)
        self.carried = Fraction(0)
        self.opened: datetime | None = None

    @property
    def average_price(self) -> Decimal:
        """The average entry price, as shown; after the close, that of what was closed (observed)."""
        return self.shown

    def closes(self, side: Side, size: int) -> int:
        """How many of `size` contracts on `side` would reduce this position."""
        return min(size, abs(self.size)) if self.size * side.sign < 0 else 0

    def apply(self, side: Side, size: int, price: Decimal) -> tuple[HalfTurn, ...]:
        """Take a fill; one half-turn, or two when it turns the position around."""
        closing = self.closes(side, size)
        turns = []
        if closing:
            turns.append(HalfTurn(closing, self._close(side, closing, price)))
        if size > closing:
            self._open(side, size - closing, price)
            turns.append(HalfTurn(size - closing, None))
        return tuple(turns)

    def _close(self, side: Side, size: int, price: Decimal) -> Decimal:
        """The profit of taking `size` off, gross of fees."""
        points = (Fraction(price) - self.average) * -side.sign
        exact = points * size * Fraction(self.contract.point_value) + self.carried
        profit = rounded(exact, MONEY_STEP)
        self.carried = exact - Fraction(profit)
        self.size += side.sign * size
        if self.size == 0:
            self.average, self.carried = Fraction(0), Fraction(0)
        return tidy(profit)

    def _open(self, side: Side, size: int, price: Decimal) -> None:
        held = abs(self.size)
        self.average = (self.average * held + Fraction(price) * size) / (held + size)
        self.size += side.sign * size
        self.shown = shown_price(self.average)

    def take_over(self, other: Position) -> None:
        """Hold what another position of the same contract holds, under the own id."""
        self.size, self.average, self.carried = other.size, other.average, other.carried
        if other.size:
            self.shown = other.shown

    def model(self) -> PositionModel:
        """The position as the gateway shows it; flat is type 0 with size 0 (observed)."""
        kind = PositionType.UNDEFINED
        if self.size:
            kind = PositionType.LONG if self.size > 0 else PositionType.SHORT
        assert self.opened is not None  # noqa: S101  a position is shown only once it was opened
        return PositionModel(
            id=self.id,
            account_id=self.account_id,
            contract_id=self.contract.id,
            contract_display_name=self.contract.display_name,
            creation_timestamp=self.opened,
            type=kind,
            size=abs(self.size),
            average_price=self.shown,
        )
