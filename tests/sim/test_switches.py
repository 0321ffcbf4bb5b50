from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from topstepx.errors import ConfigurationError
from topstepx.sim.switches import Switches, switch_docs


def test_every_switch_says_what_it_is_for() -> None:
    docs = switch_docs()
    assert [doc.name for doc in docs] == [field.name for field in dataclasses.fields(Switches)]
    assert all(len(doc.text) > 30 and doc.text.endswith(".") for doc in docs)


def test_every_default_is_one_of_the_choices() -> None:
    for doc in switch_docs():
        assert not doc.choices or doc.default in doc.choices, doc.name


def test_pairs_change_only_what_they_name() -> None:
    switches = Switches.from_pairs(
        ["stop-trigger=trade", "market_fill_ms=0", "price_band_percent=2.5", "tags_unique=False"]
    )
    assert switches == Switches(
        stop_trigger="trade",
        market_fill_ms=0,
        price_band_percent=Decimal("2.5"),
        tags_unique=False,
    )


def test_choices_that_are_numbers_stay_numbers() -> None:
    assert Switches.from_pairs(["final_order_action=2"]).final_order_action == 2


@pytest.mark.parametrize(
    "pair",
    [
        "no_such=1",
        "stop_trigger",
        "stop_trigger=sometimes",
        "market_fill_ms=-1",
        "market_fill_ms=1.5",
        "market_fill_ms=NaN",
        "price_band_percent=wide",
        "tags_unique=2",
    ],
)
def test_what_is_no_switch_is_refused_by_name(pair: str) -> None:
    with pytest.raises(ConfigurationError, match=pair.partition("=")[0]):
        Switches.from_pairs([pair])
