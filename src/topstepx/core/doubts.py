"""What a hub that was found deaf has yet to tell before it is relied upon again.

That it is connected and that lists agree proves nothing while nothing happens: a deaf hub looks the same.
Only a told event does, and one on the stream that was silent: a hub that tells orders may still keep
positions to itself. So each silent stream is doubted, across connections, until it has told something that
it was not told to repeat by being asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

Stream = Literal["order", "trade", "position"]

REPEATS_S: Final = 6.0
"""For how long after it was asked for a stream may repeat what was before, which proves nothing."""


class Doubts:
    """The streams of one hub that were silent when they should have spoken; false when there are none."""

    def __init__(self) -> None:
        self._since_ns: dict[Stream, int] = {}
        self._reason = ""

    def __bool__(self) -> bool:
        return bool(self._since_ns)

    @property
    def note(self) -> str | None:
        """What is doubted and why, for people; None when nothing is."""
        if not self._since_ns:
            return None
        silent = " and ".join(f"no {stream}" for stream in sorted(self._since_ns))
        return (
            f"it was deaf ({self._reason}) and has told {silent} since, so it is not proven to hear"
        )

    def add(self, stream: Stream, reason: str, now_ns: int) -> None:
        """A stream did not tell what it should have."""
        self._since_ns[stream] = now_ns
        self._reason = reason

    def asked_again(self, now_ns: int) -> None:
        """The streams were asked for anew: only what is told from then on counts."""
        self._since_ns = dict.fromkeys(self._since_ns, now_ns)

    def hear(self, last_ns: Callable[[Stream], int | None]) -> bool:
        """Drop what has spoken since, by when each stream last did; whether any doubt is left."""
        for stream, since_ns in list(self._since_ns.items()):
            heard_ns = last_ns(stream)
            if heard_ns is not None and heard_ns - since_ns > REPEATS_S * NANOSECONDS:
                del self._since_ns[stream]
        return bool(self._since_ns)

    def drop(self) -> None:
        """A person says that it hears."""
        self._since_ns.clear()
