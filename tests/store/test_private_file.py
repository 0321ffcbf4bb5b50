"""Files for one user: what is refused, and that a replacement is whole."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from topstepx.errors import FileNotPrivate
from topstepx.store.private_file import (
    append_private,
    make_private_folder,
    read_private,
    remove_private,
    write_private,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "one.sealed"


def test_written_for_this_user_only(path: Path) -> None:
    write_private(path, b"first")
    write_private(path, b"second")
    assert read_private(path) == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["one.sealed"]


def test_none_and_removed(path: Path) -> None:
    assert read_private(path) is None
    assert not remove_private(path)
    write_private(path, b"x")
    assert remove_private(path)
    assert read_private(path) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o601])
def test_readable_by_others(path: Path, mode: int) -> None:
    write_private(path, b"x")
    path.chmod(mode)
    with pytest.raises(FileNotPrivate, match="chmod 600"):
        read_private(path)


def test_a_folder_open_to_others(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    with pytest.raises(FileNotPrivate, match="chmod 700"):
        write_private(path, b"x")
    assert not path.exists()


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    write_private(path, b"x")
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(FileNotPrivate):
        read_private(link)


def test_a_link_in_place_of_the_folder(path: Path, tmp_path: Path) -> None:
    write_private(path, b"x")
    linked = tmp_path / "linked"
    linked.symlink_to(path.parent)
    with pytest.raises(FileNotPrivate):
        make_private_folder(linked)


def test_a_link_in_place_of_the_file_is_replaced_not_written_through(
    path: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    make_private_folder(path.parent)
    path.symlink_to(victim)
    write_private(path, b"secret")
    assert victim.read_bytes() == b"untouched"
    assert read_private(path) == b"secret"


def test_no_file_at_all(path: Path) -> None:
    make_private_folder(path)
    with pytest.raises(FileNotPrivate):
        read_private(path)
    with pytest.raises(FileNotPrivate):
        write_private(path, b"x")
    assert [one.name for one in path.parent.iterdir()] == [path.name], "no temporary file is left"


def test_a_pipe_does_not_hang(path: Path) -> None:
    make_private_folder(path.parent)
    os.mkfifo(path, 0o600)
    with pytest.raises(FileNotPrivate):
        read_private(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user(path: Path) -> None:
    write_private(path, b"x")
    os.chown(path, 12345, 12345)
    with pytest.raises(FileNotPrivate, match="another user"):
        read_private(path)


def test_a_reader_sees_the_old_or_the_new(path: Path) -> None:
    old, new = b"a" * 50_000, b"b" * 50_000
    write_private(path, old)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            write_private(path, new)
            write_private(path, old)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(200):
            assert read_private(path) in {old, new}
    finally:
        stop.set()
        writer.join()


@pytest.mark.skipif(os.name != "posix", reason="modes of a POSIX system")
def test_what_is_made_above_a_private_folder_is_private_too(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "state" / "kill")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_line_is_appended_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "private" / "lines"
    assert append_private(path, b"one") == len(b"\none\n")
    path.write_bytes(path.read_bytes() + b"tor")
    append_private(path, b"two")
    assert path.read_bytes().split(b"\n") == [b"", b"one", b"tor", b"two", b""]
