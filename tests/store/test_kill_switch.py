"""The kill switch: it stands until it is released, and what cannot be read counts as pulled."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.small_disk import small_disk
from topstepx.errors import FileNotPrivate
from topstepx.store.kill_switch import (
    EVERYTHING,
    KillSwitch,
    KillView,
    Pulled,
    Scope,
    SwitchKind,
)

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
SIM = Scope(environment="sim", gateway="127.0.0.1:8771")
REAL = Scope(environment="topstepx")


def line(kind: SwitchKind, scope: Scope = EVERYTHING) -> Pulled:
    return Pulled(kind=kind, who="a person", at=AT, why="enough", scope=scope)


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path / "kill")


def test_it_stands_until_it_is_released_and_is_seen_by_who_looked_before(
    switch: KillSwitch,
) -> None:
    bot = KillView(KillSwitch(switch.folder), "topstepx", "api.example")
    assert bot.on(7) is None
    assert not switch.folder.exists(), "looking leaves nothing behind"
    assert switch.pull(line("kill"))
    kill = bot.on(7)
    assert kill is not None
    assert str(kill) == (
        "every gateway and simulator since 2026-11-23 15:00:00 UTC, by a person: enough"
    )
    switch.release(line("release"))
    assert bot.on(7) is None
    assert switch.released_by() == "a person"
    switch.pull(line("kill"))
    assert bot.on(7) is not None


def test_it_is_the_owners_alone_and_names_no_account_unless_one_was_meant(
    switch: KillSwitch,
) -> None:
    switch.pull(line("kill"))
    assert b"account_id" not in (switch.folder / "switch.jsonl").read_bytes().replace(
        b'"account_id":null', b""
    )
    if os.name == "posix":
        assert switch.folder.stat().st_mode & 0o777 == 0o700
        assert (switch.folder / "switch.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        (EVERYTHING, ["real 7", "real 8", "sim 7", "other sim 7"]),
        (REAL, ["real 7", "real 8"]),
        (Scope(environment="sim"), ["sim 7", "other sim 7"]),
        (SIM, ["sim 7"]),
        (Scope(account_id=7), ["real 7", "sim 7", "other sim 7"]),
        (Scope(environment="topstepx", account_id=8), ["real 8"]),
    ],
)
def test_whom_it_stops(switch: KillSwitch, scope: Scope, stopped: list[str]) -> None:
    bots = {
        "real 7": (KillView(switch, "topstepx", "api.example"), 7),
        "real 8": (KillView(switch, "topstepx", "api.example"), 8),
        "sim 7": (KillView(switch, "sim", "127.0.0.1:8771"), 7),
        "other sim 7": (KillView(switch, "sim", "127.0.0.1:9999"), 7),
    }
    switch.pull(line("kill", scope))
    assert [name for name, (view, account) in bots.items() if view.on(account)] == stopped


def test_a_release_ends_what_lies_within_it_and_nothing_wider(switch: KillSwitch) -> None:
    switch.pull(line("kill", SIM))
    switch.pull(line("kill"))
    switch.release(line("release", Scope(environment="sim")))
    assert [one.scope for one in switch.standing()] == [EVERYTHING]
    switch.release(line("release"))
    assert switch.standing() == ()


@pytest.mark.skipif(os.name != "posix", reason="modes and links of a POSIX system")
@pytest.mark.parametrize("damage", ["torn", "huge", "a loop of links", "a folder"])
def test_what_cannot_be_read_counts_as_pulled(switch: KillSwitch, damage: str) -> None:
    switch.pull(line("kill"))
    switch.release(line("release"))
    assert switch.standing() == ()
    path = switch.folder / "switch.jsonl"
    if damage == "torn":
        with path.open("ab") as file:
            file.write(b'\n{"kind":"ki')
    elif damage == "huge":
        with path.open("ab") as file:
            file.write(b"\n" * 1_000_001)
    else:
        path.unlink()
        path.mkdir() if damage == "a folder" else path.symlink_to(path)
    assert KillView(KillSwitch(switch.folder), "sim", "x").on(7) is not None


def test_a_torn_line_swallows_nothing_and_is_released_like_any(switch: KillSwitch) -> None:
    switch.pull(line("kill", SIM))
    with (switch.folder / "switch.jsonl").open("ab") as file:
        file.write(b'{"kind":"ki')
    switch.pull(line("kill", REAL))
    assert len(switch.standing()) == 3
    switch.release(line("release"))
    assert switch.standing() == ()


@pytest.mark.skipif(os.name != "posix", reason="modes of a POSIX system")
def test_a_folder_that_was_opened_up_is_closed_again_not_refused(switch: KillSwitch) -> None:
    switch.pull(line("kill"))
    switch.folder.chmod(0o755)
    switch.pull(line("kill"))
    assert switch.folder.stat().st_mode & 0o777 == 0o700


def test_no_folder_no_switch_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotPrivate):
        KillSwitch(tmp_path / "file" / "kill").pull(line("kill"))


def test_a_full_disk_still_takes_a_kill(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        switch = KillSwitch(disk.folder / "kill")
        switch.folder.mkdir(mode=0o700)
        disk.fill()
        assert switch.pull(line("kill", SIM)) is False
        view = KillView(KillSwitch(switch.folder), "topstepx", "x")
        kill = view.on(7)
        assert kill is not None, "a mark has no room for a scope, so it stands for everything"
        assert "full disk" in str(kill)
        disk.free()
        switch.release(line("release"))
        assert view.on(7) is None


ACTS = st.tuples(st.sampled_from(["kill", "release"]), st.sampled_from([EVERYTHING, SIM, REAL]))


@given(st.lists(ACTS, max_size=12))
def test_it_is_what_its_lines_say(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[SwitchKind, Scope]]
) -> None:
    switch = KillSwitch(tmp_path_factory.mktemp("kill", numbered=True) / "k")
    bot = KillView(KillSwitch(switch.folder), "sim", "127.0.0.1:8771")
    standing: set[str] = set()
    for kind, scope in acts:
        within = {"sim", "real", "all"}
        if scope != EVERYTHING:
            within = {"sim"} if scope == SIM else {"real"}
        if kind == "kill":
            switch.pull(line("kill", scope))
            standing |= {"all"} if scope == EVERYTHING else within
        else:
            switch.release(line("release", scope))
            standing -= within
        assert (bot.on(7) is not None) == bool(standing & {"all", "sim"})
