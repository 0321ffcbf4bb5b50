"""The order of places, and what each kind of trouble says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from topstepx.errors import (
    ConfigurationError,
    CredentialsMissing,
    KeychainUnavailable,
    PassphraseRefused,
)
from topstepx.settings import Secret
from topstepx.store.credentials import CredentialStore, Keeping, Stored, check_profile
from topstepx.store.credentials_environment import FAMILIES, names_of
from topstepx.store.credentials_file import PASSPHRASE_FILE, EncryptedFile
from topstepx.store.sealing import Slowness

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "k3Y-canary"


class Chain:
    """A keychain in memory."""

    name = "keychain"

    def __init__(self) -> None:
        self.slots: dict[str, str] = {}
        self.locked = False

    def read(self, slot: str) -> str | None:
        if self.locked:
            raise KeychainUnavailable("The keychain is locked.", next_step="Unlock it.")
        return self.slots.get(slot)

    def write(self, slot: str, value: str) -> None:
        self.slots[slot] = value

    def remove(self, slot: str) -> bool:
        return self.slots.pop(slot, None) is not None


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.delenv(PASSPHRASE_FILE, raising=False)
    for family in FAMILIES:
        for name in names_of(family):
            monkeypatch.delenv(name, raising=False)


def opened(
    folder: Path, passphrase: str = "correct horse", chain: Chain | None = None
) -> CredentialStore:
    store = CredentialStore(folder)
    store.encrypted = EncryptedFile(folder, lambda: Secret(passphrase), slowness=Slowness(1, 64, 1))
    if chain is not None:
        store.keychain = chain  # type: ignore[assignment]  # its twin in memory
    return store


def stored(user: str, environment: str = "topstepx") -> Stored:
    return Stored(environment, user, Secret(CANARY), "2026-11-23")


def test_nobody_said_who(tmp_path: Path) -> None:
    with pytest.raises(CredentialsMissing, match="topstepx login --environment topstepx") as caught:
        opened(tmp_path).find("topstepx", "topstepx")
    assert "no keychain" in str(caught.value), "why the best place was not looked at"


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain()
    store = opened(tmp_path, chain=chain)
    monkeypatch.setenv("PROJECT_X_USERNAME", "from the environment")
    monkeypatch.setenv("PROJECT_X_API_KEY", "key")
    assert store.find("topstepx", "topstepx").place == "environment (PROJECT_X_*)"
    store.plain.write("topstepx", stored("from the plain file").text())
    found = store.find("topstepx", "topstepx")
    assert found.place == "plain text file"
    assert "plain text" in found.warnings[0]
    store.encrypted.write("topstepx", stored("from the sealed file").text())
    assert store.find("topstepx", "topstepx").credentials.user_name == "from the sealed file"
    chain.write("topstepx", stored("from the keychain").text())
    found = store.find("topstepx", "topstepx")
    assert found.credentials.user_name == "from the keychain"
    assert found.credentials.source == "the keychain (profile topstepx)"
    assert found.warnings == ()


def test_what_is_there_and_does_not_open_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPSTEPX_USERNAME", "me")
    monkeypatch.setenv("TOPSTEPX_API_KEY", "key")
    chain = Chain()
    chain.locked = True
    with pytest.raises(KeychainUnavailable, match="locked"):
        opened(tmp_path, chain=chain).find("topstepx", "topstepx")
    opened(tmp_path).encrypted.write("topstepx", stored("me").text())
    with pytest.raises(PassphraseRefused):
        opened(tmp_path, "wrong wrong").find("topstepx", "topstepx")
    store = CredentialStore(tmp_path)
    with pytest.raises(PassphraseRefused, match="nobody to ask"):
        store.find("topstepx", "topstepx")


def test_a_key_is_for_one_firm(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.keep(store.plain, "mine", stored("me", "tradeday"))
    with pytest.raises(ConfigurationError, match="is for 'tradeday', not 'topstepx'"):
        store.find("mine", "topstepx")


def test_kept_in_one_place_only(tmp_path: Path) -> None:
    chain = Chain()
    store = opened(tmp_path, chain=chain)
    store.keep(store.plain, "topstepx", stored("me"))
    store.keep(chain, "topstepx", stored("me"))
    assert store.where("topstepx") == "keychain"
    assert not store.plain.exists("topstepx")
    assert store.forget("topstepx") == ("keychain",)
    assert store.where("topstepx") is None


@pytest.mark.parametrize("kind", ["keychain", "encrypted", "plain"])
def test_a_new_key_beside_the_old_one(tmp_path: Path, kind: str) -> None:
    chain = Chain()
    store = opened(tmp_path, chain=chain)
    place: Keeping = {"keychain": chain, "encrypted": store.encrypted, "plain": store.plain}[kind]  # type: ignore[assignment]  # each keeps
    store.keep(place, "topstepx", stored("old"))
    store.park(place, "topstepx", stored("new"))
    assert store.find("topstepx", "topstepx").credentials.user_name == "old"
    store.discard(place, "topstepx")
    store.park(place, "topstepx", stored("new"))
    store.promote(place, "topstepx", stored("new"))
    assert store.find("topstepx", "topstepx").credentials.user_name == "new"
    assert len(store.forget("topstepx")) == 1
    left = list((tmp_path / "credentials").iterdir()) if kind != "keychain" else []
    assert left == []
    assert chain.slots == {}


def test_what_is_kept_shows_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = opened(tmp_path)
    store.keep(store.plain, "topstepx", stored("me"))
    found = store.find("topstepx", "topstepx")
    for shown in (
        repr(stored("me")),
        repr(found),
        repr(store),
        str(found.credentials),
        caplog.text,
    ):
        assert CANARY not in shown


def test_what_is_kept_was_changed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.plain.write("topstepx", '{"user_name": 7}')
    with pytest.raises(ConfigurationError, match="cannot be read"):
        store.find("topstepx", "topstepx")


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a b", "-x", "x" * 41, "x\n"])
def test_names_that_are_no_profiles(name: str) -> None:
    with pytest.raises(ConfigurationError, match="profile="):
        check_profile(name)
