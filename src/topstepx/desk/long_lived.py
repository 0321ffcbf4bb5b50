"""Reading a long journal without the garbage collector in the way, then and later.

What is read back stays for as long as the program runs. Python's collector does not know that: it walks
over all of it again and again while it is read (a third of the time), and once more whenever as much
again by a quarter has come up since. With 20,000 orders one such walk stops everything for a quarter of
a second, with 100,000 for more than one, and a cancel would wait for it.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WORTH_IT = 10_000
"""So many facts at least; fewer are walked over in no time."""


class Reading:
    """How many facts were read so far."""

    facts = 0


@contextmanager
def long_lived() -> Iterator[Reading]:
    """No collections inside; what is alive at the end is not walked over again, if it is much.

    A program that wants it otherwise calls `gc.unfreeze`. A collector that was off stays off.
    """
    reading, was_on = Reading(), gc.isenabled()
    gc.disable()
    try:
        yield reading
        if reading.facts >= WORTH_IT:
            gc.freeze()
    finally:
        if was_on:
            gc.enable()
