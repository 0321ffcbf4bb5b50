"""What every contender needs: whom to listen to, and who counts what it heard."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter

Key = tuple[str, str]
"""A kind of event and whom it is about."""


class Server(NamedTuple):
    """What the server said of itself."""

    port: int
    user_name: str
    api_key: str
    contracts: list[str]
    account_id: int
    counts: dict[str, int]
    paced: int

    def start(self, play: str, pace: str) -> None:
        """Have it play; it begins a moment later."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("POST", f"/play/{play}/{pace}")
        assert connection.getresponse().status == 200
        connection.close()


class Tally:
    """What arrived: how much of each kind, in what order, and how late."""

    def __init__(self, expected: Counter[Key], *, paced: bool) -> None:
        self.expected = expected
        self.missing = expected.total()
        self.merged = 0
        self.lates: list[int] | None = [] if paced else None
        self.done = asyncio.Event()
        self._last: dict[Key, int] = dict.fromkeys(expected, 0)

    def saw(self, key: Key, number: int) -> None:
        """One record with its number."""
        assert number > self._last[key], f"{key}: {number} after {self._last[key]}"
        self._last[key] = number
        if self.lates is not None:
            self.lates.append(time.monotonic_ns() - number)
        self.counted()

    def counted(self, count: int = 1) -> None:
        """That many records more."""
        self.missing -= count
        if self.missing <= 0:
            self.done.set()
