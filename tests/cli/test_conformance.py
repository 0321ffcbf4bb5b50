from __future__ import annotations

import json
import sys

import pytest

from topstepx.cli.main import main
from topstepx.testing.conformance.run import CARDS

LIAR = (sys.executable, "-m", "tests.support.lying_client")


def test_the_cards_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "conformance", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(CARDS)
    assert main(["sim", "conformance", "--list", "--json", "--card", "3"]) == 0
    (card,) = json.loads(capsys.readouterr().out)["cards"]
    assert card["number"] == 3
    assert card["promise"]


def test_a_card_that_is_not_kept_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "conformance", "--card", "9", "--", *LIAR]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "   9  fail  place: a price off the grid: place says accepted, and there is no order",
        "failed: 9",
        "0 of 1 cards passed",
    ]


def test_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "conformance", "--json", "--card", "9", "--", *LIAR]) == 1
    table = json.loads(capsys.readouterr().out)
    assert (table["passed"], table["failed"]) == (0, 1)
    assert table["cards"][0]["verdict"] == "fail"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Which program?"),
        (["--card", "99", "--", "x"], "there is no such card"),
        (["--at-once", "0", "--", "x"], "at least one card"),
    ],
)
def test_what_cannot_be_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "conformance", *arguments]) == 2
    assert said in capsys.readouterr().err
