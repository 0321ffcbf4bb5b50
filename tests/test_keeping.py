"""What is kept where: real orders have a disk, the simulator a memory, and a reader nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from topstepx.core import tags
from topstepx.errors import ConfigurationError
from topstepx.keeping import JOURNAL_FILE, journal_path, kept, leases_of, trading_folders
from topstepx.settings import ENVIRONMENTS, Limits, Settings, simulator_environment
from topstepx.store.journal import SqliteJournal
from topstepx.store.journal_memory import MemoryJournal

if TYPE_CHECKING:
    from pathlib import Path

LIVE = ENVIRONMENTS["topstepx"]
SIM = simulator_environment("http://127.0.0.1:1")
TRADES = Settings(LIVE, trade=True, limits=Limits(contracts_max=1))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path))
    return tmp_path


def test_who_trades_for_real_keeps_everything(home: Path) -> None:
    keeps = kept(TRADES, "Me", None)
    assert isinstance(keeps.journal, SqliteJournal)
    assert keeps.leases is not None
    assert keeps.installation is not None
    assert tags.is_installation(keeps.installation)
    assert keeps.journal.path == journal_path(LIVE, "me") == keeps.leases.folder / JOURNAL_FILE
    assert home in keeps.journal.path.parents
    assert "me" not in keeps.journal.path.parent.name.split("-")
    assert kept(TRADES, "me", None).installation == keeps.installation
    assert "process" in keeps.leases.who


def test_users_and_gateways_are_apart() -> None:
    paths = {journal_path(LIVE, "me"), journal_path(LIVE, "you"), journal_path(SIM, "me")}
    assert len(paths) == 3


@pytest.mark.parametrize("settings", [Settings(LIVE), Settings(SIM)])
def test_a_reader_and_the_simulator_touch_no_disk(home: Path, settings: Settings) -> None:
    keeps = kept(settings, "me", None)
    assert isinstance(keeps.journal, MemoryJournal)
    assert (keeps.leases, keeps.installation) == (None, None)
    assert list(home.iterdir()) == []


def test_the_simulator_takes_a_path(tmp_path: Path) -> None:
    keeps = kept(Settings(SIM), "me", tmp_path / "j.sqlite")
    assert isinstance(keeps.journal, SqliteJournal)
    assert keeps.journal.path == tmp_path / "j.sqlite"


@pytest.mark.parametrize("settings", [TRADES, Settings(SIM)])
def test_an_account_has_one_lease_whatever_journals_are_kept(
    tmp_path: Path, settings: Settings
) -> None:
    now = datetime(2026, 11, 23, 15, tzinfo=UTC)
    first, second = (
        kept(settings, "me", tmp_path / name).leases for name in ("a.sqlite", "b.sqlite")
    )
    assert first is not None
    assert second is not None
    mine, other = first.lease(7), second.lease(7)
    assert mine.try_take(now)
    assert not other.try_take(now)
    leases_of(settings.environment, "Me").raise_epoch(7, "flatten", now, why="out")
    assert not mine.is_current()
    mine.release()


def test_real_orders_need_a_disk() -> None:
    with pytest.raises(ConfigurationError, match="need a journal on the disk"):
        kept(TRADES, "me", MemoryJournal())
    assert isinstance(kept(Settings(SIM), "me", MemoryJournal()).journal, MemoryJournal)
    assert isinstance(kept(Settings(LIVE), "me", MemoryJournal()).journal, MemoryJournal)


def test_the_folders_that_a_kill_switch_looks_at(home: Path) -> None:
    assert trading_folders() == ()
    for name in ("topstepx-1", "topstepx-2", "sim-1"):
        (home / "state" / "trading" / name).mkdir(parents=True)
    assert [folder.name for folder in trading_folders()] == ["sim-1", "topstepx-1", "topstepx-2"]
    assert [folder.name for folder in trading_folders("sim")] == ["sim-1"]
