"""The trades inside one minute, drawn so that they make exactly the given bar.

The first trade is at the open, the last at the close, one touches the high and one the low, none lies
outside, and the sizes add up to the volume. In between the price wanders at random.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from topstepx.sim.minutes import MINUTE_US, MinuteBar, prints_needed

if TYPE_CHECKING:
    from random import Random


class TapePlan(NamedTuple):
    """The trades of one minute, in order: microseconds since 1970, ticks, contracts."""

    bar: MinuteBar
    times_us: list[int]
    prices: list[int]
    sizes: list[int]


def plan_tape(bar: MinuteBar, mean_size: float, chance: Random) -> TapePlan:
    """The trades of a bar: about `volume / mean_size` of them, as many as the bar needs at least."""
    needed = prints_needed(bar.open, bar.high, bar.low, bar.close)
    count = max(needed, min(bar.volume, round(bar.volume / mean_size)))
    if count > bar.volume:
        msg = (
            f"a bar with volume {bar.volume} cannot hold the {needed} trades its prices need: {bar}"
        )
        raise ValueError(msg)
    return TapePlan(
        bar,
        _times(bar.minute, count, chance),
        _prices(bar, count, chance),
        _sizes(bar, count, chance),
    )


def so_far(plan: TapePlan, first_us: int, end_us: int, minute: int) -> MinuteBar | None:
    """The bar that the trades from `first_us` up to, not including, `end_us` make; None without any."""
    rows = [
        (price, size)
        for at, price, size in zip(plan.times_us, plan.prices, plan.sizes, strict=True)
        if first_us <= at < end_us
    ]
    if not rows:
        return None
    prices = [price for price, _ in rows]
    volume = sum(size for _, size in rows)
    return MinuteBar(minute, prices[0], max(prices), min(prices), prices[-1], volume)


def _times(minute: int, count: int, chance: Random) -> list[int]:
    start, step, draw = minute * MINUTE_US, MINUTE_US / count, chance.random
    return [start + int((index + draw()) * step) for index in range(count)]


def _sizes(bar: MinuteBar, count: int, chance: Random) -> list[int]:
    """Sizes of at least one, cut at random from the volume: many small ones, a few large."""
    extra = bar.volume - count
    draw = chance.random
    cuts = sorted(int(draw() * (extra + 1)) for _ in range(count - 1))
    return [1 + right - left for left, right in zip([0, *cuts], [*cuts, extra], strict=True)]


def _prices(bar: MinuteBar, count: int, chance: Random) -> list[int]:
    if bar.high == bar.low:
        return [bar.open] * count
    extremes = [bar.low, bar.high]
    if (chance.random() < 0.75) != (bar.close >= bar.open):  # noqa: PLR2004  rising bars dip first, mostly
        extremes.reverse()
    extremes = [price for price in extremes if price not in (bar.open, bar.close)]
    stops = sorted(chance.sample(range(1, count - 1), len(extremes))) if extremes else []
    rough = 3.5 * (bar.high - bar.low) / (1.6 * sqrt(count))
    prices = [bar.open]
    for stop, price in zip([*stops, count - 1], [*extremes, bar.close], strict=True):
        _wander(prices, stop, price, bar, rough, chance)
    return prices


def _wander(  # noqa: PLR0917  one step of `_prices`, which names them all
    prices: list[int], stop: int, price: int, bar: MinuteBar, rough: float, chance: Random
) -> None:
    """Go on at random from the last price so that index `stop` is at `price`."""
    high, low, draw = bar.high, bar.low, chance.random
    level = float(prices[-1])
    for left in range(stop - len(prices) + 1, 1, -1):
        level += (price - level) / left + rough * (draw() - 0.5)
        if level > high:
            level = high
        elif level < low:
            level = low
        prices.append(round(level))
    prices.append(price)
