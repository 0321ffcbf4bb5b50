"""A warning that would come again and again is told at each power of two in a row, and at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Hashable


def is_power_of_two(number: int) -> bool:
    """Whether the number, from 1 on, is one of 1, 2, 4, 8 and so on."""
    return number & (number - 1) == 0


class Complaint:
    """One kind of trouble: how often in a row it came, for each account or whatever it is `about`."""

    def __init__(self, log: logging.Logger, what: str) -> None:
        """`what` failed, in words."""
        self._log = log
        self._what = what
        self._times: Counter[Hashable] = Counter()

    def failed(self, error: Exception, about: Hashable = None) -> None:
        """Once more."""
        self._times[about] += 1
        times = self._times[about]
        if is_power_of_two(times):
            again = f" ({times} times in a row)" if times > 1 else ""
            self._log.warning("%s: %s%s", self._what, error, again)

    def worked(self, about: Hashable = None) -> None:
        """The trouble is over, if there was any."""
        times = self._times.pop(about, 0)
        if times > 1:
            self._log.warning("%s: works again after %d failures", self._what, times)
