"""One number, wherever it is asked for."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import topstepx
from tests.house.tree import ROOT
from topstepx.version import __version__


def test_the_package_the_project_and_the_installation_agree() -> None:
    assert topstepx.__version__ == __version__ == version("topstepx")
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project.get("version", __version__) == __version__


def test_the_changelog_knows_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert __version__ in text or "Unreleased" in text
