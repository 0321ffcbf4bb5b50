"""The program under test: a process that is spoken to in JSON, one object a line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Said: TypeAlias = Mapping[str, Any]
"""One line of the program, decoded."""

_LINE_BYTES_MAX = 1 << 20
_LEAVE_S = 3.0
_STDERR_SHOWN = 200


class Failed(AssertionError):
    """A card was not kept; the text is the reason for the table."""


class Program:
    """One run of the program. `told` is everything that it said by itself, in order.

    Its standard error goes to a file in `folder`; `TOPSTEPX_HOME` leads there too, so that a program
    of this library keeps nothing anywhere else.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command, self.folder = tuple(command), folder
        self.told: list[Said] = []
        self._answers: dict[int, asyncio.Future[Said]] = {}
        self._count = 0
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._end = "it has not been started"

    @property
    def _stderr(self) -> Path:
        return self.folder / "stderr.txt"

    async def start(self) -> None:
        """Run it. Raises `Failed` when there is no such program."""
        with self._stderr.open("ab") as stderr:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=stderr,
                    limit=_LINE_BYTES_MAX,
                    env={**os.environ, "TOPSTEPX_HOME": str(self.folder / "home")},
                )
            except OSError as error:
                msg = f"cannot be started: {error.strerror or error}: {self._command[0]}"
                raise Failed(msg) from error
        self._reading = asyncio.create_task(self._read(self._process), name="program under test")

    async def ask(self, do: str, *, timeout_s: float, **members: object) -> Said:
        """Its answer to a command. Raises `Failed` when it does not answer in time, or ends."""
        process = self._process
        if process is None or process.stdin is None or self._reading is None:
            raise Failed(self._end)
        self._count += 1
        answer: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._answers[self._count] = answer
        line = json.dumps({"id": self._count, "do": do, **members}, separators=(",", ":"))
        with contextlib.suppress(ConnectionError):  # it has ended: the reader says so
            process.stdin.write(f"{line}\n".encode())
            await process.stdin.drain()
        waiting: set[asyncio.Future[Any]] = {answer, self._reading}
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if self._reading.done():
            raise Failed(f"{do}: {self._end}{self._last_words()}")
        raise Failed(f"{do}: no answer within {timeout_s:g} s{self._last_words()}")

    async def kill(self) -> None:
        """End it this instant, as `kill -9` does."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._gone()

    async def leave(self) -> None:
        """Close its standard input, and after three seconds end it."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _LEAVE_S)
        await self.kill()

    # ------------------------------------------------------------ inside

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def _read(self, process: Process) -> None:
        self._end = "the program ended"
        stdout = process.stdout
        while stdout is not None:
            try:
                line = await stdout.readline()
            except ValueError:
                self._end = f"a line is longer than {_LINE_BYTES_MAX} bytes"
                return
            if not line:
                return
            if not self._take(line):
                self._end = f"a line is no answer and no event: {line[:80]!r}"
                return

    def _take(self, line: bytes) -> bool:
        try:
            said = json.loads(line)
        except ValueError:
            return False
        if not isinstance(said, dict):
            return False
        if "event" in said:
            self.told.append(said)
            return True
        answer = self._answers.pop(said["id"], None) if isinstance(said.get("id"), int) else None
        if answer is None:
            return False
        if not answer.done():
            answer.set_result(said)
        return True

    def _last_words(self) -> str:
        text = self._stderr.read_text("utf-8", "replace").strip() if self._stderr.exists() else ""
        return f"; its standard error ends: {text[-_STDERR_SHOWN:]}" if text else ""
