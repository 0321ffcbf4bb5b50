"""The shared log: exact between processes, robust against their deaths, honest when out of reach."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import hammer
from topstepx.clock import NANOSECONDS, ManualClock, SystemClock
from topstepx.core.budget import BudgetUnavailable, Foreign, Want
from topstepx.store.budget import SqliteBudget, boot_name, budget_path, same_boot

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW_NS = 60 * NANOSECONDS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return budget_path(tmp_path / "topstepx", "api.example.com", "Trader")


@pytest.fixture
def stores(path: Path) -> Iterator[tuple[SqliteBudget, SqliteBudget, ManualClock]]:
    clock = ManualClock(monotonic_ns=10**12)
    first, second = (SqliteBudget(path, clock, name, boot="b1") for name in ("one", "two"))
    first.open()
    second.open()
    yield first, second, clock
    first.close()
    second.close()


def want(line: int | None, count: int = 1, bucket: str = "general") -> list[Want]:
    return [Want(bucket, line, WINDOW_NS)] * count


def granted(store: SqliteBudget, wants: list[Want]) -> int:
    return sum(claim.granted for claim in store.claim(wants).claims)


def start(path: Path, deed: str, name: str = "p", permits: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  this interpreter on our own file
        [sys.executable, str(hammer.__file__), str(path), str(permits), name, deed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_two_processes_draw_on_one_limit(
    stores: tuple[SqliteBudget, SqliteBudget, ManualClock],
) -> None:
    first, second, clock = stores
    assert granted(first, want(5, 3)) == 3
    assert granted(second, want(5, 3)) == 2
    assert granted(second, want(5, 3, "bars")) == 3
    clock.advance(60)
    assert granted(first, want(5)) == 0
    clock.advance(1e-9)
    assert granted(first, want(5, 9)) == 5


def test_exits_are_written_down_and_always_granted(
    stores: tuple[SqliteBudget, SqliteBudget, ManualClock],
) -> None:
    first, second, _ = stores
    assert granted(first, want(None, 250)) == 250
    assert granted(second, want(200)) == 0


def test_each_hears_once_of_what_the_other_sent(
    stores: tuple[SqliteBudget, SqliteBudget, ManualClock],
) -> None:
    first, second, clock = stores
    first.claim(want(5, 2))
    now_ns = clock.monotonic_ns()
    assert second.claim(want(5)).foreign == (Foreign("general", now_ns),) * 2
    assert second.claim(want(5)).foreign == ()
    assert first.claim([]).foreign == (Foreign("general", now_ns),) * 2


def test_a_newcomer_learns_of_the_past_and_since_when_it_is_whole(
    stores: tuple[SqliteBudget, SqliteBudget, ManualClock], path: Path
) -> None:
    first, _, clock = stores
    started_ns = clock.monotonic_ns()
    clock.advance(10)
    first.claim(want(5))
    newcomer = SqliteBudget(path, clock, "three", boot="b1")
    assert newcomer.open() == (started_ns, (Foreign("general", clock.monotonic_ns()),))
    newcomer.close()


def test_what_was_not_sent_is_free_again_and_only_ones_own(
    stores: tuple[SqliteBudget, SqliteBudget, ManualClock],
) -> None:
    first, second, clock = stores
    first.claim(want(5, 5))
    second.release("general", clock.monotonic_ns())
    assert granted(second, want(5)) == 0
    first.release("general", clock.monotonic_ns())
    assert granted(second, want(5, 5)) == 1


def test_what_left_while_alone_is_written_down_later(
    stores: tuple[SqliteBudget, SqliteBudget, ManualClock],
) -> None:
    first, second, clock = stores
    first.record([Foreign("general", clock.monotonic_ns() - 1)] * 4)
    assert granted(second, want(5, 5)) == 1


def test_another_boot_starts_a_new_log(path: Path) -> None:
    before, after = ManualClock(monotonic_ns=10**15), ManualClock(monotonic_ns=10**9)
    old = SqliteBudget(path, before, "old", boot="b1")
    old.open()
    old.claim(want(5, 5))
    old.close()
    new = SqliteBudget(path, after, "new", boot="b2")
    assert new.open() == (10**9, ())
    assert granted(new, want(5, 5)) == 5
    new.close()


def test_names_of_one_boot() -> None:
    assert boot_name(SystemClock()) == boot_name(SystemClock())
    assert same_boot("at 1000", "at 1200")
    assert not same_boot("at 1000", "at 2000")
    assert not same_boot("one", "two")


def test_the_files_name_tells_neither_host_nor_user(tmp_path: Path) -> None:
    name = budget_path(tmp_path, "api.example.com", "Trader").name
    assert "trader" not in name.lower()
    assert "example" not in name
    assert name == budget_path(tmp_path, "api.example.com", "trader").name
    assert name != budget_path(tmp_path, "api.example.com", "other").name


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights elsewhere")
def test_only_this_user_may_read_it(path: Path) -> None:
    store = SqliteBudget(path, SystemClock(), "one")
    store.open()
    store.claim(want(5))
    rights = {entry.name: entry.stat().st_mode & 0o077 for entry in path.parent.iterdir()}
    assert set(rights.values()) == {0}
    store.close()


def test_a_damaged_log_is_out_of_reach(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all" * 100)
    store = SqliteBudget(path, SystemClock(), "one")
    with pytest.raises(BudgetUnavailable, match="DatabaseError"):
        store.open()


def test_a_folder_that_cannot_be_made_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = SqliteBudget(tmp_path / "file" / "budget.sqlite", SystemClock(), "one")
    with pytest.raises(BudgetUnavailable, match="file"):
        store.open()


def test_a_hung_lock_holder_puts_it_out_of_reach_and_a_killed_one_does_not(path: Path) -> None:
    store = SqliteBudget(path, SystemClock(), "one", busy_s=0.05)
    store.open()
    holder = start(path, "hold")
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BudgetUnavailable, match="locked"):
            store.claim(want(5))
    finally:
        holder.kill()
        holder.communicate()
    assert granted(store, want(5)) == 1
    store.close()


def test_a_process_that_dies_before_sending_costs_its_slots_only(path: Path) -> None:
    dying = start(path, "die")
    dying.communicate()
    assert dying.returncode == 9
    store = SqliteBudget(path, SystemClock(), "one")
    store.open()
    assert granted(store, want(30, 30, "bars")) == 20
    store.close()


def worst_window(moments: list[int], window_ns: int) -> int:
    return max(bisect_right(moments, each + window_ns) - i for i, each in enumerate(moments))


def hammered(path: Path, permits: int) -> tuple[list[int], float]:
    """When three processes, begun together, sent so many each; and the seconds that this machine took away."""
    processes = [start(path, "hammer", f"p{number}", permits) for number in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [len(lines) for lines in outputs] == [permits + 1] * 3, "each got what it wanted"
    stood_ns = sum(int(lines[-1].removeprefix("stood ")) for lines in outputs)
    return sorted(int(line) for lines in outputs for line in lines[:-1]), stood_ns / NANOSECONDS


def stay_within_the_limit(path: Path, permits: int) -> None:
    sent, stood_s = hammered(path, permits)
    assert worst_window(sent, NANOSECONDS) <= 30
    took_s = (sent[-1] - sent[0]) / NANOSECONDS
    least_s = (len(sent) / 30 - 1) * 1.75  # a window, its margin, and the next thirty
    assert took_s < least_s / 0.9 + stood_s, "nine tenths are used"


def test_three_processes_together_stay_within_the_limit(path: Path) -> None:
    stay_within_the_limit(path, 40)


@pytest.mark.soak
def test_three_processes_stay_within_the_limit_for_a_minute(path: Path) -> None:
    stay_within_the_limit(path, 350)


def test_many_may_open_it_in_the_same_instant(path: Path) -> None:
    for _ in range(100):
        stores = [SqliteBudget(path, SystemClock(), str(n), busy_s=5.0) for n in range(2)]
        barrier = threading.Barrier(len(stores))

        def begin(store: SqliteBudget, barrier: threading.Barrier = barrier) -> int:
            barrier.wait()
            store.open()
            return granted(store, want(1000))

        with ThreadPoolExecutor(len(stores)) as pool:
            assert sum(pool.map(begin, stores)) == len(stores)
        for store in stores:
            store.close()
        for file in path.parent.iterdir():
            file.unlink()


def test_sqlite_is_new_enough() -> None:
    assert sqlite3.sqlite_version_info >= (3, 37), "STRICT tables"
