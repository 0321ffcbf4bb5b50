"""The shared record: sealed, replaced in one step, and locked as long as its holder lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from topstepx.clock import NANOSECONDS, ManualClock
from topstepx.core.sharing import SharedToken, SharingUnavailable
from topstepx.settings import Credentials, Secret
from topstepx.store.shared_session import FileSession

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
CANARY = "canary-token"


def session(
    folder: Path,
    *,
    key: str = "k3Y",
    user: str = "me",
    boot: str = "one",
    clock: ManualClock | None = None,
) -> FileSession:
    return FileSession(
        folder,
        "api.example.test",
        Credentials(user, Secret(key)),
        clock or ManualClock(AT),
        boot=boot,
    )


def token(generation: int = 1, obtained_ns: int = 5 * NANOSECONDS) -> SharedToken:
    return SharedToken(generation, Secret(CANARY), obtained_ns, AT, 3600.0)


def test_there_and_back(tmp_path: Path) -> None:
    assert session(tmp_path).read() is None
    session(tmp_path).write(token(7))
    found = session(tmp_path).read()
    assert found is not None
    assert (found.generation, found.value.reveal(), found.life_s) == (7, CANARY, 3600.0)
    assert (found.obtained_ns, found.obtained_at) == (5 * NANOSECONDS, AT)
    session(tmp_path).forget()
    session(tmp_path).forget()
    assert session(tmp_path).read() is None


def test_nothing_is_readable(tmp_path: Path) -> None:
    session(tmp_path).write(token())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert CANARY.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("other", [{"key": "rotated"}, {"user": "you"}])
def test_another_key_or_user_sees_nothing(tmp_path: Path, other: dict[str, str]) -> None:
    session(tmp_path).write(token())
    assert session(tmp_path, **other).read() is None  # type: ignore[arg-type]  # two of its names


def test_a_damaged_record_is_no_record(tmp_path: Path) -> None:
    session(tmp_path).write(token())
    (path,) = tmp_path.rglob("*.sealed")
    path.write_bytes(path.read_bytes()[:-1])
    assert session(tmp_path).read() is None
    path.chmod(0o644)
    with pytest.raises(SharingUnavailable, match="chmod 600"):
        session(tmp_path).read()


def test_after_a_reboot_the_wall_clock_says_how_old_it_is(tmp_path: Path) -> None:
    session(tmp_path).write(token())
    after = ManualClock(AT, monotonic_ns=10_000 * NANOSECONDS)
    after.step_wall(600)
    found = session(tmp_path, boot="two", clock=after).read()
    assert found is not None
    assert found.obtained_ns == 9_400 * NANOSECONDS


def test_the_lock_is_for_one(tmp_path: Path) -> None:
    one, two = session(tmp_path), session(tmp_path)
    assert one.try_lock()
    assert one.try_lock()
    assert not two.try_lock()
    one.unlock()
    one.unlock()
    assert two.try_lock()
    two.unlock()


HOLD = """
import sys, time
from pathlib import Path
from topstepx.clock import SystemClock
from topstepx.settings import Credentials, Secret
from topstepx.store.shared_session import FileSession
session = FileSession(Path(sys.argv[1]), "api.example.test", Credentials("me", Secret("k3Y")), SystemClock())
assert session.try_lock()
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    holder = subprocess.Popen(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        survivor = session(tmp_path)
        assert not survivor.try_lock()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert survivor.try_lock()
        survivor.unlock()


def test_a_folder_open_to_others_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir(mode=0o777)
    (tmp_path / "sessions").chmod(0o777)
    with pytest.raises(SharingUnavailable):
        session(tmp_path).try_lock()
    with pytest.raises(SharingUnavailable):
        session(tmp_path).write(token())
