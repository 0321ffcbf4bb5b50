"""Where files go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from topstepx.errors import ConfigurationError
from topstepx.store.places import HOME_VARIABLE, config_folder, state_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_one_folder_of_your_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert config_folder() == tmp_path
    assert state_folder() == tmp_path / "state"


def test_the_systems_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    assert config_folder().is_absolute()
    assert config_folder().name == "topstepx"
    assert state_folder().is_absolute()


def test_a_relative_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, "here")
    with pytest.raises(ConfigurationError, match=HOME_VARIABLE):
        config_folder()
