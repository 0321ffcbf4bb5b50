"""`topstepx runbook compromise`: complete, offline, and naming only commands of ours."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from topstepx.cli.main import main
from topstepx.cli.runbook import COMPROMISE

if TYPE_CHECKING:
    import pytest


def test_printed_without_any_network(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "socket", no_socket)
    assert main(["runbook", "compromise"]) == 0
    out = capsys.readouterr().out
    for number, (title, _) in enumerate(COMPROMISE, start=1):
        assert f"{number}. {title}" in out
    assert max(map(len, out.splitlines())) <= 88


def test_a_case_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runbook", "flood"]) == 2
