"""Prices on a contract's tick grid: exact, never rounded behind anyone's back."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

from topstepx.errors import InvalidRequest, PriceOffGrid

_DIGITS_MAX = 30
_WHOLE_DIGITS_MAX = 15
"""More than any price has before the point, and few enough to be counted in ticks exactly."""

PriceLike = Decimal | str | int
"""What is taken for a price: a Decimal, a whole number, or a number in a string. Never a float."""


def exact(field: str, value: PriceLike) -> Decimal:
    """`value` as an exact Decimal; raises `InvalidRequest` for floats, NaN, infinities and non-numbers."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        rule, step = "is no price.", 'Write for example "21503.25".'
        if isinstance(value, float):
            rule = "a float is not exact (0.1 is not 0.1)."
            step = f'Write it as a string: "{value}".'
        raise InvalidRequest(field, value, rule, step)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidRequest(
            field, value, "is not a number.", 'Write for example "21503.25".'
        ) from None
    _sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise InvalidRequest(field, str(value), "is not a finite number.", "Give a real price.")
    if (
        len(digits) > _DIGITS_MAX
        or exponent < -_DIGITS_MAX
        or number.adjusted() >= _WHOLE_DIGITS_MAX
    ):
        raise InvalidRequest(
            field, str(value), "has more digits than any price.", "Give a real price."
        )
    return number


def floor_to(price: Decimal, tick_size: Decimal) -> Decimal:
    """The highest legal price at or below `price`."""
    return _on_grid(price, tick_size, ROUND_FLOOR)


def ceil_to(price: Decimal, tick_size: Decimal) -> Decimal:
    """The lowest legal price at or above `price`."""
    return _on_grid(price, tick_size, ROUND_CEILING)


def nearest_to(price: Decimal, tick_size: Decimal) -> Decimal:
    """The legal price closest to `price`; half way goes to the even tick."""
    return _on_grid(price, tick_size, ROUND_HALF_EVEN)


def _on_grid(price: Decimal, tick_size: Decimal, rounding: str) -> Decimal:
    ticks = (price / tick_size).to_integral_value(rounding=rounding)
    return (ticks * tick_size).quantize(tick_size)


def on_grid(field: str, value: PriceLike, tick_size: Decimal, name: str) -> Decimal:
    """`value` as an exact price of the contract called `name`; raises `PriceOffGrid` with the neighbours."""
    price = exact(field, value)
    if price % tick_size != 0:
        raise PriceOffGrid(
            field,
            price,
            tick_size=tick_size,
            below=floor_to(price, tick_size),
            above=ceil_to(price, tick_size),
            name=name,
        )
    return price.quantize(tick_size)


def whole_contracts(field: str, value: object, most: int = 2**31 - 1) -> int:
    """`value` as a number of contracts; raises `InvalidRequest` for anything but a positive int."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(field, value, "contracts are whole numbers.", "Give for example 2.")
    if not 1 <= value <= most:
        raise InvalidRequest(field, value, f"must be between 1 and {most}.", "Give for example 2.")
    return value
