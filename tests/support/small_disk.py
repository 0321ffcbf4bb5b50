"""A real file system that fills up: a small tmpfs of its own, where this user may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """Where it is mounted."""

    folder: Path

    def fill(self) -> None:
        """Leave no room for another byte."""
        with suppress(OSError), (self.folder / "ballast").open("ab", buffering=0) as file:
            for block in (65536, 4096, 512, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"x" * block)

    def free(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def read_only(self, *, on: bool) -> None:
        """Remount it so."""
        _mount("-o", "remount,ro" if on else "remount,rw", str(self.folder))


def _mount(*arguments: str) -> None:
    command = shutil.which("mount")
    if command is None or os.name != "posix" or os.geteuid() != 0:
        pytest.skip("a file system of a test's own needs root and mount(8)")
    done = subprocess.run(  # noqa: S603  a fixed program
        [command, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(beside: Path, size: str = "1m") -> Iterator[SmallDisk]:
    """A tmpfs of that size in a new folder, gone afterwards; skips where that is not allowed."""
    folder = beside / "small disk"
    folder.mkdir(mode=0o700)
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        command = shutil.which("umount")
        assert command is not None
        subprocess.run([command, "--lazy", str(folder)], check=True)  # noqa: S603  a fixed program
