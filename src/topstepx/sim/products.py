"""The 52 products of the gateway: what a tick is worth, what it costs, and how each one trades.

Roots, names, tick sizes and tick values: verified (`Contract/available`, observed live in August 2026;
EMD from the documents of 2025). Fees: MNQ, MES and MCL verified; all other fees and commissions are
assumed, near the exchange's and the firm's price lists. Everything in `Underlying`, and spread, size,
volume and trade rate, is assumed: plausible figures that make the generated market look alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal

from topstepx.errors import ContractUnknown

Hours = Literal["globex", "grains", "livestock"]
Roll = Literal["equity", "currency", "crypto", "crude", "gas", "fuel", "delivery"]


@dataclass(frozen=True, slots=True)
class Underlying:
    """What several products share: NQ and MNQ move as one.

    `price` is the level the generated market is anchored at, `minute_move` the usual relative move of
    one busy minute, `cycle` the month codes that are listed, `roll` the rule for the front month.
    """

    name: str
    price: float
    minute_move: float
    cycle: str
    roll: Roll
    hours: Hours = "globex"


@dataclass(frozen=True, slots=True)
class Product:
    """One product: `fees` and `commissions` are money per contract and side, `tick_value` per tick.

    `spread_ticks`, `displayed_size` (contracts at the best price), `daily_volume` and `trades_per_s`
    (in busy hours) shape the generated market.
    """

    root: str
    name: str
    description: str
    tick_size: Decimal
    tick_value: Decimal
    underlying: Underlying
    fees: Decimal
    commissions: Decimal
    micro: bool
    spread_ticks: int
    displayed_size: int
    daily_volume: int
    trades_per_s: float

    @property
    def symbol_id(self) -> str:
        """The gateway's id of the product, such as `F.US.ENQ`."""
        return f"F.US.{self.root}"

    @property
    def hours(self) -> Hours:
        """Which trading hours the product keeps."""
        return self.underlying.hours


_QUARTERS = "HMUZ"
_MONTHS = "FGHJKMNQUVXZ"

UNDERLYINGS: dict[str, Underlying] = {
    row.name: row
    for row in (
        Underlying("ES", 7730.0, 1.5e-4, _QUARTERS, "equity"),
        Underlying("NQ", 29550.0, 2.0e-4, _QUARTERS, "equity"),
        Underlying("RTY", 2750.0, 2.4e-4, _QUARTERS, "equity"),
        Underlying("YM", 50500.0, 1.5e-4, _QUARTERS, "equity"),
        Underlying("NKD", 52000.0, 2.0e-4, _QUARTERS, "equity"),
        Underlying("EMD", 3650.0, 2.0e-4, _QUARTERS, "equity"),
        Underlying("BTC", 105000.0, 6.0e-4, _MONTHS, "crypto"),
        Underlying("ETH", 3600.0, 8.0e-4, _MONTHS, "crypto"),
        Underlying("CL", 66.0, 4.5e-4, _MONTHS, "crude"),
        Underlying("NG", 3.2, 8.0e-4, _MONTHS, "gas"),
        Underlying("RB", 2.05, 4.0e-4, _MONTHS, "fuel"),
        Underlying("HO", 2.35, 4.0e-4, _MONTHS, "fuel"),
        Underlying("GC", 4100.0, 2.2e-4, "GJMQZ", "delivery"),
        Underlying("SI", 48.0, 4.0e-4, "HKNUZ", "delivery"),
        Underlying("HG", 5.05, 3.0e-4, "HKNUZ", "delivery"),
        Underlying("PL", 1350.0, 3.0e-4, "FJNV", "delivery"),
        Underlying("EUR", 1.165, 0.7e-4, _QUARTERS, "currency"),
        Underlying("GBP", 1.335, 0.8e-4, _QUARTERS, "currency"),
        Underlying("AUD", 0.655, 1.0e-4, _QUARTERS, "currency"),
        Underlying("CAD", 0.725, 0.6e-4, _QUARTERS, "currency"),
        Underlying("JPY", 0.00665, 0.9e-4, _QUARTERS, "currency"),
        Underlying("CHF", 1.255, 0.9e-4, _QUARTERS, "currency"),
        Underlying("NZD", 0.58, 1.1e-4, _QUARTERS, "currency"),
        Underlying("MXN", 0.054, 1.6e-4, _QUARTERS, "currency"),
        Underlying("ZT", 104.0, 0.2e-4, _QUARTERS, "delivery"),
        Underlying("ZF", 109.2, 0.4e-4, _QUARTERS, "delivery"),
        Underlying("ZN", 112.7, 0.7e-4, _QUARTERS, "delivery"),
        Underlying("TN", 115.5, 0.8e-4, _QUARTERS, "delivery"),
        Underlying("ZB", 117.0, 1.2e-4, _QUARTERS, "delivery"),
        Underlying("UB", 120.0, 1.4e-4, _QUARTERS, "delivery"),
        Underlying("ZC", 430.0, 3.5e-4, "HKNUZ", "delivery", "grains"),
        Underlying("ZW", 530.0, 4.0e-4, "HKNUZ", "delivery", "grains"),
        Underlying("ZS", 1050.0, 2.5e-4, "FHKNQUX", "delivery", "grains"),
        Underlying("ZM", 290.0, 4.0e-4, "FHKNQUVZ", "delivery", "grains"),
        Underlying("ZL", 50.0, 4.5e-4, "FHKNQUVZ", "delivery", "grains"),
        Underlying("HE", 85.0, 4.0e-4, "GJKMNQVZ", "delivery", "livestock"),
        Underlying("LE", 230.0, 2.5e-4, "GJMQVZ", "delivery", "livestock"),
    )
}


