"""The lock: one holder among processes, gone with its process, and a note for people."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from topstepx.errors import FileNotPrivate
from topstepx.store.file_lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from topstepx.store.file_lock import FileLock
assert FileLock(Path(sys.argv[1])).try_lock("the other one")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    return folder / "one.lock"


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603  this interpreter, our own lines
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_holder_at_a_time_within_a_process_too(path: Path) -> None:
    one, other = FileLock(path), FileLock(path)
    assert one.try_lock()
    assert one.try_lock(), "taking it again is no mistake"
    assert not other.try_lock()
    assert (one.is_held, other.is_held) == (True, False)
    one.unlock()
    assert other.try_lock()
    other.unlock()
    other.unlock()


def test_another_process_has_it_until_it_is_killed(path: Path) -> None:
    process = _holder(path)
    lock = FileLock(path)
    try:
        assert not lock.try_lock("me")
        assert lock.holder() == "the other one"
    finally:
        process.kill()
        process.communicate()
    assert lock.try_lock("me")
    assert lock.holder() == "me"
    lock.unlock()
    assert lock.holder() == ""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_stopped_process_keeps_it(path: Path) -> None:
    process = _holder(path)
    try:
        os.kill(process.pid, signal.SIGSTOP)
        assert not FileLock(path).try_lock()
    finally:
        process.kill()
        process.communicate()


def test_a_note_is_bounded_and_a_missing_one_is_empty(path: Path) -> None:
    lock = FileLock(path)
    assert lock.holder() == ""
    assert lock.try_lock("x" * 10_000)
    assert lock.holder() == "x" * 500
    lock.unlock()


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_others_may_not_reach_it(path: Path) -> None:
    lock = FileLock(path)
    assert lock.try_lock()
    assert path.stat().st_mode & 0o777 == 0o600
    lock.unlock()
    path.parent.chmod(0o755)
    with pytest.raises(FileNotPrivate, match="chmod 700"):
        lock.try_lock()


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_is_not_followed(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text("precious")
    path.symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"one\.lock"):
        FileLock(path).try_lock()
    assert elsewhere.read_text() == "precious"
