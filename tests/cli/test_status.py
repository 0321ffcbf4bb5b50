"""`topstepx status`: which source won, and never a value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from topstepx.cli.status import ProfileStatus, _remind
from topstepx.settings import Secret
from topstepx.store.credentials import Stored
from topstepx.store.credentials_file import EncryptedFile, PlainFile

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://127.0.0.1:9"
CANARY = "canary-key"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, {})


def test_which_variable_won(home: Home) -> None:
    done = home.run(
        "status", "--environment", "topstepx", "--json",
        PROJECT_X_USERNAME="me", PROJECT_X_API_KEY=CANARY,
        TOPSTEP_USERNAME="you", TOPSTEP_API_KEY=CANARY,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert status["place"] == "environment (PROJECT_X_*)"
    assert status["source"] == "PROJECT_X_USERNAME and PROJECT_X_API_KEY in the environment"
    assert status["user_name"] == "me"
    assert any("different users" in warning for warning in status["warnings"])
    assert CANARY not in done.stdout + done.stderr


def test_nobody(home: Home) -> None:
    done = home.run("status")
    assert done.returncode == 1
    assert "topstepx login --environment topstepx" in done.stdout


def test_every_profile_with_the_origin_of_its_settings(home: Home) -> None:
    (home.folder / "home").mkdir()
    (home.folder / "home/config.toml").write_text(
        f'[profiles.one]\nenvironment = "topstepx"\nmax_contracts = 2\n'
        f'[profiles.two]\nenvironment = "sim"\nurl = "{URL}"\n'
    )
    (home.folder / "topstepx.toml").write_text("[profiles.one]\nmax_contracts = 1\n")
    done = home.run("status", "--json", TOPSTEPX_USERNAME="me", TOPSTEPX_API_KEY=CANARY)
    one, two = (json.loads(line) for line in done.stdout.splitlines())
    assert one["profile"] == "one"
    assert one["settings"]["max_contracts"] == {
        "value": "1",
        "origin": str(home.folder / "topstepx.toml"),
    }
    assert one["settings"]["environment"]["origin"] == str(home.folder / "home/config.toml")
    assert (two["environment"], two["rest_url"]) == ("sim", URL)
    assert two["logins_in_ten_minutes"] is None, "a simulator counts none"


def test_a_file_that_only_its_passphrase_opens(home: Home) -> None:
    EncryptedFile(home.folder / "home", lambda: Secret("correct horse")).write(
        "topstepx", Stored("topstepx", "me", Secret(CANARY)).text()
    )
    done = home.run("status")
    assert done.returncode == 0
    assert "encrypted file (profile topstepx), which only its passphrase opens" in done.stdout


def test_a_file_open_to_others_is_a_problem(home: Home) -> None:
    store = PlainFile(home.folder / "home")
    store.write("topstepx", "{}")
    store.path("topstepx").chmod(0o644)
    done = home.run("status")
    assert done.returncode == 1
    assert "chmod 600" in done.stdout


def test_an_old_key_is_mentioned() -> None:
    status = ProfileStatus("x", "topstepx", None, key_saved_on="2020-01-01")
    _remind(status)
    assert "--rotate" in status.warnings[0]


def test_a_key_for_the_simulator_is_listed(tmp_path: Path) -> None:
    home = Home(tmp_path, {})
    with running_sim() as sim:
        kept = home.run(
            "login", "--environment", "sim", "--url", sim.url, "--user-name", sim.user_name,
            "--key-stdin", "--insecure-storage", stdin=f"{sim.api_key}\n",
        )  # fmt: skip
        assert kept.returncode == 0, kept.stderr
        done = home.run("status")
    assert "sim  (sim, inside a program)" in done.stdout
    assert "has a key for a running `topstepx sim`: add --url" in done.stdout
