"""Whole numbers: taken as written or refused."""

from __future__ import annotations

import pytest
from cyclopts import Token

from topstepx.cli.main import main
from topstepx.cli.whole import whole


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("007", 7), ("3400000007", 3_400_000_007)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert whole(int, [Token(value=text)]) == number


@pytest.mark.parametrize(
    "text", ["1.5", "0.6", "1_0", "0x2", "-1", "", "two", "1e3", " 2", "\u0662"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        whole(int, [Token(value=text)])


@pytest.mark.parametrize(
    "line",
    [
        "buy 1.5 MNQ --at market",
        "sell 1.5 MNQ --at market",
        "buy 1 MNQ --at market --max-contracts 2.6",
        "buy 1 MNQ --at market --stop-ticks 4.6",
        "close MNQ --size 1.5",
    ],
)
def test_the_commands_round_nothing(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    said = capsys.readouterr()
    assert "whole number" in said.out + said.err
