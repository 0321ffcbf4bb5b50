"""Who logs in, as `connect` asks for it; and the whole way over real sockets."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

import topstepx
from tests.support.commands import running_sim
from topstepx.access import (
    find_credentials,
    given_credentials,
    host_of,
    login_log,
    profile_of,
    proxy_of,
)
from topstepx.clock import ManualClock
from topstepx.errors import ConfigurationError, CredentialsMissing, PassphraseRefused
from topstepx.settings import ENVIRONMENTS, Proxy, Secret, simulator_environment
from topstepx.store.credentials import Stored
from topstepx.store.credentials_environment import FAMILIES, names_of
from topstepx.store.credentials_file import EncryptedFile, PlainFile

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-key"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No keychain, no variables, and a folder of its own."""
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.delenv("TOPSTEPX_PASSPHRASE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    for family in FAMILIES:
        for name in names_of(family):
            monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def test_given_in_code() -> None:
    given = given_credentials("me", CANARY)
    assert given is not None
    assert given.api_key.reveal() == CANARY
    assert given_credentials("me", Secret(CANARY)) is not None
    assert given_credentials("me", None) is None
    with pytest.raises(ConfigurationError, match="without user_name"):
        given_credentials(None, CANARY)
    for user, key in (("", CANARY), ("me", " ")):
        with pytest.raises(ConfigurationError, match="is empty"):
            given_credentials(user, key)


def test_the_name_must_be_the_keys(home: Path) -> None:
    PlainFile(home).write("topstepx", Stored("topstepx", "Me", Secret(CANARY)).text())
    profile = profile_of("topstepx")
    assert find_credentials(profile, user_name="me").credentials.user_name == "Me"
    with pytest.raises(ConfigurationError, match="is that of 'Me'"):
        find_credentials(profile, user_name="you")


def test_the_passphrase_is_asked_for_by_the_program(home: Path) -> None:
    store = EncryptedFile(home, lambda: Secret("correct horse"))
    store.write("topstepx", Stored("topstepx", "me", Secret(CANARY)).text())
    profile = profile_of("topstepx")
    found = find_credentials(profile, passphrase=lambda: "correct horse")
    assert found.credentials.api_key.reveal() == CANARY
    with pytest.raises(PassphraseRefused, match=r"passphrase=getpass\.getpass"):
        find_credentials(profile)


def test_logins_are_bounded_outside_the_simulator_only(home: Path) -> None:
    clock = ManualClock()
    live = login_log(ENVIRONMENTS["topstepx"], "me", clock)
    assert live is not None
    assert live.claim(exit_waits=False) == 0.0
    assert live.recent() == 1
    assert [path.suffix for path in (home / "state").iterdir()] == [".sqlite"]
    assert login_log(simulator_environment("http://127.0.0.1:1"), "me", clock) is None
    assert host_of(ENVIRONMENTS["topstepx"]) == "api.topstepx.com"


def test_connect_without_anybody() -> None:
    async def enter() -> None:
        async with topstepx.connect("topstepx"):
            raise AssertionError

    with pytest.raises(CredentialsMissing, match="topstepx login"):
        asyncio.run(enter())


def test_the_whole_way(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From variables, then from a stored profile, and with a session shared by two clients."""
    caplog.set_level(logging.WARNING)

    async def accounts(name: str, url: str | None = None, *, share: bool | None = None) -> int:
        async with topstepx.connect(name, url=url, share_session=share) as tsx:
            return len(await tsx.accounts.all())

    with running_sim() as sim:
        monkeypatch.setenv("PROJECT_X_USERNAME", sim.user_name)
        monkeypatch.setenv("PROJECT_X_API_KEY", sim.api_key)
        assert asyncio.run(accounts("sim", sim.url)) == 4
        assert "PROJECT_X_API_KEY" in caplog.text
        monkeypatch.delenv("PROJECT_X_API_KEY")
        monkeypatch.delenv("PROJECT_X_USERNAME")
        with pytest.raises(CredentialsMissing):
            asyncio.run(accounts("sim", sim.url))
        stored = Stored("sim", sim.user_name, Secret(sim.api_key))
        PlainFile(home).write("mine", stored.text())
        (home / "config.toml").write_text(
            f'[profiles.mine]\nenvironment = "sim"\nurl = "{sim.url}"\nshare_session = true\n'
        )
        before = len(sim.gateway.tokens.live(sim.now()))
        assert asyncio.run(accounts("mine")) == 4
        assert asyncio.run(accounts("mine")) == 4
        assert len(sim.gateway.tokens.live(sim.now())) == before + 1
        assert asyncio.run(accounts("mine", share=False)) == 4
        assert len(sim.gateway.tokens.live(sim.now())) == before + 2
        assert sim.api_key not in caplog.text


def test_a_proxy_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ambient.test:1")
    assert proxy_of(profile_of("topstepx")) is None
    with pytest.raises(ConfigurationError, match="was given for a simulator"):
        topstepx.connect("sim", proxy="http://proxy.test:1")

    (tmp_path / "topstepx.toml").write_text('[profiles.topstepx]\nproxy = "http://me@p.test:1"\n')
    found = proxy_of(profile_of("topstepx"))
    assert found == Proxy("p.test", 1, "me")
    monkeypatch.setenv("TOPSTEPX_PROXY_PASSWORD", CANARY)
    found = proxy_of(profile_of("topstepx"))
    assert found is not None
    assert found.password is not None
    assert found.password.reveal() == CANARY
    given = proxy_of(profile_of("topstepx"), "http://you:word@q.test:2")
    assert given is not None
    assert (given.host, given.user) == ("q.test", "you")

    (tmp_path / "topstepx.toml").write_text(
        f'[profiles.topstepx]\nproxy = "http://me:{CANARY}@p.test:1"\n'
    )
    with pytest.raises(ConfigurationError, match="does not belong into a file") as caught:
        proxy_of(profile_of("topstepx"))
    assert CANARY not in str(caught.value)
