"""Keys in files: the sealed one everywhere, the plain one only on request."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from topstepx.errors import ConfigurationError, FileNotPrivate, PassphraseRefused
from topstepx.settings import Secret
from topstepx.store.credentials_file import PASSPHRASE_FILE, EncryptedFile, PlainFile
from topstepx.store.private_file import write_private
from topstepx.store.sealing import Slowness

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Slowness(iterations=1, memory_kib=64, lanes=1)
CANARY = "k3Y-canary-k3Y-canary"


def sealed(folder: Path, passphrase: str | None = "correct horse") -> EncryptedFile:
    ask = None if passphrase is None else lambda: Secret(passphrase)
    return EncryptedFile(folder, ask, slowness=QUICK)


@pytest.fixture(autouse=True)
def _no_passphrase_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE_FILE, raising=False)


def test_there_and_back(tmp_path: Path) -> None:
    store = sealed(tmp_path)
    assert store.read("topstepx") is None
    store.write("topstepx", CANARY)
    assert sealed(tmp_path).read("topstepx") == CANARY
    path = store.path("topstepx")
    assert CANARY.encode() not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert store.remove("topstepx")
    assert not store.exists("topstepx")


def test_the_passphrase_is_asked_for_once(tmp_path: Path) -> None:
    asked = []

    def ask() -> Secret:
        asked.append(1)
        return Secret("correct horse")

    store = EncryptedFile(tmp_path, ask, slowness=QUICK)
    store.write("one", CANARY)
    assert store.read("one") == CANARY
    assert store.read("two") is None
    assert len(asked) == 1


def test_a_wrong_passphrase_is_asked_for_again(tmp_path: Path) -> None:
    sealed(tmp_path).write("topstepx", CANARY)
    answers = iter([Secret("wrong wrong"), Secret("correct horse")])
    store = EncryptedFile(tmp_path, lambda: next(answers), slowness=QUICK)
    with pytest.raises(PassphraseRefused, match="another key, or changed"):
        store.read("topstepx")
    assert store.read("topstepx") == CANARY


def test_nobody_to_ask(tmp_path: Path) -> None:
    sealed(tmp_path).write("topstepx", CANARY)
    with pytest.raises(PassphraseRefused, match=PASSPHRASE_FILE):
        sealed(tmp_path, None).read("topstepx")


def test_a_short_passphrase_protects_nothing(tmp_path: Path) -> None:
    with pytest.raises(PassphraseRefused, match="fewer than 8"):
        sealed(tmp_path, "1234567").write("topstepx", CANARY)


def test_a_passphrase_from_a_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = tmp_path / "handed" / "passphrase"
    write_private(handed, b"correct horse\n")
    monkeypatch.setenv(PASSPHRASE_FILE, str(handed))
    sealed(tmp_path, None).write("topstepx", CANARY)
    assert sealed(tmp_path, None).read("topstepx") == CANARY
    handed.chmod(0o644)
    with pytest.raises(FileNotPrivate):
        sealed(tmp_path, None).read("topstepx")
    for content in (b"", b"\n"):
        write_private(handed.with_name("empty"), content)
        monkeypatch.setenv(PASSPHRASE_FILE, str(handed.with_name("empty")))
        with pytest.raises(PassphraseRefused, match="no passphrase in it"):
            sealed(tmp_path, None).read("topstepx")


def test_a_file_of_another_profile_under_this_name(tmp_path: Path) -> None:
    store = sealed(tmp_path)
    store.write("one", CANARY)
    store.path("one").rename(store.path("two"))
    with pytest.raises(PassphraseRefused, match="not the file it is named as"):
        store.read("two")


def test_a_plain_file_says_what_it_is(tmp_path: Path) -> None:
    store = PlainFile(tmp_path)
    assert store.read("topstepx") is None
    store.write("topstepx", CANARY)
    assert store.read("topstepx") == CANARY
    assert b"NOT ENCRYPTED" in store.path("topstepx").read_bytes()
    store.path("topstepx").chmod(0o640)
    with pytest.raises(FileNotPrivate, match="rotate"):
        store.read("topstepx")


def test_not_a_key_file(tmp_path: Path) -> None:
    store = PlainFile(tmp_path)
    write_private(store.path("topstepx"), b"KEY=abc")
    with pytest.raises(ConfigurationError, match="not a key file"):
        store.read("topstepx")
