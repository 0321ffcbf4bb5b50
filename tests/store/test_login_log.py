"""Bounds on logins that outlive the process, and the boot."""

from __future__ import annotations

import stat
from multiprocessing import get_context
from pathlib import Path

import pytest

from topstepx.clock import ManualClock, SystemClock
from topstepx.store.login_log import SqliteLoginLog, login_log_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return login_log_path(tmp_path / "state", "api.example.test", "Trader01")


def test_its_name_tells_nothing(path: Path, tmp_path: Path) -> None:
    assert "rader" not in path.name
    assert path == login_log_path(tmp_path / "state", "api.example.test", "trader01")
    assert path != login_log_path(tmp_path / "state", "other.example.test", "trader01")


def test_restarts_do_not_reset_the_bounds(path: Path) -> None:
    clock = ManualClock(monotonic_ns=10**15)

    def claim(*, exit_waits: bool = False) -> float:
        return SqliteLoginLog(path, clock, boot="one").claim(exit_waits=exit_waits)

    assert claim() == 0.0
    assert claim() == pytest.approx(5)
    for _ in range(3):
        clock.advance(5)
        assert claim() == 0.0
    clock.advance(5)
    assert claim() == pytest.approx(580)
    assert claim(exit_waits=True) == 0.0
    clock.advance(5)
    assert claim(exit_waits=True) == pytest.approx(575)
    clock.advance(575)
    assert claim() > 0, "five within ten minutes: the first has only just left the window"
    clock.advance(20)
    assert claim() == 0.0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_login_that_never_left_is_taken_back(path: Path) -> None:
    log = SqliteLoginLog(path, ManualClock(monotonic_ns=10**15), boot="one")
    for _ in range(20):
        assert log.claim(exit_waits=False) == 0.0
        log.take_back()
    log.take_back()


def test_a_reboot_carries_them_over(path: Path) -> None:
    before = ManualClock(monotonic_ns=10**15)
    for _ in range(4):
        assert SqliteLoginLog(path, before, boot="one").claim(exit_waits=False) == 0.0
        before.advance(10)
    after = ManualClock(before.now(), monotonic_ns=10**9)
    log = SqliteLoginLog(path, after, boot="two")
    assert log.claim(exit_waits=False) == pytest.approx(560, abs=0.01)
    after.advance(561)
    assert log.claim(exit_waits=False) == 0.0


def test_rows_from_the_future_count_as_now_and_pass(path: Path) -> None:
    """The wall clock was a year ahead before the reboot."""
    wrong = ManualClock(monotonic_ns=10**15)
    wrong.step_wall(365 * 86_400)
    assert SqliteLoginLog(path, wrong, boot="one").claim(exit_waits=False) == 0.0
    right = ManualClock(monotonic_ns=10**9)
    log = SqliteLoginLog(path, right, boot="two")
    assert log.claim(exit_waits=False) == pytest.approx(5)
    right.advance(5)
    assert log.claim(exit_waits=False) == 0.0


def test_a_step_of_the_wall_clock_changes_nothing(path: Path) -> None:
    clock = ManualClock(monotonic_ns=10**15)
    log = SqliteLoginLog(path, clock, boot="one")
    assert log.claim(exit_waits=False) == 0.0
    clock.step_wall(86_400)
    assert log.claim(exit_waits=False) == pytest.approx(5)
    clock.step_wall(-3 * 86_400)
    assert log.claim(exit_waits=False) == pytest.approx(5)


def test_out_of_reach_it_forbids_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no database" * 100)
    log = SqliteLoginLog(broken, ManualClock(), boot="one")
    assert log.claim(exit_waits=False) == 0.0
    log.take_back()
    assert "out of reach" in caplog.text


def _claim_one(path: str) -> float:
    return SqliteLoginLog(Path(path), SystemClock()).claim(exit_waits=False)


def test_of_many_processes_one_may_log_in_now(path: Path) -> None:
    with get_context("spawn").Pool(4) as pool:
        waits = pool.map(_claim_one, [str(path)] * 8)
    assert sorted(wait == 0.0 for wait in waits) == [False] * 7 + [True]
