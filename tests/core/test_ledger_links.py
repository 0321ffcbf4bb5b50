"""Links, session, polling, breakers: of this run, and never from an earlier life."""

from __future__ import annotations

from tests.support.facts import at
from topstepx import events
from topstepx.core.ledger_links import LinkChanged, Links, SessionChanged


def test_a_link_through_its_life() -> None:
    links = Links()
    assert links.link("user") is None
    for fact, state in (
        (events.LinkConnecting(hub="user", generation=1, at=at(0)), "connecting"),
        (events.LinkLive(hub="user", generation=1, at=at(1)), "live"),
        (events.LinkDown(hub="user", generation=1, reason="reset", at=at(2)), "down"),
        (events.LinkConnecting(hub="user", generation=2, attempt=2, at=at(3)), "connecting"),
    ):
        change = links.apply(fact)
        assert isinstance(change, LinkChanged)
        assert change.after.state == state
        assert links.link("user") == change.after
    assert links.link("market") is None


def test_a_word_from_an_earlier_life_changes_nothing() -> None:
    links = Links()
    links.apply(events.LinkLive(hub="user", generation=3, at=at(1)))
    assert links.apply(events.LinkDown(hub="user", generation=2, reason="late", at=at(2))) is None
    link = links.link("user")
    assert link is not None
    assert (link.state, link.generation) == ("live", 3)
    links.apply(events.TokenRefreshed(generation=5, expires_at=at(99), at=at(1)))
    assert links.apply(events.TokenSuspect(generation=4, reason="401", at=at(2))) is None


def test_a_session_is_good_then_doubted_then_locked() -> None:
    links = Links()
    change = links.apply(events.TokenRefreshed(generation=1, expires_at=at(99), at=at(0)))
    assert isinstance(change, SessionChanged)
    assert (change.before, change.after.state) == (None, "good")
    change = links.apply(events.TokenSuspect(generation=1, reason="timeout", at=at(1)))
    assert isinstance(change, SessionChanged)
    assert (change.after.state, change.after.expires_at) == ("suspect", at(99))
    change = links.apply(events.SessionLocked(reason="code 3", at=at(2)))
    assert isinstance(change, SessionChanged)
    assert (change.after.state, change.after.reason) == ("locked", "code 3")
    assert links.session == change.after


def test_polling_breakers_and_a_new_start() -> None:
    links = Links()
    links.apply(events.PollingStarted(account_id=7, reason="down", at=at(0)))
    links.apply(events.PollingStarted(account_id=5, reason="down", at=at(0)))
    opened = events.BreakerChanged(scope="AUTH", state="open", at=at(0))
    links.apply(opened)
    assert (links.polling, links.breakers) == ((5, 7), (opened,))
    links.apply(events.PollingStopped(account_id=7, at=at(1)))
    assert links.polling == (5,)
    links.apply(events.LinkLive(hub="user", generation=1, at=at(1)))
    links.apply(events.ClientStarted(environment="sim", version="0", at=at(2)))
    assert links.state() == Links().state()