def _mini(  # noqa: PLR0917  rows of the table below
    root: str,
    name: str,
    description: str,
    tick_size: str,
    tick_value: str,
    underlying: str,
    fees: str,
    spread_ticks: int,
    displayed_size: int,
    daily_volume: int,
    trades_per_s: float,
    *,
    micro: bool = False,
) -> Product:
    return Product(
        root=root,
        name=name,
        description=description,
        tick_size=Decimal(tick_size),
        tick_value=Decimal(tick_value),
        underlying=UNDERLYINGS[underlying],
        fees=Decimal(fees),
        commissions=Decimal("0.25") if micro else Decimal("0.50"),
        micro=micro,
        spread_ticks=spread_ticks,
        displayed_size=displayed_size,
        daily_volume=daily_volume,
        trades_per_s=trades_per_s,
    )


def _micro(  # noqa: PLR0917  rows of the table below
    root: str,
    description: str,
    tick_size: str,
    tick_value: str,
    underlying: str,
    fees: str,
    spread_ticks: int,
    displayed_size: int,
    daily_volume: int,
    trades_per_s: float,
    name: str | None = None,
) -> Product:
    return _mini(
        root,
        name or root,
        description,
        tick_size,
        tick_value,
        underlying,
        fees,
        spread_ticks,
        displayed_size,
        daily_volume,
        trades_per_s,
        micro=True,
    )


