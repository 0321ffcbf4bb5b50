"""Keys in the system's keychain, and only in a real one.

`keyring` also knows backends that forget, fail, or write plain text, and one that tries several in
turn. Here a backend must be on the list by its full name; inside the one that chains, the first listed
one is used alone. What is on the list protects against other users and a stolen disk. It does not
protect against another program that runs as you.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from topstepx.errors import ExtraMissing, KeychainUnavailable

SERVICE: Final = "topstepx"

TRUSTED: Final = {
    "keyring.backends.macOS.Keyring": "macOS Keychain",
    "keyring.backends.Windows.WinVaultKeyring": "Windows Credential Manager",
    "keyring.backends.SecretService.Keyring": "Secret Service",
    "keyring.backends.libsecret.Keyring": "Secret Service (libsecret)",
    "keyring.backends.kwallet.DBusKeyring": "KDE Wallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KDE Wallet 4",
}
"""Backends that keep a secret, by full class name, and what people call them."""

_CHAINER: Final = "keyring.backends.chainer.ChainerBackend"
_FAIL: Final = "keyring.backends.fail.Keyring"
_OTHERWISE: Final = "Or keep the key in a file under a passphrase: topstepx login --file."


def full_name(backend: object) -> str:
    """The class name a backend is judged by."""
    kind = type(backend)
    return f"{kind.__module__}.{kind.__qualname__}"


def choose(backend: Any) -> Any:  # noqa: ANN401  keyring's backends have no common type of ours
    """The trusted backend that this one is, or holds.

    Raises `KeychainUnavailable` when it is not on the list.
    """
    name = full_name(backend)
    if name in TRUSTED:
        return backend
    if name == _CHAINER:
        for inner in backend.backends:
            if full_name(inner) in TRUSTED:
                return inner
    if name in {_FAIL, _CHAINER}:
        raise KeychainUnavailable(
            "This session has no keychain (no Secret Service answers).",
            next_step=f"On a desktop, start its keyring. {_OTHERWISE}",
        )
    raise KeychainUnavailable(
        f"The keyring backend {name} is not one that keeps secrets, so it is not used.",
        next_step=f"Take it out of PYTHON_KEYRING_BACKEND or keyringrc.cfg. {_OTHERWISE}",
    )


class Keychain:
    """The system's keychain. Making one finds the backend; every call may ask the user to unlock it."""

    def __init__(self) -> None:
        try:
            import keyring  # noqa: PLC0415  on Linux an extra
            from keyring import errors  # noqa: PLC0415  on Linux an extra
        except ImportError:
            raise ExtraMissing(
                "The keychain needs the package `keyring`, which is not installed.",
                next_step=f'Install it: pip install "topstepx[keychain]". {_OTHERWISE}',
            ) from None
        self._trouble: tuple[type[BaseException], ...] = (errors.KeyringError,)
        self._locked: tuple[type[BaseException], ...] = (errors.KeyringLocked,)
        try:
            found = keyring.get_keyring()
        # boundary: PYTHON_KEYRING_BACKEND may name any class, which may raise anything
        except Exception as error:  # noqa: BLE001  any backend may raise anything
            raise KeychainUnavailable(
                f"The keyring could not be started ({type(error).__name__}).",
                next_step=f"Look at PYTHON_KEYRING_BACKEND and keyringrc.cfg. {_OTHERWISE}",
            ) from None
        self._backend = choose(found)
        self.name = TRUSTED[full_name(self._backend)]

    def read(self, slot: str) -> str | None:
        """What is kept in a slot, or None. Raises `KeychainUnavailable`."""
        found: str | None = self._call("get_password", SERVICE, slot)
        return found

    def write(self, slot: str, value: str) -> None:
        """Keep it. Raises `KeychainUnavailable`."""
        self._call("set_password", SERVICE, slot, value)

    def remove(self, slot: str) -> bool:
        """Forget it; False when there was nothing. Raises `KeychainUnavailable`."""
        if self.read(slot) is None:
            return False
        self._call("delete_password", SERVICE, slot)
        return True

    def _call(self, method: str, *arguments: str) -> Any:  # noqa: ANN401  what the backend gives
        try:
            return getattr(self._backend, method)(*arguments)
        except self._locked:
            raise KeychainUnavailable(
                f"The {self.name} is locked.",
                next_step="Unlock it (log in to the desktop) and retry.",
            ) from None
        except self._trouble as error:
            raise self._broken(error) from None
        # boundary: backends let errors of D-Bus, COM or the Security framework through
        except Exception as error:  # noqa: BLE001  any backend may raise anything
            raise self._broken(error) from None

    def _broken(self, error: BaseException) -> KeychainUnavailable:
        return KeychainUnavailable(
            f"The {self.name} did not answer as it should ({type(error).__name__}).",
            next_step=f"Try again in a desktop session on {sys.platform}. {_OTHERWISE}",
        )
