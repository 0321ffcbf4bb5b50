"""What is asked, what is refused; a real terminal is in test_login."""

from __future__ import annotations

import io

import pytest

from topstepx.cli import terminal
from topstepx.errors import ConfigurationError
from topstepx.settings import Secret


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("  a-key  \nmore\n"))


def test_nobody_is_asked_without_a_terminal() -> None:
    assert not terminal.present()
    for ask in (terminal.ask, terminal.ask_hidden):
        with pytest.raises(
            ConfigurationError, match=r"no terminal to ask on\. In a script, use --x"
        ):
            ask("Name", "use --x")


def test_the_key_is_the_first_line() -> None:
    assert terminal.key_from_stdin().reveal() == "a-key"


@pytest.mark.parametrize("key", ["", "two parts", "k\u00e9y", "a\tb", "a\x00b"])
def test_no_key(key: str) -> None:
    with pytest.raises(ConfigurationError):
        terminal.check_key(Secret(key))


def test_a_key() -> None:
    key = Secret("k3Y/+=abc")
    assert terminal.check_key(key) is key
