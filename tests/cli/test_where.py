"""Which gateway, account and journal; and a person's yes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.facts import account
from topstepx.cli.where import Where, confirm
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


class _Accounts:
    def __init__(self, *names: str) -> None:
        self.rows = tuple(account(number, name=name) for number, name in enumerate(names, 1))

    async def all(self) -> tuple[Any, ...]:
        return self.rows

    async def exact(self, name: object) -> Any:  # noqa: ANN401  an account
        return next(row for row in self.rows if name in {row.id, row.name})


def _chosen(where: Where, *names: str) -> str:
    tsx: Any = SimpleNamespace(accounts=_Accounts(*names))
    return asyncio.run(where.chosen(tsx)).name


def test_the_only_account_needs_no_name_and_of_several_none_is_guessed() -> None:
    assert _chosen(Where(), "A") == "A"
    with pytest.raises(ConfigurationError, match="There are 2: A, B"):
        _chosen(Where(), "A", "B")
    with pytest.raises(ConfigurationError, match="There are 0: none"):
        _chosen(Where())


def test_by_name_or_by_number() -> None:
    assert _chosen(Where(account="B"), "A", "B") == "B"
    assert _chosen(Where(account="2"), "A", "B") == "B"


def test_a_journal_by_its_path_needs_no_key(tmp_path: Path) -> None:
    assert Where(journal=tmp_path / "j").journal_file() == tmp_path / "j"


def test_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Where().say("for people", {"for": "programs"})
    Where(as_json=True).say("for people", {"for": "programs"})
    assert capsys.readouterr().out == 'for people\n{"for": "programs"}\n'


def test_yes_is_said_or_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    confirm("Really?", yes=True)
    with pytest.raises(ConfigurationError, match="add --yes"):
        confirm("Really?", yes=False)  # there is no terminal here
    monkeypatch.setattr("topstepx.cli.terminal.ask", lambda *_: " y".strip())
    confirm("Really?", yes=False)
    monkeypatch.setattr("topstepx.cli.terminal.ask", lambda *_: "")
    with pytest.raises(ConfigurationError, match="Nothing was done"):
        confirm("Really?", yes=False)
