"""Chance that can be repeated: one independent stream of random numbers per name.

The simulated market never asks the machine for randomness. Every decision comes from a stream that is
named by the seed of the run and by what it decides about (a contract, a minute, ...), so any part of
the market can be drawn again, in any order, and comes out the same.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def stream(seed: int, *names: str | int) -> Random:
    """A generator that always gives the same numbers for the same seed and names."""
    text = "/".join(map(str, (seed, *names)))
    key = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    return Random(key)  # noqa: S311  a market to play with, no cryptography
