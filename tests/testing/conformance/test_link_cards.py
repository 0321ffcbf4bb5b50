from __future__ import annotations

import inspect
import sys

import pytest

from tests.support.running import run
from topstepx.testing.conformance import link_cards
from topstepx.testing.conformance.run import CARDS, play

LIAR = (sys.executable, "-m", "tests.support.lying_client")
NUMBERS = [number for number, (_, card) in CARDS.items() if card.__module__ == link_cards.__name__]


def test_every_card_of_the_module_has_its_number_and_its_promise() -> None:
    cards = {
        member
        for name, member in inspect.getmembers(link_cards, inspect.iscoroutinefunction)
        if member.__module__ == link_cards.__name__ and not name.startswith("_")
    }
    assert cards == {CARDS[number][1] for number in NUMBERS}
    assert all(card.__doc__ and card.__doc__.count("\n") == 0 for card in cards)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (16, "0 orders exist instead of 1"),
        (19, "0 orders exist instead of 1"),
    ],
)
def test_a_program_that_says_accepted_and_does_nothing_fails(number: int, reason: str) -> None:
    (score,) = run(play(LIAR, [number]))
    assert (score.verdict, score.reason) == ("fail", reason)
