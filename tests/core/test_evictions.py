"""When evictions are a fight."""

from __future__ import annotations

from topstepx.clock import NANOSECONDS
from topstepx.core.evictions import Evictions

S = NANOSECONDS


def test_twice_within_five_minutes() -> None:
    evictions = Evictions()
    assert not evictions.add("user", 0)
    assert evictions.add("user", 300 * S)


def test_further_apart_is_no_fight() -> None:
    evictions = Evictions()
    assert not evictions.add("user", 0)
    assert not evictions.add("user", 301 * S)
    assert evictions.add("user", 500 * S)


def test_the_other_hub_says_the_same() -> None:
    evictions = Evictions()
    assert not evictions.add("user", 0)
    assert not evictions.add("market", 10 * S)
    assert evictions.add("market", 20 * S)


def test_the_other_hub_much_later_is_another() -> None:
    evictions = Evictions()
    assert not evictions.add("user", 0)
    assert evictions.add("market", 11 * S)


def test_the_same_hub_at_once_is_another() -> None:
    evictions = Evictions()
    assert not evictions.add("user", 0)
    assert evictions.add("user", 1 * S)


def test_cleared() -> None:
    evictions = Evictions()
    evictions.add("user", 0)
    evictions.clear()
    assert not evictions.add("user", 5 * S)
