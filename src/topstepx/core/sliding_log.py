"""Who left when: the exact memory behind a "no more than N in any window" promise.

Times are whole nanoseconds. A sent request leaves the window when *more* than the window has passed
(`now - sent > window`): at exactly the window's length both ends could still be counted together. With
fractions of seconds this very boundary is where such a log gets stuck, asking for a moment that rounds
to one at which the entry still counts.
"""

from __future__ import annotations

from bisect import bisect_left, insort

FOREVER_NS = 1 << 62
"""Later than any moment: "not at all as things stand"."""


class SlidingLog:
    """The send times of one budget, kept for as long as they can matter."""

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._sent: list[int] = []

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, sent_ns: int) -> None:
        """Note an attempt that may leave at `sent_ns`."""
        if not self._sent or sent_ns >= self._sent[-1]:
            self._sent.append(sent_ns)
        else:
            insort(self._sent, sent_ns)

    def remove(self, sent_ns: int) -> None:
        """Forget one attempt of that time: it certainly never left."""
        index = bisect_left(self._sent, sent_ns)
        if index < len(self._sent) and self._sent[index] == sent_ns:
            del self._sent[index]

    def count(self, window_ns: int, now_ns: int) -> int:
        """How many attempts the window that ends now holds."""
        return len(self._sent) - bisect_left(self._sent, now_ns - window_ns)

    def free_at_ns(self, room: int, window_ns: int) -> int:
        """The first moment at which the window holds fewer than `room`, if nothing else leaves.

        It may lie in the past. `FOREVER_NS` when `room` is nothing.
        """
        if room <= 0:
            return FOREVER_NS
        index = len(self._sent) - room
        return self._sent[index] + window_ns + 1 if index >= 0 else -FOREVER_NS

    def prune(self, now_ns: int) -> None:
        """Drop what no window can reach any more; now and then, not for every call."""
        if self._sent and self._sent[0] < now_ns - 2 * self._keep_ns:
            del self._sent[: bisect_left(self._sent, now_ns - self._keep_ns)]
