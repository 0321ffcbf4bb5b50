"""SIGTERM, which `kill PID`, systemd and containers send: it leaves the block in order, as an exception does.

Python ends on the spot at SIGTERM: entries stay in the market and nobody watches them. So while a
connection is open, SIGTERM cancels the task that opened it. What `on_exit` says is done, and the program ends
with code 143 (128 and the signal's 15). A second SIGTERM ends it on the spot, as does one that comes while the
block is being left anyway, or when the task is gone, and a loop that is blocked for `BLOCKED_S` longer.

It is only taken where nobody else has it: in the main thread, and while the program has no handler of its own
for it. Web servers and supervisors that have one are not disturbed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

EXIT_CODE = 128 + signal.SIGTERM
"""What a program ends with that was ended by SIGTERM."""

BLOCKED_S = 5.0
"""How long the loop may take to hear of SIGTERM: one that hangs must not keep the program alive."""

_OTHERS_S = 35.0
"""A little longer than taking back and settling may take."""

_LOG = logging.getLogger("topstepx")


class Termination:
    """One open connection's hold on SIGTERM."""

    def __init__(self) -> None:
        self.was_asked = False
        """Whether SIGTERM came."""
        self._task: asyncio.Task[object] | None = None
        self._ended = asyncio.Event()

    def begin(self) -> None:
        """SIGTERM cancels the task that runs now, from now on; nothing where SIGTERM is not ours to take."""
        self._task = asyncio.current_task()
        _WATCH.add(self, asyncio.get_running_loop())

    def leave(self) -> None:
        """The block is being left: from now on SIGTERM does what it did before."""
        _WATCH.remove(self)

    async def end(self) -> None:
        """It is left. Who ends the program first would interrupt others that were asked: wait for them."""
        self._ended.set()
        if not self.was_asked:
            return
        others = [one for one in _WATCH.asked if one.is_other_than(self._task)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_OTHERS_S):
                for one in others:
                    await one.ended()

    async def ended(self) -> None:
        """Return once it is left."""
        await self._ended.wait()

    def is_other_than(self, task: asyncio.Task[object] | None) -> bool:
        """Whether another task opened it, and it is not left yet."""
        return self._task is not task and not self._ended.is_set()

    def ask(self) -> bool:
        """SIGTERM came: leave; whether there is still somebody who can."""
        if self._task is None or self._task.done():
            return False
        self.was_asked = True
        self._task.cancel("SIGTERM")
        return True


class _Watch:
    """The handler, while any connection wants it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: list[Termination] = []
        self.asked: list[Termination] = []
        self._hangs: threading.Timer | None = None

    def add(self, one: Termination, loop: asyncio.AbstractEventLoop) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if (
            self._loop is not None and self._loop.is_closed()
        ):  # nobody left a block of an earlier run
            self._open.clear()
            self._let_go()
        if self._loop is None:
            if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
                return
            signal.signal(signal.SIGTERM, self._on_signal)
            self._loop, self.asked = loop, []
        if self._loop is loop:
            self._open.append(one)

    def remove(self, one: Termination) -> None:
        if one in self._open:
            self._open.remove(one)
        if not self._open:
            self._let_go()

    def _let_go(self) -> None:
        self._loop = None
        if signal.getsignal(signal.SIGTERM) == self._on_signal:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Runs between two steps of whatever the main thread does, so nothing but this is done here."""
        loop = self._loop
        self._let_go()  # a second one ends the program on the spot, also while the loop is blocked
        if loop is None or loop.is_closed():
            signal.raise_signal(signal.SIGTERM)
            return
        self._hangs = threading.Timer(BLOCKED_S, os.kill, (os.getpid(), signal.SIGTERM))
        self._hangs.daemon = True
        self._hangs.start()
        loop.call_soon_threadsafe(self._ask)

    def _ask(self) -> None:
        if self._hangs is not None:
            self._hangs.cancel()
        _LOG.warning("SIGTERM: leaving in order; a second one ends this program at once")
        self.asked, self._open = self._open, []
        reached = [one.ask() for one in self.asked]
        if not any(reached):
            signal.raise_signal(signal.SIGTERM)


_WATCH = _Watch()
