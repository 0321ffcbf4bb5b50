"""A long page of bars, read slice by slice.

20,000 bars take the decoder some 60 ms, and while it is at work nothing else runs in the process: not a
cancel, and a thread would not help, because one call into the decoder holds the interpreter's lock from
its beginning to its end. So a page is cut into its rows first, which are not yet decoded (3 ms), and then
the rows are read a few hundred at a time. What comes out is what `codec.decode` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from topstepx.wire.codec import BYTES_PER_BAR_MAX, bars_sound, strict_decoder
from topstepx.wire.leniency import PayloadMalformed, guarded
from topstepx.wire.models import BarModel, BarsAnswer, Envelope

if TYPE_CHECKING:
    from collections.abc import Generator

SLICE_ROWS: Final = 200
"""Half a millisecond of work."""


class _Page(Envelope, frozen=True, kw_only=True):
    """`BarsAnswer`, its rows as they were sent."""

    bars: list[Raw] | None | UnsetType = UNSET


def read_in_slices(body: bytes) -> Generator[None, None, BarsAnswer | None]:
    """Yields after each slice, returns the answer; None when the page needs `codec.decode`'s closer look."""
    try:
        page = guarded(strict_decoder(_Page), body)
        if not isinstance(page.bars, list) or len(body) > BYTES_PER_BAR_MAX * (len(page.bars) + 2):
            return None
        bars: list[BarModel] = []
        for first in range(0, len(page.bars), SLICE_ROWS):
            yield
            rows = page.bars[first : first + SLICE_ROWS]
            read = [guarded(strict_decoder(BarModel), row) for row in rows]
            if not bars_sound(read, 0):
                return None
            bars += read
    except PayloadMalformed:
        return None
    whole = msgspec.structs.asdict(page) | {"bars": bars}
    return BarsAnswer(**whole)
