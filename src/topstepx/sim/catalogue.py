"""The contracts and accounts that the simulated gateway knows.

Contracts: verified are the form of ids, names and symbol ids, that `Contract/available` has one row
per product and every row active, and that a search is by substring with at most 20 rows. Assumed: that
`by_id` also knows later months, that those are not active, and that a month which lost the front stays
active until it expires (so that a position in it can be closed).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

from topstepx.errors import PriceOffGrid
from topstepx.sim.calendar import trading_day
from topstepx.sim.expiries import Expiry, front, unexpired
from topstepx.sim.products import PRODUCTS, Product, product
from topstepx.wire.models import ContractModel

if TYPE_CHECKING:
    from datetime import date, datetime

_MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
SEARCH_ROWS_MAX = 20
NEXT_EXPIRIES = 3


@dataclass(frozen=True)
class Listing:
    """One contract month of a product."""

    product: Product
    expiry: Expiry

    @cached_property
    def id(self) -> str:
        """The gateway's id, such as `CON.F.US.MNQ.U26`."""
        return f"CON.F.US.{self.product.root}.{self.expiry.code}{self.expiry.year % 100:02d}"

    @cached_property
    def name(self) -> str:
        """Short name with one digit of the year, such as `MNQU6`."""
        return f"{self.product.name}{self.expiry.code}{self.expiry.year % 10}"

    @cached_property
    def display_name(self) -> str:
        """Name with two digits of the year, such as `MNQU26`."""
        return f"{self.product.name}{self.expiry.code}{self.expiry.year % 100:02d}"

    @property
    def symbol_id(self) -> str:
        """The gateway's id of the product, such as `F.US.MNQ`."""
        return self.product.symbol_id

    @property
    def symbol_name(self) -> str:
        """How quotes name it, such as `/MNQ`."""
        return f"/{self.product.name}"

    @property
    def description(self) -> str:
        """The gateway's words, such as `E-mini NASDAQ-100: September 2026`."""
        return (
            f"{self.product.description}: {_MONTH_NAMES[self.expiry.month - 1]} {self.expiry.year}"
        )

    @property
    def tick_size(self) -> Decimal:
        """The smallest price step."""
        return self.product.tick_size

    @property
    def tick_value(self) -> Decimal:
        """What one tick of one contract is worth, in dollars."""
        return self.product.tick_value

    @property
    def fees(self) -> Decimal:
        """Exchange fees per contract and side, in dollars."""
        return self.product.fees

    @property
    def commissions(self) -> Decimal:
        """Commission per contract and side, in dollars."""
        return self.product.commissions

    @property
    def micro(self) -> bool:
        """Whether ten of these count as one for the position limit."""
        return self.product.micro

    @property
    def expires(self) -> date:
        """The last day it trades."""
        return self.expiry.expires

    def price(self, ticks: int) -> Decimal:
        """The exact price of that many ticks above zero."""
        return self.product.tick_size * ticks

    def ticks(self, price: Decimal) -> int:
        """How many ticks a price is above zero.

        Raises:
            PriceOffGrid: the price is no whole number of ticks.
        """
        size = self.product.tick_size
        ticks = price / size
        whole = ticks.to_integral_value(ROUND_FLOOR)
        if whole != ticks:
            above = ticks.to_integral_value(ROUND_CEILING)
            raise PriceOffGrid(
                "price",
                price,
                tick_size=size,
                below=whole * size,
                above=above * size,
                name=self.name,
            )
        return int(whole)

    def model(self, *, active: bool = True) -> ContractModel:
        """The row as the gateway sends it."""
        return ContractModel(
            id=self.id,
            name=self.name,
            description=self.description,
            tick_size=self.tick_size,
            tick_value=self.tick_value,
            active_contract=active,
            symbol_id=self.symbol_id,
        )


@lru_cache(maxsize=64)
def _fronts(day: date) -> tuple[Listing, ...]:
    return tuple(Listing(row, front(row.underlying, day)) for row in PRODUCTS)


@lru_cache(maxsize=64)
def _known(day: date) -> dict[str, Listing]:
    return {
        listing.id: listing
        for row in PRODUCTS
        for month in unexpired(row.underlying, day, NEXT_EXPIRIES)
        for listing in (Listing(row, month),)
    }


class Catalogue:
    """All contracts, as of a moment.

    `live_entitled=False` answers `live=True` with nothing, as most accounts see it (assumed).
    """

    def __init__(self, *, live_entitled: bool = False) -> None:
        self._live_entitled = live_entitled

    def available(self, *, live: bool, now: datetime) -> tuple[Listing, ...]:
        """The front month of every product."""
        if live and not self._live_entitled:
            return ()
        return _fronts(trading_day(now))

    def search(self, text: str | None, *, live: bool, now: datetime) -> tuple[Listing, ...]:
        """At most 20 front months whose name, description or id contains the text, in any case.

        So `NQ` finds MNQ, QM (root NQM) and QG (root NQG) as well, and no text finds the first 20.
        """
        wanted = (text or "").strip().casefold()
        rows = self.available(live=live, now=now)
        found = (
            row
            for row in rows
            if any(wanted in said.casefold() for said in (row.name, row.id, row.description))
        )
        return tuple(row for row, _ in zip(found, range(SEARCH_ROWS_MAX), strict=False))

    def by_id(self, contract_id: str, *, now: datetime) -> Listing | None:
        """That contract, or None when it never existed, has expired or is not listed yet."""
        return _known(trading_day(now)).get(contract_id)

    def is_active(self, listing: Listing, *, now: datetime) -> bool:
        """Whether it may be traded: the front month, or an earlier one that has not expired."""
        day = trading_day(now)
        head = front(listing.product.underlying, day)
        return listing.expires >= day and listing.expiry.expires <= head.expires

    def front(self, product_name: str, *, now: datetime) -> Listing:
        """The front month of a product by name (`NQ`, `6E`) or root.

        Raises:
            ContractUnknown: there is no such product.
        """
        row = product(product_name)
        return Listing(row, front(row.underlying, trading_day(now)))


@dataclass(frozen=True, slots=True)
class AccountListing:
    """One account at the start of a run; `max_minis` is its position limit (ten micros count one)."""

    id: int
    name: str
    balance: Decimal
    can_trade: bool = True
    is_visible: bool = True
    simulated: bool = True
    follower: bool = False
    max_minis: int | None = None
    bracket_mode: Literal["auto_oco", "position"] = "auto_oco"


# The first two as observed live; the funded and the follower account are invented after their pattern.
ACCOUNTS: tuple[AccountListing, ...] = (
    AccountListing(25775001, "50KTC-V2-DLL-600001-97590001", Decimal(50_000), max_minis=5),
    AccountListing(26282001, "PRAC-V2-600001-47190001", Decimal(150_000), max_minis=15),
    AccountListing(27310001, "EXPRESS-V2-600001-31840001", Decimal(2_500), max_minis=5),
    AccountListing(
        27310002, "50KTC-V2-600001-31840002", Decimal(50_000), follower=True, max_minis=5
    ),
)
