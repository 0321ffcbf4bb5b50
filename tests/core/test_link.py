"""The link machine: lives of a hub connection, told by its effects."""

from __future__ import annotations

import random

import pytest

from topstepx.clock import NANOSECONDS
from topstepx.core.link import (
    Changed,
    Drop,
    Effect,
    Link,
    LinkState,
    Malformed,
    Open,
    Received,
    Send,
    Subscribed,
    Subscription,
)
from topstepx.core.link_ends import EndKind, LinkEnd, Reaction, Reconnecting
from topstepx.wire import routes

ORDERS = Subscription(routes.SUBSCRIBE_ORDERS, 7)
TRADES = Subscription(routes.SUBSCRIBE_TRADES, 7)
OK = b"{}\x1e"


def _link(jitter: float = 0.5) -> Link:
    return Link("user", lambda: jitter, record_bytes_max=1 << 20)


def _states(effects: list[Effect]) -> list[LinkState]:
    return [effect.state for effect in effects if isinstance(effect, Changed)]


def _sent(effects: list[Effect]) -> bytes:
    return b"".join(effect.payload for effect in effects if isinstance(effect, Send))


def _done(number: int, error: str = "") -> bytes:
    what = f'"error":"{error}"' if error else '"result":null'
    return f'{{"type":3,"invocationId":"{number}",{what}}}\x1e'.encode()


def _live(link: Link, now_s: int = 0) -> None:
    """Bring a link that wants ORDERS to LIVE."""
    link.want(ORDERS, now_s * NANOSECONDS)
    link.opened(link.generation, now_s * NANOSECONDS)
    link.received(link.generation, OK, now_s * NANOSECONDS)
    link.received(link.generation, _done(1), now_s * NANOSECONDS)
    assert link.state is LinkState.LIVE


def test_a_life_from_idle_to_live() -> None:
    link = _link()
    first = link.want(ORDERS, 0)
    assert first == [Changed(LinkState.CONNECTING, 1), Open(1, fresh_token=False)]
    assert link.want(TRADES, 0) == []
    opened = link.opened(1, 0)
    assert _sent(opened) == b'{"protocol":"json","version":1}\x1e'
    shaken = link.received(1, OK, 0)
    assert _states(shaken) == [LinkState.SUBSCRIBING]
    assert b'{"type":6}' in _sent(shaken)
    assert b"SubscribeOrders" in _sent(shaken)
    assert b"SubscribeTrades" in _sent(shaken)
    half = link.received(1, _done(1), 0)
    assert half == [Subscribed(ORDERS)]
    whole = link.received(1, _done(2), 0)
    assert whole == [Subscribed(TRADES), Changed(LinkState.LIVE, 1)]


def test_events_come_out_and_a_poisoned_record_loses_only_itself() -> None:
    link = _link()
    _live(link)
    effects = link.received(
        1,
        b'{"type":1,"target":"A","arguments":[1]}\x1e{]\x1e{"type":1,"target":"B","arguments":[]}\x1e',
        0,
    )
    kinds = [type(effect) for effect in effects]
    assert kinds == [Received, Malformed, Received]


def test_a_loss_waits_less_than_a_second_and_subscribes_to_everything_again() -> None:
    link = _link(jitter=0.9)
    _live(link)
    effects = link.lost(1, "reset", 100)
    assert _states(effects) == [LinkState.WAITING]
    assert any(isinstance(effect, Drop) for effect in effects)
    due_ns = link.deadline()
    assert due_ns is not None
    assert 100 < due_ns <= 100 + NANOSECONDS
    assert link.tick(due_ns - 1) == []
    assert link.tick(due_ns) == [Changed(LinkState.CONNECTING, 2), Open(2, fresh_token=False)]
    link.opened(2, due_ns)
    assert b"SubscribeOrders" in _sent(link.received(2, OK, due_ns))


def test_waits_grow_to_thirty_seconds_with_full_jitter_and_never_give_up() -> None:
    link = _link(jitter=0.999)
    link.want(ORDERS, 0)
    now_ns, waits = 0, []
    for generation in range(1, 41):
        link.lost(generation, "refused", now_ns)
        due_ns = link.deadline()
        assert due_ns is not None
        waits.append((due_ns - now_ns) / NANOSECONDS)
        now_ns = due_ns
        assert isinstance(link.tick(now_ns)[-1], Open)
    assert waits[0] < 1
    assert waits == sorted(waits)
    assert 29 < max(waits) <= 30


