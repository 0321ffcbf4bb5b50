"""The installation's name: drawn once, the same for ever and for processes that start together."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from topstepx.core import tags
from topstepx.errors import ConfigurationError, FileNotPrivate
from topstepx.store.file_lock import FileLock
from topstepx.store.installation import installation_code

if TYPE_CHECKING:
    from pathlib import Path

DRAW = """
import os, sys, time
from pathlib import Path
from topstepx.store.installation import installation_code
print("ready", flush=True)
sys.stdin.readline()
print(installation_code(Path(sys.argv[1]), os.urandom), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_it_is_drawn_once(folder: Path) -> None:
    code = installation_code(folder, os.urandom)
    assert tags.is_installation(code)

    def never(_: int) -> bytes:
        raise AssertionError

    assert installation_code(folder, never) == code
    if os.name == "posix":
        assert (folder / "installation").stat().st_mode & 0o777 == 0o600


def test_our_tags_are_recognised_by_it(folder: Path) -> None:
    code = installation_code(folder, lambda count: bytes(range(count)))
    tag = tags.tag_of(code, "0" * 26)
    assert tags.is_of(code, tag)
    assert tags.is_of(code, f" {tag.lower()}-sl ")
    assert not tags.is_of(code, tags.tag_of("ZZZZZZZZ", "0" * 26))


def test_processes_that_start_together_get_one_name(folder: Path) -> None:
    processes = [
        subprocess.Popen(  # noqa: S603  this interpreter, our own lines
            [sys.executable, "-c", DRAW, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # only now: all at once
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    codes = {process.communicate()[0].strip() for process in processes}
    assert codes == {installation_code(folder, os.urandom)}


@pytest.mark.parametrize("content", ["", "short", "ABCDEFGI", "ABCDEFGHJ", "\x00\xff"])
def test_a_damaged_one_is_not_replaced_silently(folder: Path, content: str) -> None:
    installation_code(folder, os.urandom)
    path = folder / "installation"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="backup"):
        installation_code(folder, os.urandom)
    assert path.read_text() == content


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_one_that_others_may_read_is_refused(folder: Path) -> None:
    installation_code(folder, os.urandom)
    (folder / "installation").chmod(0o644)
    with pytest.raises(FileNotPrivate, match="chmod 600"):
        installation_code(folder, os.urandom)


def test_a_process_that_hangs_while_drawing_is_not_waited_for_for_ever(
    folder: Path,
) -> None:
    lock = FileLock(folder / "installation.lock")
    assert lock.try_lock()
    with pytest.raises(ConfigurationError, match="does not move on"):
        installation_code(folder, os.urandom, wait_s=0.05)
    lock.unlock()
    assert tags.is_installation(installation_code(folder, os.urandom))
