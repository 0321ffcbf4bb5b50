"""The trades inside one minute, drawn so that they make exactly the given bar.

The first trade is at the open, the last at the close, one touches the high and one the low, none lies
outside, and the sizes add up to the volume. In between the price wanders at random. Trades are drawn
one by one, when they are asked for, so that a busy minute does not begin with a pause.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from topstepx.sim.minutes import MINUTE_US, MinuteBar, prints_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from topstepx.sim.chance import Chance

_DIPS_FIRST = 0.75  # how many rising bars touch their low before their high


class Trade(NamedTuple):
    """One trade: microseconds since 1970, ticks, contracts."""

    at_us: int
    price: int
    size: int


def trade_count(bar: MinuteBar, mean_size: float) -> int:
    """About `volume / mean_size` trades, as many as the bar needs at least.

    Raises:
        ValueError: the bar has less volume than the trades it needs.
    """
    needed = prints_needed(bar.open, bar.high, bar.low, bar.close)
    if needed > bar.volume:
        msg = (
            f"a bar with volume {bar.volume} cannot hold the {needed} trades its prices need: {bar}"
        )
        raise ValueError(msg)
    return max(needed, min(bar.volume, round(bar.volume / mean_size)))


def trades_of(bar: MinuteBar, count: int, chance: Chance) -> Iterator[Trade]:
    """The trades of a bar, in order."""
    draw = chance.random
    prices = _prices(bar, count, chance)
    start, step, extra = bar.minute * MINUTE_US, MINUTE_US / count, bar.volume - count
    for index, price in enumerate(prices):
        others = count - index - 1
        # The smallest of as many random cuts as trades are left: many small trades, a few large.
        more = min(extra, round(extra * (1.0 - draw() ** (1.0 / others)))) if others else extra
        extra -= more
        yield Trade(start + int((index + draw()) * step), price, 1 + more)


def bar_of(minute: int, trades: Iterable[Trade]) -> MinuteBar | None:
    """The bar that these trades make; None without any."""
    rows = list(trades)
    if not rows:
        return None
    prices = [row.price for row in rows]
    volume = sum(row.size for row in rows)
    return MinuteBar(minute, prices[0], max(prices), min(prices), prices[-1], volume)


def _prices(bar: MinuteBar, count: int, chance: Chance) -> Iterator[int]:
    high, low, draw = bar.high, bar.low, chance.random
    if high == low:
        yield from [bar.open] * count
        return
    extremes = [low, high]
    if (draw() < _DIPS_FIRST) != (bar.close >= bar.open):
        extremes.reverse()
    extremes = [price for price in extremes if price not in (bar.open, bar.close)]
    rough = 3.5 * (high - low) / (1.6 * sqrt(count))
    yield bar.open
    done = 1
    level = float(bar.open)
    for stop, price in zip(
        [*_places(len(extremes), count, chance), count - 1], [*extremes, bar.close], strict=True
    ):
        # Go on at random from the last price so that trade number `stop` is at `price`.
        for left in range(stop - done + 1, 1, -1):
            level += (price - level) / left + rough * (draw() - 0.5)
            if level > high:
                level = high
            elif level < low:
                level = low
            yield round(level)
        yield price
        level, done = price, stop + 1


def _places(wanted: int, count: int, chance: Chance) -> list[int]:
    """Which trades, neither the first nor the last, touch the extremes; none, one or two."""
    inner = count - 2
    if not wanted:
        return []
    first = 1 + int(chance.random() * inner)
    if wanted == 1:
        return [first]
    second = 1 + int(chance.random() * (inner - 1))
    return sorted((first, second + (second >= first)))