def test_a_thousand_links_do_not_come_back_together() -> None:
    chance = random.Random(1)
    dues = []
    for _ in range(1000):
        link = Link("user", chance.random, record_bytes_max=1000)
        _live(link)
        link.lost(1, "server restart", 0)
        dues.append(link.deadline() or 0)
    busiest = max(
        sum(1 for due in dues if start <= due < start + NANOSECONDS // 10)
        for start in range(0, NANOSECONDS, NANOSECONDS // 10)
    )
    assert busiest < 150


def test_a_thousand_links_come_through_ten_minutes_of_outage_without_a_storm() -> None:
    chance, end_s = random.Random(2), 600
    attempts: dict[int, int] = {}
    back: list[float] = []
    for _ in range(1000):
        link = Link("user", chance.random, record_bytes_max=1000)
        _live(link)
        now_ns = 0
        link.lost(1, "the gateway went down", now_ns)
        while now_ns < end_s * NANOSECONDS:
            now_ns = link.deadline() or 0
            link.tick(now_ns)
            second = now_ns // NANOSECONDS
            attempts[second] = attempts.get(second, 0) + 1
            if second >= end_s:
                back.append(now_ns / NANOSECONDS - end_s)
                break
            link.lost(link.generation, LinkEnd(EndKind.UPGRADE, "HTTP 503", 503), now_ns)
    assert max(attempts.values()) <= 1000, "the first second, when all were cut at once"
    assert max(count for second, count in attempts.items() if second >= 60) <= 100
    assert max(attempts.get(end_s + second, 0) for second in range(31)) <= 100, "nor at the return"
    assert max(back) <= 31
    assert len(back) == 1000


@pytest.mark.parametrize("seconds", [5, 60])
def test_the_failures_are_forgotten_only_after_half_a_minute_of_good_connection(
    seconds: int,
) -> None:
    link = _link()
    link.want(ORDERS, 0)
    for generation in range(1, 6):
        link.lost(generation, "refused", 0)
        link.tick(link.deadline() or 0)
    link.opened(6, 0)
    link.received(6, OK, 0)
    link.received(6, _done(1), 0)
    link.received(6, b'{"type":6}\x1e', seconds * NANOSECONDS)
    link.lost(6, "reset", seconds * NANOSECONDS)
    wait_ns = (link.deadline() or 0) - seconds * NANOSECONDS
    assert (wait_ns <= NANOSECONDS) == (seconds >= 30)


def test_thirty_seconds_of_silence_end_the_generation_and_any_byte_is_a_sign_of_life() -> None:
    link = _link()
    _live(link)
    link.received(1, b'{"type":6}\x1e', 29 * NANOSECONDS)
    assert LinkState.WAITING not in _states(link.tick(31 * NANOSECONDS))
    assert _states(link.tick(59 * NANOSECONDS)) == [LinkState.WAITING]


def test_we_ping_when_we_were_silent_for_fifteen_seconds() -> None:
    link = _link()
    _live(link)
    assert link.deadline() == 15 * NANOSECONDS
    assert _sent(link.tick(15 * NANOSECONDS)) == b'{"type":6}\x1e'
    assert link.tick(16 * NANOSECONDS) == []


def test_an_unanswered_handshake_and_an_unanswered_subscription_end_the_generation() -> None:
    link = _link()
    link.want(ORDERS, 0)
    link.opened(1, 0)
    assert link.tick(14 * NANOSECONDS) == []
    assert _states(link.tick(15 * NANOSECONDS)) == [LinkState.WAITING]
    other = _link()
    other.want(ORDERS, 0)
    other.opened(1, 0)
    other.received(1, OK, 0)
    assert _states(other.tick(10 * NANOSECONDS)) == [LinkState.WAITING]


def test_a_subscription_refused_at_its_first_try_is_handed_back_and_the_link_lives() -> None:
    link = _link()
    link.want(ORDERS, 0)
    link.opened(1, 0)
    link.received(1, OK, 0)
    effects = link.received(1, _done(1, "no such account"), 0)
    assert Subscribed(ORDERS, "no such account") in effects
    assert link.state is LinkState.LIVE
    assert link.wanted == ()


def test_a_subscription_that_worked_before_is_retried_and_then_the_generation_is_not_trusted() -> (
    None
):
    link = _link()
    _live(link)
    link.lost(1, "reset", 0)
    link.tick(link.deadline() or 0)
    link.opened(2, 0)
    link.received(2, OK, 0)
    assert b"SubscribeOrders" in _sent(link.received(2, _done(1, "busy"), 0))
    assert b"SubscribeOrders" in _sent(link.received(2, _done(2, "busy"), 0))
    assert _states(link.received(2, _done(3, "busy"), 0)) == [LinkState.WAITING]
    assert link.wanted == (ORDERS,)


def test_nothing_of_an_older_generation_counts() -> None:
    link = _link()
    _live(link)
    link.lost(1, "reset", 0)
    link.tick(link.deadline() or 0)
    assert link.received(1, b'{"type":1,"target":"A","arguments":[]}\x1e', 0) == []
    assert link.lost(1, "late news", 0) == []
    assert [type(effect) for effect in link.opened(1, 0)] == [Drop]
    assert link.state is LinkState.CONNECTING


def test_a_final_close_asks_for_a_fresh_token_and_a_plain_one_does_not() -> None:
    for allow, fresh in (("true", False), ("false", True)):
        link = _link()
        _live(link)
        effects = link.received(
            1, f'{{"type":7,"error":"bye","allowReconnect":{allow}}}\x1e'.encode(), 0
        )
        assert "bye" in next(e.reason for e in effects if isinstance(e, Changed))
        opened = link.tick(link.deadline() or 0)[-1]
        assert opened == Open(2, fresh_token=fresh)


def test_after_a_final_close_the_first_attempt_keeps_to_the_slow_lane_too() -> None:
    for record, least_s, most_s in (
        (b'{"type":7,"allowReconnect":true}', 0, 1),
        (b'{"type":7}', 15, 30),
    ):
        link = _link()
        _live(link)
        (_, changed) = link.received(1, record + b"\x1e", 0)
        assert isinstance(changed, Changed)
        assert changed.wait_s is not None
        assert least_s <= changed.wait_s <= most_s


@pytest.mark.parametrize(
    ("before", "beside"),
    [
        (b"", OK),
        (b"", OK + _done(1)),
        (OK, _done(1)),
        (OK, b'{"type":1,"invocationId":"9","target":"A","arguments":[]}\x1e'),
    ],
    ids=["handshake", "handshake and completion", "completion", "a call of ours"],
)
def test_a_close_that_comes_in_one_message_with_others_ends_the_generation(
    before: bytes, beside: bytes
) -> None:
    """As ASP.NET Core says it when its hub raises while we come in."""
    link = _link()
    link.want(ORDERS, 0)
    link.opened(1, 0)
    link.received(1, before, 0)
    effects = link.received(1, beside + b'{"type":7,"error":"no"}\x1e', 0)
    assert _states(effects)[-1] is LinkState.WAITING
    assert [e.reason for e in effects if isinstance(e, Changed)][
        -1
    ] == "the hub closed for good: no"
    assert _sent(effects) == b"", "nothing is said to a hub that has said goodbye"


def test_bytes_that_break_the_protocol_end_the_generation() -> None:
    link = _link()
    link.want(ORDERS, 0)
    link.opened(1, 0)
    effects = link.received(1, b'{"error":"no"}\x1e', 0)
    assert _states(effects) == [LinkState.WAITING]


def test_unwanting_tells_the_hub_and_a_closed_link_opens_nothing() -> None:
    link = _link()
    _live(link)
    assert b"UnsubscribeOrders" in _sent(link.unwant(ORDERS, 0))
    effects = link.close()
    assert b'"type":7' in _sent(effects)
    assert _states(effects) == [LinkState.CLOSED]
    assert link.tick(10**18) == []
    assert link.deadline() is None
    assert link.lost(1, "late", 0) == []


def test_a_subscription_given_up_while_the_hub_answers_is_taken_back_and_the_link_goes_live() -> (
    None
):
    link = _link()
    link.want(ORDERS, 0)
    link.want(TRADES, 0)
    link.opened(1, 0)
    link.received(1, OK, 0)
    link.received(1, _done(1), 0)
    assert _states(link.unwant(TRADES, 0)) == [LinkState.LIVE]
    assert b"UnsubscribeTrades" in _sent(link.received(1, _done(2), 0))
    assert link.wanted == (ORDERS,)


def test_a_link_that_recovers_is_live_only_when_that_is_done() -> None:
    link = Link("user", lambda: 0.5, record_bytes_max=1 << 20, recovers=True)
    link.want(ORDERS, 0)
    link.opened(1, 0)
    link.received(1, OK, 0)
    assert _states(link.received(1, _done(1), 0)) == [LinkState.RECOVERING]
    assert link.recovered(7, 0) == []
    assert link.state is LinkState.RECOVERING
    assert _states(link.recovered(1, 0)) == [LinkState.LIVE]
    assert link.recovered(1, 0) == []


def test_a_maximum_of_attempts_ends_closed_with_the_reason_and_a_person_can_revive_it() -> None:
    reconnecting = Reconnecting(attempts_max=3)
    link = Link("user", lambda: 0.5, record_bytes_max=1 << 20, reconnecting=reconnecting)
    link.want(ORDERS, 0)
    for generation in range(1, 4):
        assert _states(link.lost(generation, "refused", 0)) == [LinkState.WAITING]
        link.tick(link.deadline() or 0)
    (changed,) = link.lost(4, "refused", 0)
    assert isinstance(changed, Changed)
    assert changed.state is LinkState.CLOSED
    assert changed.reason == "gave up after 3 attempts: refused"
    assert link.deadline() is None
    assert link.tick(10**18) == []
    assert link.revive()[-1] == Open(5, fresh_token=False)


def test_a_link_that_gave_up_and_is_wanted_by_nobody_any_more_is_opened_again_by_who_asks_next() -> (
    None
):
    reconnecting = Reconnecting(attempts_max=1)
    link = Link("user", lambda: 0.5, record_bytes_max=1 << 20, reconnecting=reconnecting)
    link.want(ORDERS, 0)
    link.lost(1, "refused", 0)
    link.tick(link.deadline() or 0)
    link.lost(2, "refused", 0)
    assert link.state is LinkState.CLOSED
    link.unwant(ORDERS, 0)  # who asked was told that it is closed
    assert _states(link.revive()) == [LinkState.IDLE]
    assert link.want(ORDERS, 0)[-1] == Open(3, fresh_token=False)


def test_the_way_it_ended_decides_between_waiting_a_fresh_token_and_the_end() -> None:
    for reaction, state, fresh in (
        (Reaction.RETRY, LinkState.WAITING, False),
        (Reaction.RETRY_SLOWLY, LinkState.WAITING, False),
        (Reaction.REFRESH, LinkState.WAITING, True),
        (Reaction.STOP, LinkState.CLOSED, None),
    ):
        link = Link(
            "user",
            lambda: 0.5,
            record_bytes_max=1 << 20,
            reconnecting=Reconnecting(judge=lambda _end, said=reaction: said),  # type: ignore[misc]  # a default binds the loop's value
        )
        _live(link)
        link.lost(1, LinkEnd(EndKind.SOCKET, "x", 1006), 0)
        assert link.state is state
        if fresh is not None:
            assert link.tick(link.deadline() or 0)[-1] == Open(2, fresh_token=fresh)


def test_a_contested_link_tells_it_once_looks_every_five_seconds_and_counts_no_attempt() -> None:
    link = _link()
    link.want(ORDERS, 0)
    assert _states(link.contested(1, "a fight", 0)) == [LinkState.CONTESTED]
    for look in range(1, 4):
        now_ns = look * 5 * NANOSECONDS
        assert link.deadline() == now_ns
        assert link.tick(now_ns) == [Open(1, fresh_token=False)]
        assert link.contested(1, "a fight", now_ns) == []
    assert link.attempt == 0
    link.hurry(0)
    assert link.deadline() == 0


def test_asking_again_for_a_stream_that_died_keeps_the_generation() -> None:
    link = _link()
    _live(link)
    assert b"SubscribeOrders" in _sent(link.resubscribe(ORDERS, 0))
    assert link.resubscribe(TRADES, 0) == []
    assert link.received(1, _done(2), 0) == [Subscribed(ORDERS)]
    assert link.state is LinkState.LIVE


def test_asked_again_gently_neither_a_refusal_nor_no_answer_ends_it() -> None:
    link = _link()
    _live(link)
    for number in (2, 3, 4):
        assert b"SubscribeOrders" in _sent(link.resubscribe(ORDERS, 0, gently=True))
        assert link.received(1, _done(number, "no second time"), 0) == []
    link.resubscribe(ORDERS, 0, gently=True)
    link.tick(20 * NANOSECONDS)
    assert link.state is LinkState.LIVE
