"""What the venue must know about a contract to trade it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

_ABSURD = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class VenueContract:
    """One listed contract.

    `tick_value` is the money one tick of one contract is worth; `fees` and `commissions` are money per
    contract and side. `micro` contracts count a tenth towards an account's position limit.
    """

    id: str
    symbol_id: str
    display_name: str
    tick_size: Decimal
    tick_value: Decimal
    fees: Decimal = Decimal(0)
    commissions: Decimal = Decimal(0)
    micro: bool = False
    active: bool = True
    point_value: Decimal = field(init=False)
    """Money per whole point of price and contract: tick value over tick size, always exact."""

    def __post_init__(self) -> None:
        if self.tick_size <= 0 or self.tick_value <= 0:
            raise ValueError(f"{self.id}: tick size and tick value must be above 0")
        point_value = self.tick_value / self.tick_size
        if point_value * self.tick_size != self.tick_value:
            raise ValueError(f"{self.id}: {self.tick_value} per {self.tick_size} is not exact")
        object.__setattr__(self, "point_value", point_value)

    def is_aligned(self, price: Decimal) -> bool:
        """Whether the price, which must be plausible, lies on the tick grid."""
        return price % self.tick_size == 0

    @staticmethod
    def is_plausible(price: Decimal) -> bool:
        """Whether it can be a price at all: finite, and small enough to calculate with exactly."""
        return price.is_finite() and abs(price) < _ABSURD

    def nearest(self, price: Decimal) -> Decimal:
        """The price on the grid that is closest; a tie goes up."""
        below = self.ticks_in(price) * self.tick_size
        rest = price - below
        if rest < 0:
            below, rest = below - self.tick_size, rest + self.tick_size
        return below + self.tick_size if rest * 2 >= self.tick_size else below

    def ticks_in(self, distance: Decimal) -> int:
        """How many whole ticks fit into a distance in price; fractions are dropped (documented)."""
        return int(distance / self.tick_size)

    def points(self, ticks: int) -> Decimal:
        """The distance in price of so many ticks."""
        return ticks * self.tick_size
