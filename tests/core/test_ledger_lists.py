"""Complete lists: the first one of its kind is news, the latest moment counts."""

from __future__ import annotations

from tests.support.facts import ACCOUNT, at
from topstepx.core.ledger_lists import Lists
from topstepx.core.merge import Freshness


def test_the_first_list_is_news_and_the_latest_moment_counts() -> None:
    lists = Lists()
    assert lists.at("orders", ACCOUNT) is None
    assert lists.age("orders", ACCOUNT) is None
    assert lists.read("orders", ACCOUNT, Freshness(at(5), "rest", 50))
    assert not lists.read("orders", ACCOUNT, Freshness(at(3), "rest", 60))  # answered late
    assert lists.at("orders", ACCOUNT) == at(5)
    assert lists.age("orders", ACCOUNT) == Freshness(at(5), "rest", 50)
    assert lists.read("orders", None, Freshness(at(9), "rest", 90))  # another one
    assert lists.state() == {("orders", ACCOUNT), ("orders", None)}
