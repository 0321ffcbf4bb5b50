"""The command line as real processes, with a home of their own and a simulator to talk to."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.sim.server import SimServer
from topstepx.store.credentials_environment import FAMILIES, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSPHRASE = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Home:
    """A folder, and the environment of processes that live in it."""

    folder: Path
    extra: dict[str, str]

    def variables(self) -> dict[str, str]:
        """No variable of this machine's owner, no keychain."""
        drop = {name for family in FAMILIES for name in names_of(family)}
        kept = {name: value for name, value in os.environ.items() if name not in drop}
        return {
            **kept,
            "TOPSTEPX_HOME": str(self.folder / "home"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            **self.extra,
        }

    def run(
        self, *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """`topstepx ...`, without a terminal."""
        return subprocess.run(  # noqa: S603  this interpreter on our own package
            [sys.executable, "-m", "topstepx", *arguments],
            input=stdin,
            cwd=self.folder,
            env={**self.variables(), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def passphrase(self) -> Home:
        """The same home, with a passphrase handed over in a private file."""
        folder = self.folder / "handed"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / "passphrase"
        path.touch(mode=0o600)
        path.write_text(PASSPHRASE + "\n", encoding="utf-8")
        return Home(self.folder, {**self.extra, "TOPSTEPX_PASSPHRASE_FILE": str(path)})


def complaints(stderr: str) -> list[str]:
    """What a program complained of itself; that a busy machine kept its loop waiting is not its fault."""
    return [line for line in stderr.splitlines() if "the event loop was blocked for" not in line]


@contextmanager
def running_sim(**options: object) -> Iterator[SimServer]:
    """A simulator on a thread of its own, so that blocking tests and processes can talk to it.

    It is of today, as a trader's is, so where MNQ stands depends on the day: between 28,000 and 31,600 in
    the years 2026 to 2029. An order that is to rest is at 26,500: within the venue's band of a fifth.
    """
    made: list[SimServer] = []
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with SimServer(**options) as sim:  # type: ignore[arg-type]  # passed through
            made.append(sim)
            ready.set()
            while not stop.is_set():  # noqa: ASYNC110  a thread's event, looked at from a loop
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="simulator")
    thread.start()
    try:
        assert ready.wait(20)
        yield made[0]
    finally:
        stop.set()
        thread.join()
