"""Asking a person, and only where one is: never a prompt in a script."""

from __future__ import annotations

import getpass
import sys

from topstepx.errors import ConfigurationError
from topstepx.settings import Secret

_LINE_MAX = 4096


def present() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(what: str, instead: str) -> str:
    """A line typed by a person. Raises `ConfigurationError` naming what to do `instead` of typing."""
    _require(what, instead)
    sys.stderr.write(f"{what}: ")
    sys.stderr.flush()
    return sys.stdin.readline(_LINE_MAX).strip()


def ask_hidden(what: str, instead: str) -> Secret:
    """A secret typed without being shown."""
    _require(what, instead)
    return Secret(getpass.getpass(f"{what} (hidden): ").strip())


def ask_passphrase() -> Secret:
    """The passphrase of the key file that there is."""
    return ask_hidden("Passphrase of the key file", "name its file in TOPSTEPX_PASSPHRASE_FILE")


def ask_new_passphrase() -> Secret:
    """A new passphrase, typed twice."""
    first = ask_hidden(
        "New passphrase for the key file", "name its file in TOPSTEPX_PASSPHRASE_FILE"
    )
    again = ask_hidden("The same once more", "name its file in TOPSTEPX_PASSPHRASE_FILE")
    if first.reveal() != again.reveal():
        msg = "The two passphrases differ."
        raise ConfigurationError(msg, next_step="Start again.")
    return first


def key_from_stdin() -> Secret:
    """The API key as the first line of standard input, which must not be a terminal."""
    if sys.stdin.isatty():
        msg = "--key-stdin would show the key while you type it."
        raise ConfigurationError(msg, next_step="Leave it out to be asked, or pipe the key in.")
    return Secret(sys.stdin.readline(_LINE_MAX).strip())


def check_key(key: Secret) -> Secret:
    """The key, if it can be one."""
    value = key.reveal()
    if not value:
        msg = "The API key is empty."
        raise ConfigurationError(
            msg, next_step="Create one under Settings, API, and give it whole."
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        msg = "The API key holds spaces, line breaks or signs that no key has."
        raise ConfigurationError(msg, next_step="Copy it again, without what stands around it.")
    return key


def _require(what: str, instead: str) -> None:
    if not present():
        msg = f"{what}: there is no terminal to ask on."
        raise ConfigurationError(msg, next_step=f"In a script, {instead}.")