# root, name, description, tick size, tick value, underlying, fees; spread, size, volume a day, trades/s
PRODUCTS: tuple[Product, ...] = (
    _mini("EP", "ES", "E-mini S&P 500", "0.25", "12.5", "ES", "1.40", 1, 35, 1_400_000, 14),
    _micro("MES", "Micro E-mini S&P 500", "0.25", "1.25", "ES", "0.36", 1, 45, 1_100_000, 12),
    _mini("ENQ", "NQ", "E-mini NASDAQ-100", "0.25", "5", "NQ", "1.40", 2, 4, 550_000, 9),
    _micro("MNQ", "Micro E-mini NASDAQ-100", "0.25", "0.5", "NQ", "0.36", 2, 9, 1_500_000, 20),
    _mini("RTY", "RTY", "E-mini Russell 2000", "0.1", "5", "RTY", "1.40", 1, 8, 200_000, 4),
    _micro("M2K", "Micro E-mini Russell 2000", "0.1", "0.5", "RTY", "0.36", 2, 12, 90_000, 2),
    _mini("YM", "YM", "E-mini Dow ($5)", "1", "5", "YM", "1.40", 2, 4, 110_000, 3),
    _micro("MYM", "Micro E-mini Dow ($0.50)", "1", "0.5", "YM", "0.36", 2, 9, 130_000, 2.5),
    _mini("NKD", "NKD", "Nikkei 225 (USD)", "5", "25", "NKD", "2.15", 2, 4, 8_000, 0.3),
    _micro("MBT", "Micro Bitcoin", "5", "0.5", "BTC", "2.30", 2, 5, 20_000, 0.8),
    _micro("GMET", "Micro Ether", "0.5", "0.05", "ETH", "0.20", 2, 12, 30_000, 0.6, "MET"),
    _mini("CLE", "CL", "Crude Oil (WTI)", "0.01", "10", "CL", "1.52", 1, 12, 300_000, 6),
    _micro("MCLE", "Micro Crude Oil (WTI)", "0.01", "1", "CL", "0.51", 1, 18, 110_000, 3, "MCL"),
    _mini("NQM", "QM", "E-mini Crude Oil", "0.025", "12.5", "CL", "1.22", 1, 6, 10_000, 0.3),
    _mini("NGE", "NG", "Natural Gas (Henry Hub)", "0.001", "10", "NG", "1.62", 1, 10, 180_000, 3),
    _micro("MNG", "Micro Natural Gas (Henry Hub)", "0.001", "1", "NG", "0.62", 2, 10, 25_000, 0.7),
    _mini("NQG", "QG", "E-mini Natural Gas", "0.005", "12.5", "NG", "0.52", 1, 5, 5_000, 0.15),
    _mini("RBE", "RB", "RBOB Gasoline", "0.0001", "4.2", "RB", "1.52", 4, 3, 45_000, 1),
    _mini("HOE", "HO", "NY Harbor ULSD", "0.0001", "4.2", "HO", "1.52", 5, 3, 40_000, 1),
    _mini("PLE", "PL", "Platinum", "0.1", "5", "PL", "1.62", 4, 3, 20_000, 0.6),
    _mini("GCE", "GC", "Gold", "0.1", "10", "GC", "1.62", 2, 5, 180_000, 5),
    _micro("MGC", "Micro Gold", "0.1", "1", "GC", "0.62", 2, 9, 150_000, 4),
    _mini("SIE", "SI", "Silver", "0.005", "25", "SI", "1.62", 1, 4, 60_000, 2),
    _micro("SIL", "Micro Silver", "0.005", "5", "SI", "1.02", 2, 6, 60_000, 1.5),
    _mini("CPE", "HG", "Copper", "0.0005", "12.5", "HG", "1.62", 1, 6, 60_000, 1.5),
    _micro("MHG", "Micro Copper", "0.0005", "1.25", "HG", "0.62", 2, 8, 12_000, 0.4),
    _mini("EU6", "6E", "Euro FX", "0.00005", "6.25", "EUR", "1.62", 1, 40, 200_000, 4),
    _micro("M6E", "Micro EUR/USD", "0.0001", "1.25", "EUR", "0.26", 1, 40, 15_000, 0.4),
    _mini("EEU", "E7", "E-mini Euro FX", "0.0001", "6.25", "EUR", "0.87", 2, 20, 1_000, 0.05),
    _mini("BP6", "6B", "British Pound", "0.0001", "6.25", "GBP", "1.62", 1, 60, 90_000, 2),
    _micro("M6B", "Micro GBP/USD", "0.0001", "0.625", "GBP", "0.26", 2, 20, 3_000, 0.1),
    _mini("DA6", "6A", "Australian Dollar", "0.00005", "5", "AUD", "1.62", 1, 45, 90_000, 2),
    _micro("M6A", "Micro AUD/USD", "0.0001", "1", "AUD", "0.26", 1, 30, 4_000, 0.1),
    _mini("CA6", "6C", "Canadian Dollar", "0.00005", "5", "CAD", "1.62", 1, 35, 70_000, 1.5),
    _mini("JY6", "6J", "Japanese Yen", "0.0000005", "6.25", "JPY", "1.62", 1, 45, 150_000, 3),
    _mini("SF6", "6S", "Swiss Franc", "0.00005", "6.25", "CHF", "1.62", 2, 15, 25_000, 0.8),
    _mini("NE6", "6N", "New Zealand Dollar", "0.00005", "5", "NZD", "1.62", 1, 25, 30_000, 0.8),
    _mini("MX6", "6M", "Mexican Peso", "0.00001", "5", "MXN", "1.62", 1, 40, 40_000, 0.8),
    _mini("TUA", "ZT", "2-Year T-Note", "0.00390625", "7.8125", "ZT", "0.67", 1, 1500, 500_000, 2),
    _mini("FVA", "ZF", "5-Year T-Note", "0.0078125", "7.8125", "ZF", "0.67", 1, 900, 900_000, 4),
    _mini("TYA", "ZN", "10-Year T-Note", "0.015625", "15.625", "ZN", "0.82", 1, 1100, 1_600_000, 6),
    _mini(
        "TNA", "TN", "Ultra 10-Year Note", "0.015625", "15.625", "TN", "0.84", 1, 250, 450_000, 3
    ),
    _mini(
        "USA", "ZB", "U.S. Treasury Bond", "0.03125", "31.25", "ZB", "0.89", 1, 350, 400_000, 3.5
    ),
    _mini("ULA", "UB", "Ultra T-Bond", "0.03125", "31.25", "UB", "0.97", 1, 120, 250_000, 2.5),
    _mini("ZCE", "ZC", "Corn", "0.25", "12.5", "ZC", "2.15", 1, 150, 350_000, 3),
    _mini("ZWA", "ZW", "Wheat (Chicago SRW)", "0.25", "12.5", "ZW", "2.15", 1, 40, 120_000, 2),
    _mini("ZSE", "ZS", "Soybeans", "0.25", "12.5", "ZS", "2.15", 1, 50, 230_000, 3),
    _mini("ZME", "ZM", "Soybean Meal", "0.1", "10", "ZM", "2.15", 1, 30, 120_000, 2),
    _mini("ZLE", "ZL", "Soybean Oil", "0.01", "6", "ZL", "2.15", 1, 25, 130_000, 2),
    _mini("HE", "HE", "Lean Hogs", "0.025", "10", "HE", "2.12", 1, 12, 40_000, 0.8),
    _mini("GLE", "LE", "Live Cattle", "0.025", "10", "LE", "2.12", 1, 12, 50_000, 1),
    _mini("EMD", "EMD", "E-mini S&P MidCap 400", "0.1", "10", "EMD", "1.40", 4, 3, 12_000, 0.2),
)


@cache
def _by_name() -> dict[str, Product]:
    # Names win over roots: "NQM" is QM's root, and no product's name is another one's root.
    return {p.root: p for p in PRODUCTS} | {p.name: p for p in PRODUCTS}


def product(name: str) -> Product:
    """The product with this name (`NQ`, `6E`) or root (`ENQ`, `EU6`).

    Raises:
        ContractUnknown: there is no such product; `near` names those that contain the text.
    """
    found = _by_name().get(name.upper())
    if found is None:
        near = [p.name for p in PRODUCTS if name and name.upper() in (p.name + p.root)]
        raise ContractUnknown("product", name, "there is no such product.", near[:8])
    return found
