"""The simulator's key: made once, kept private, never on the command line."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from topstepx.cli.sim_key import sim_key
from topstepx.errors import ConfigurationError, FileNotPrivate

if TYPE_CHECKING:
    from pathlib import Path


def test_none_is_made_unless_one_is_asked_for() -> None:
    assert sim_key(None, key_stdin=False) is None


def test_a_file_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # any folder of one's own will do, such as a project's
    path = tmp_path / "sim.key"
    first, second = sim_key(path, key_stdin=False), sim_key(path, key_stdin=False)
    assert first is not None
    assert second is not None
    assert first.reveal() == second.reveal()
    assert len(first.reveal()) == 44
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="modes of a POSIX system")
def test_a_file_that_others_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sim.key"
    path.write_text("abc\n")
    path.chmod(0o644)
    with pytest.raises(FileNotPrivate, match="chmod 600"):
        sim_key(path, key_stdin=False)


def test_what_is_no_key_and_where_none_can_be(tmp_path: Path) -> None:
    path = tmp_path / "sim.key"
    path.touch(mode=0o600)
    with pytest.raises(ConfigurationError, match="empty"):
        sim_key(path, key_stdin=False)
    with pytest.raises(ConfigurationError, match="--key-file"):
        sim_key(tmp_path / "nowhere" / "sim.key", key_stdin=False)
    with pytest.raises(ConfigurationError, match="both given"):
        sim_key(path, key_stdin=True)


def test_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("abc123\nmore\n"))
    key = sim_key(None, key_stdin=True)
    assert key is not None
    assert key.reveal() == "abc123"
