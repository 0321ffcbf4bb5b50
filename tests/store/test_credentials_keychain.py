"""Which keychains are trusted; and a real one, where one can run without a desktop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import keyring
import pytest
from keyring import errors
from keyring.backends import SecretService, chainer, fail, null

from topstepx.errors import KeychainUnavailable
from topstepx.store.credentials_keychain import TRUSTED, Keychain, choose, full_name

if TYPE_CHECKING:
    from pathlib import Path


class PlaintextKeyring(null.Keyring):
    """What `keyrings.alt` calls its plain file."""


class Impostor(SecretService.Keyring):
    """A class of another module is not the one on the list, whatever it inherits from."""


def made(kind: Any) -> Any:  # noqa: ANN401  it has none
    """keyring's classes carry no types."""
    return kind()


def chained(*inside: object) -> object:
    class Chain(chainer.ChainerBackend):
        backends = inside

    Chain.__module__, Chain.__qualname__ = "keyring.backends.chainer", "ChainerBackend"
    return made(Chain)


def test_the_list_names_classes_that_exist() -> None:
    assert full_name(made(SecretService.Keyring)) in TRUSTED


def test_a_trusted_one() -> None:
    backend = made(SecretService.Keyring)
    assert choose(backend) is backend


@pytest.mark.parametrize(
    "backend", [made(null.Keyring), made(PlaintextKeyring), made(Impostor), object()]
)
def test_refused(backend: object) -> None:
    with pytest.raises(KeychainUnavailable, match="not one that keeps secrets") as caught:
        choose(backend)
    assert full_name(backend) in str(caught.value)


def test_none_at_all() -> None:
    for backend in (made(fail.Keyring), chained(), chained(made(null.Keyring))):
        with pytest.raises(KeychainUnavailable, match="no keychain"):
            choose(backend)


def test_inside_a_chain_only_the_trusted_one_is_used() -> None:
    good = made(SecretService.Keyring)
    assert choose(chained(made(PlaintextKeyring), good, made(null.Keyring))) is good


def test_a_locked_one_says_so_whatever_is_asked() -> None:
    class Locked(SecretService.Keyring):
        def get_password(self, service: str, username: str) -> str | None:
            raise errors.KeyringLocked(service, username)

        def set_password(self, service: str, username: str, password: str) -> None:
            raise errors.KeyringLocked(service, username)

    Locked.__module__, Locked.__qualname__ = SecretService.Keyring.__module__, "Keyring"
    before = keyring.get_keyring()
    keyring.set_keyring(made(Locked))
    try:
        keychain = Keychain()
        for ask in (keychain.read, keychain.remove, lambda slot: keychain.write(slot, "k")):
            with pytest.raises(KeychainUnavailable, match="is locked") as caught:
                ask("slot")
            assert "Unlock it" in str(caught.value.next_step)
    finally:
        keyring.set_keyring(before)


def run(
    script: str, folder: Path, *wrapper: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The script in a process of its own, with a home of its own."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        **variables,
    }
    return subprocess.run(  # noqa: S603  this interpreter on our own package
        [*wrapper, sys.executable, "-c", textwrap.dedent(script)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("keyring.backends.null.Keyring", "not one that keeps secrets"),
        ("keyring.backends.fail.Keyring", "no keychain"),
        ("no.such.Backend", "could not be started"),
    ],
)
def test_a_backend_named_in_the_environment(tmp_path: Path, backend: str, said: str) -> None:
    script = "from topstepx.store.credentials_keychain import Keychain; Keychain()"
    done = run(script, tmp_path, PYTHON_KEYRING_BACKEND=backend)
    assert done.returncode == 1
    assert said in done.stderr
    assert "topstepx login --file" in done.stderr


def test_without_the_package_it_says_how_to_get_it(tmp_path: Path) -> None:
    script = """
        import sys
        sys.modules["keyring"] = None
        from topstepx.store.credentials_keychain import Keychain
        Keychain()
    """
    done = run(script, tmp_path)
    assert 'pip install "topstepx[keychain]"' in done.stderr


DAEMON = shutil.which("gnome-keyring-daemon")
BUS = shutil.which("dbus-run-session")
UNLOCK = (
    'printf "opens it" | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec "$@"'
)


@pytest.mark.skipif(
    not (DAEMON and BUS), reason="gnome-keyring-daemon and dbus-run-session are not installed"
)
def test_a_real_keychain(tmp_path: Path) -> None:
    script = """
        import time
        import secretstorage
        from topstepx.store.credentials_keychain import Keychain
        bus = secretstorage.dbus_init()
        while True:  # the daemon is there a while before its collection is
            try:
                if not secretstorage.Collection(bus, "/org/freedesktop/secrets/aliases/default").is_locked():
                    break
            except secretstorage.exceptions.SecretStorageException:
                pass
            time.sleep(0.05)
        chain = Keychain()
        assert chain.name.startswith("Secret Service"), chain.name
        assert chain.read("topstepx") is None
        chain.write("topstepx", "first")
        chain.write("topstepx", "second")
        chain.write("other", "third")
        assert Keychain().read("topstepx") == "second"
        assert chain.remove("topstepx")
        assert not chain.remove("topstepx")
        assert chain.read("topstepx") is None
        assert chain.read("other") == "third"
        print("held")
    """
    done = run(script, tmp_path, BUS or "", "--", "sh", "-c", UNLOCK, "sh")
    assert done.stdout == "held\n", done.stderr
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"third" in path.read_bytes()]


@pytest.mark.skipif(
    not (DAEMON and BUS), reason="gnome-keyring-daemon and dbus-run-session are not installed"
)
def test_a_bus_without_a_keychain(tmp_path: Path) -> None:
    script = "from topstepx.store.credentials_keychain import Keychain; Keychain().read('x')"
    done = run(script, tmp_path, BUS or "", "--")
    assert "KeychainUnavailable" in done.stderr
    assert "Traceback" in done.stderr
