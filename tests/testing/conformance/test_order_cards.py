from __future__ import annotations

import inspect
import sys

import pytest

from tests.support.running import run
from topstepx.testing.conformance import order_cards
from topstepx.testing.conformance.run import CARDS, play

LIAR = (sys.executable, "-m", "tests.support.lying_client")
NUMBERS = [number for number, (_, card) in CARDS.items() if card.__module__ == order_cards.__name__]


def test_every_card_of_the_module_has_its_number_and_its_promise() -> None:
    cards = {
        member
        for name, member in inspect.getmembers(order_cards, inspect.iscoroutinefunction)
        if member.__module__ == order_cards.__name__ and not name.startswith("_")
    }
    assert cards == {CARDS[number][1] for number in NUMBERS}
    assert all(card.__doc__ and card.__doc__.count("\n") == 0 for card in cards)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1, "0 orders exist instead of 1"),
        (2, "the program sent no order"),
        (9, "place says accepted, and there is no order"),
        (15, "no order was sent"),
    ],
)
def test_a_program_that_says_accepted_and_does_nothing_fails(number: int, reason: str) -> None:
    (score,) = run(play(LIAR, [number]))
    assert (score.verdict, score.reason) == ("fail", reason)
