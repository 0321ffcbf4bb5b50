"""Files of saved states: whole, ours, of this version, private; or refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.sim.test_saved import RECIPE, busy_line
from topstepx.errors import ConfigurationError
from topstepx.sim.saved import save_gateway
from topstepx.sim.server import SimServer
from topstepx.sim.server_state import read_state, write_state

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sim.state"
    write_state(path, save_gateway(busy_line().gateway, RECIPE))
    return path


def test_a_file_comes_back_and_is_private(file: Path) -> None:
    saved = read_state(file)
    assert saved.recipe == RECIPE
    assert len(saved.venue.orders) >= 8
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_every_cut_is_noticed(file: Path) -> None:
    whole = file.read_bytes()
    for length in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ConfigurationError) as caught:
            read_state(file)
        assert str(file) in str(caught.value)
        assert caught.value.next_step


def test_a_changed_byte_another_version_and_a_stranger(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"practice", b"practise", 1))
    with pytest.raises(ConfigurationError, match="cut short or was changed"):
        read_state(file)
    file.write_bytes(whole.replace(b"state 2 ", b"state 1 ", 1))
    with pytest.raises(ConfigurationError, match="version 1, this program reads version 2"):
        read_state(file)
    file.write_bytes(b"PK\x03\x04 not ours \xff")
    with pytest.raises(ConfigurationError, match="no saved state"):
        read_state(file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_state(file.parent / "none")


def test_what_is_whole_and_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sim.state"
    write_state(path, b'{"recipe": 7}')
    with pytest.raises(ConfigurationError, match="recipe"):
        read_state(path)


def test_a_place_where_nothing_can_be_saved_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        SimServer(state=tmp_path / "none" / "sim.state")
    with pytest.raises(ConfigurationError, match="cannot be written there"):
        SimServer(state=tmp_path)
    SimServer(state=tmp_path / "sim.state")


def test_a_write_that_fails_leaves_the_old_file(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_state(file / "below", b"x")
    assert file.read_bytes() == before
