"""Profiles: layers with origins, and every way to write one wrongly."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from topstepx.errors import ConfigurationError, ProfileUnknown
from topstepx.profiles import FIELDS, pins_of, profile_names, read_profile
from topstepx.settings import ENVIRONMENTS


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "topstepx.toml", tmp_path / "config.toml"


def test_environments_need_no_file(files: tuple[Path, Path]) -> None:
    profile = read_profile("topstepx", files)
    assert profile.environment is ENVIRONMENTS["topstepx"]
    assert profile.get("live_data", default=False).origin == "default"
    assert read_profile("sim", files).environment is None
    attached = read_profile("sim", files, url="http://127.0.0.1:8000").environment
    assert attached is not None
    assert attached.simulated


def test_the_stronger_layer_wins_and_says_so(files: tuple[Path, Path]) -> None:
    project, user = files
    user.write_text(
        '[profiles.eval]\nenvironment = "tradeday"\nmax_contracts = 5\nlive_data = true\n'
    )
    project.write_text("[profiles.eval]\nmax_contracts = 2\n")
    profile = read_profile("eval", files)
    assert profile.environment_name == "tradeday"
    assert profile.get("max_contracts", 1).origin == "given"
    assert (profile.get("max_contracts").value, profile.get("max_contracts").origin) == (
        2,
        str(project),
    )
    assert profile.get("live_data").origin == str(user)
    assert profile_names(files) == ("eval",)


def test_no_such_name(files: tuple[Path, Path]) -> None:
    files[1].write_text('[profiles.eval]\nenvironment = "topstepx"\n')
    with pytest.raises(ProfileUnknown, match="Did you mean eval"):
        read_profile("evl", files)
    with pytest.raises(ProfileUnknown, match="There are sim, eval, topstepx"):
        read_profile("zzzzzz", files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("environment = ", "is not TOML"),
        ("colour = 1", "Settings stand under"),
        ("profiles = 1", "Settings stand under"),
        ("[profiles]\neval = 1", "is no table"),
        ("[profiles.eval]\nmax_contracts = 2", "does not say which environment"),
        ('[profiles.eval]\nenvironment = "topstep"', "is not known"),
        ('[profiles.eval]\nenvironmnt = "topstepx"', "Did you mean environment"),
        ('[profiles.eval]\nenvironment = "topstepx"\nmax_contracts = "2"', "whole number"),
        ('[profiles.eval]\nenvironment = "topstepx"\nmax_contracts = true', "whole number"),
        ('[profiles.eval]\nenvironment = "topstepx"\nhub_token = "url"', "header, query, auto"),
        ('[profiles.eval]\nenvironment = "topstepx"\napi_key = "k"', "topstepx login"),
        ('[profiles.eval]\nenvironment = "topstepx"\ntrade = true', "trade=True"),
        ('[profiles.eval]\nenvironment = "topstepx"\nurl = "http://127.0.0.1:1"', "its own"),
        ('[profiles.eval]\nenvironment = "sim"\nurl = "http://example.test"', "this machine"),
        ('[profiles.eval]\nenvironment = "sim"\nurl = "ftp://127.0.0.1"', "https"),
    ],
)
def test_written_wrongly(files: tuple[Path, Path], text: str, said: str) -> None:
    files[1].write_text(text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_profile("eval", files)
    assert '"k"' not in str(caught.value)


def test_a_profile_cannot_turn_an_environment_into_another(files: tuple[Path, Path]) -> None:
    files[0].write_text('[profiles.topstepx]\nenvironment = "tradeday"\n')
    with pytest.raises(ConfigurationError, match="bears the name of another"):
        read_profile("topstepx", files)


def test_a_file_that_cannot_be_read(files: tuple[Path, Path]) -> None:
    files[0].mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory"):
        read_profile("sim", files)


def test_pins(files: tuple[Path, Path]) -> None:
    one, two = "A" * 43 + "=", "B" * 42 + "A="
    files[1].write_text(
        '[profiles.eval]\nenvironment = "topstepx"\n[profiles.eval.pins]\n'
        f'spki_sha256 = ["{one}", "{two}"]\nuntil = 2027-01-01T00:00:00Z\nreport_only = true\n'
    )
    pins = pins_of(read_profile("eval", files).get("pins"))
    assert pins is not None
    assert pins.spki_sha256 == (one, two)
    assert pins.until == datetime(2027, 1, 1, tzinfo=UTC)
    files[1].write_text('[profiles.eval]\nenvironment = "topstepx"\npins = {until = 1}\n')
    with pytest.raises(ConfigurationError, match="pins"):
        pins_of(read_profile("eval", files).get("pins"))
    assert pins_of(read_profile("topstepx").get("pins")) is None


def test_every_field_is_used_by_connect() -> None:
    root = Path(__file__).parents[1] / "src/topstepx"
    text = (root / "connecting.py").read_text() + (root / "access.py").read_text()
    own = {"environment", "url"}
    assert [field for field in FIELDS if field not in own and f'"{field}"' not in text] == []
