"""Our own client passes every card, and a naive one fails those that it should."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.running import run
from topstepx.testing.conformance.run import CARDS, Score, play, promise

OURS = (sys.executable, "-m", "topstepx.testing.conformance.adapter")
NAIVE = (sys.executable, "-m", "tests.support.naive_client")
# It retries what it should not, takes errors for "no", believes the hub alone, and fills no gap.
NAIVE_FAILS = {2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24}
QUICK_OURS = (2, 8, 9)
QUICK_NAIVE = (1, 2, 8, 9, 10)


def failed(scores: list[Score]) -> set[int]:
    return {score.number for score in scores if score.verdict == "fail"}


def test_ours_passes_the_quick_cards() -> None:
    heard: list[Score] = []
    scores = run(play(OURS, QUICK_OURS, told=heard.append))
    assert [score.number for score in scores] == list(QUICK_OURS)
    assert not failed(scores), scores
    assert sorted(heard, key=lambda score: score.number) == scores


def test_a_naive_client_is_found_out_and_not_blamed_for_what_it_does_well() -> None:
    scores = run(play(NAIVE, QUICK_NAIVE, at_once=len(QUICK_NAIVE)))
    assert failed(scores) == NAIVE_FAILS & set(QUICK_NAIVE), scores
    assert "sent 2 times" in scores[1].reason


def test_the_page_has_every_card() -> None:
    page = (Path(__file__).parents[3] / "docs/conformance.md").read_text(encoding="utf-8")
    for number, (name, _) in CARDS.items():
        assert f"| {number} | {name} | {promise(number)} |" in page


def test_numbers_are_for_ever() -> None:
    assert list(CARDS) == list(range(1, len(CARDS) + 1))


@pytest.mark.soak
@pytest.mark.parametrize("number", CARDS)
def test_ours_passes_every_card(number: int) -> None:
    (score,) = run(play(OURS, [number]))
    assert score.verdict == "pass", score


@pytest.mark.soak
@pytest.mark.parametrize("number", CARDS)
def test_a_naive_client_fails_the_right_cards(number: int) -> None:
    (score,) = run(play(NAIVE, [number]))
    assert (score.verdict == "fail") is (number in NAIVE_FAILS), score
