"""Chance that can be repeated: one independent stream of random numbers per name.

The simulated market never asks the machine for randomness. Every decision comes from a stream that is
named by the seed of the run and by what it decides about (a contract, a minute, ...), so any part of
the market can be drawn again, in any order, and comes out the same, on every machine and Python.
"""

from __future__ import annotations

from hashlib import shake_128
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHORT, _LONG = Struct("<16Q"), Struct("<256Q")
_UNIT = 2.0**-53
_SPARE_BITS = 11


class Chance:
    """A stream of numbers; `random` is called for the next one, at least 0.0 and below 1.0."""

    __slots__ = ("random",)

    def __init__(self, name: bytes) -> None:
        # The generator's own `__next__`, because this is the hottest call of the market.
        self.random: Callable[[], float] = _numbers(name).__next__


def stream(seed: int, *names: str | int) -> Chance:
    """The stream that always gives the same numbers for the same seed and names."""
    return Chance("/".join(map(str, (seed, *names))).encode())


def _numbers(name: bytes) -> Iterator[float]:
    block, layout = 0, _SHORT
    while True:
        digest = shake_128(b"%s#%d" % (name, block)).digest(layout.size)
        for number in layout.unpack(digest):
            yield (number >> _SPARE_BITS) * _UNIT
        block, layout = block + 1, _LONG
