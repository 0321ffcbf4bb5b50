"""A program that a simulator starts, holds, and starts again: the real process behind process faults.

It knows the way by four variables: `TOPSTEPX_SIM_URL`, `TOPSTEPX_USERNAME`, `TOPSTEPX_API_KEY` (of the
simulator, worth nothing elsewhere) and `TOPSTEPX_SIM_START`, the number of its start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from topstepx.errors import ConfigurationError
from topstepx.sim.outside_faults import PROCESS_FAULTS, Crash, DiskFault, DiskFull, Quit

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence

_WITHOUT_ROOM = """
import os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Becomes the program when there is no room already: bounded from outside it might write a line first."""

_LEAVE_S = 10.0
"""So long a program may take to leave when the simulator itself is asked to."""


class SupervisedProgram:
    """One process after another. `speed`: how many simulated seconds pass in a real one.

    It is the hand for process faults, and on Linux for `disk_full`. `starts` counts the processes.
    """

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        speed: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._command, self._variables, self._speed = tuple(command), dict(variables), speed
        self.starts = 0
        self._process: Process | None = None
        self._restart_s: float | None = None
        self._struck = self._asked = False
        self._full = 0

    @property
    def kinds(self) -> tuple[type[object], ...]:
        """The process faults that this machine can do."""
        return PROCESS_FAULTS if hasattr(signal, "SIGSTOP") else (Crash, Quit)

    async def run(self) -> int:
        """The exit code of its last process; negative: ended by that signal.

        Raises `ConfigurationError` when there is no such program.
        """
        while True:
            await self._start()
            process = self._process
            if process is None:
                return 0
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                await self._leave(process)
                raise
            if not self._struck or self._restart_s is None:
                return code
            await asyncio.sleep(self._restart_s / self._speed())
            if self._asked:  # whoever ended this meanwhile wants no other
                return code

    def ask_to_end(self, number: int) -> None:
        """Pass a signal on and start nothing more; the second time it is ended this instant."""
        process, again = self._process, self._asked
        self._asked, self._struck = True, False
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill() if again else process.send_signal(number)
                _signal(process, "SIGCONT")

    async def _start(self) -> None:
        self.starts += 1
        self._struck = False
        own = {"TOPSTEPX_SIM_START": str(self.starts)}
        bounded = (sys.executable, "-S", "-E", "-c", _WITHOUT_ROOM) if self._full else ()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *bounded,
                *self._command,
                env={**os.environ, **self._variables, **own},
                # A group of its own: Ctrl-C reaches it once, through us. (None: as usual.)
                process_group=0 if os.name == "posix" else None,
            )
        except OSError as error:
            raise ConfigurationError(
                f"{self._command[0]}: cannot be started ({error.strerror or error}).",
                next_step="Name a program and its arguments behind --.",
            ) from None

    async def _leave(self, process: Process) -> None:
        """Let it end, as the simulator does."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            _signal(process, "SIGCONT")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _LEAVE_S)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    # ------------------------------------------------------------ what a plan does to it

    def crash(self, restart_s: float | None) -> None:
        """See `ProgramHand.crash`: SIGKILL."""
        self._end(restart_s, lambda process: process.kill())

    def leave(self, restart_s: float | None) -> None:
        """See `ProgramHand.leave`: SIGTERM."""
        self._end(restart_s, lambda process: process.terminate())

    def stall(self, seconds: float) -> None:
        """See `ProgramHand.stall`: SIGSTOP, and SIGCONT after so many simulated seconds."""
        process = self._process
        if process is not None:
            _signal(process, "SIGSTOP")
            loop = asyncio.get_running_loop()
            loop.call_later(seconds / self._speed(), _signal, process, "SIGCONT")

    def _end(self, restart_s: float | None, how: Callable[[Process], None]) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return  # between two processes there is nobody to end
        self._struck, self._restart_s = True, restart_s
        with contextlib.suppress(ProcessLookupError):
            how(process)

    # ------------------------------------------------------------ its disk

    def disk(self) -> FileSizes | None:
        """Its disk, where this machine lets a file's size be bounded from outside."""
        return FileSizes(self) if sys.platform == "linux" else None

    def no_room(self) -> Callable[[], None]:
        """No file of it can grow any more, until that is undone; also of its next processes."""
        self._full += 1
        self._bound(no_room=True)

        def undo() -> None:
            self._full -= 1
            if not self._full:
                self._bound(no_room=False)

        return undo

    def _bound(self, *, no_room: bool) -> None:
        process = self._process
        if sys.platform != "linux" or process is None or process.returncode is not None:
            return
        import resource  # noqa: PLC0415  not every system has it

        with contextlib.suppress(ProcessLookupError):
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0 if no_room else most, most))


class FileSizes:
    """The hand on a real program's disk: bounds on the sizes of its files."""

    kinds = (DiskFull,)

    def __init__(self, program: SupervisedProgram) -> None:
        self._program = program

    def begin(self, what: DiskFault) -> Callable[[], None]:
        """See `DiskHand.begin`."""
        del what  # there is one kind
        return self._program.no_room()


def _signal(process: Process, name: str) -> None:
    number = getattr(signal, name, None)
    if number is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
