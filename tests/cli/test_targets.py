"""What --environment, --profile and --url mean together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from topstepx.access import profile_of
from topstepx.cli.targets import remember, target_of
from topstepx.errors import ConfigurationError, ProfileUnknown

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_an_environment_is_a_profile_of_its_own() -> None:
    target = target_of("topstepx", None, None)
    assert (target.profile.name, target.reached.name) == ("topstepx", "topstepx")


def test_a_new_profile_is_remembered_once(home: Path) -> None:
    target = target_of("sim", "mine", URL)
    remember(target)
    remember(target)
    assert (home / "config.toml").read_text() == (
        f'[profiles.mine]\nenvironment = "sim"\nurl = "{URL}"\n'
    )
    found = profile_of("mine")
    assert found.environment == target.reached
    remember(target_of("topstepx", "other", None))
    assert profile_of("other").environment_name == "topstepx"
    assert target_of(None, "mine", None).reached.rest_url == URL


def test_the_simulator_inside_a_program_stays_what_it_is(home: Path) -> None:
    remember(target_of("sim", None, URL))
    assert not (home / "config.toml").exists()
    assert profile_of("sim").environment is None


def test_what_cannot_be_meant() -> None:
    remember(target_of("topstepx", "mine", None))
    with pytest.raises(ConfigurationError, match="is for 'topstepx'"):
        target_of("tradeday", "mine", None)
    with pytest.raises(ConfigurationError, match="Which gateway"):
        target_of(None, None, None)
    with pytest.raises(ConfigurationError, match="--environment sim as well"):
        target_of(None, None, "http://127.0.0.1:8765")
    with pytest.raises(ConfigurationError, match="needs no key"):
        target_of("sim", None, None)
    with pytest.raises(ProfileUnknown):
        target_of(None, "nobody", None)
    with pytest.raises(ConfigurationError, match="small letters"):
        target_of("topstepx", "../up", None)


def test_a_proxy_is_kept_in_a_new_profile_without_a_password(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="command line"):
        target_of("topstepx", "mine", None, "http://me:secret@proxy.test:1")
    target = target_of("topstepx", "mine", None, "http://me@proxy.test:3128")
    remember(target)
    assert 'proxy = "http://me@proxy.test:3128"' in (home / "config.toml").read_text()
    assert profile_of("mine").get("proxy").value == "http://me@proxy.test:3128"
