"""The token machine alone: times are numbers, and every refusal has its row."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.clock import NANOSECONDS
from topstepx.core.token import Renewal, Session, TokenMachine
from topstepx.settings import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
S = NANOSECONDS
HOUR_S = 3600


def jwt(exp: datetime | None, subject: str | None = "trader01", number: int = 0) -> Secret:
    claims: dict[str, object] = {"n": number}
    if exp is not None:
        claims["exp"] = exp.timestamp()
    if subject is not None:
        claims["sub"] = subject
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return Secret(f"e30.{body}.c2ln")


class Life:
    """A machine with both of its clocks."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.machine = TokenMachine(lambda: jitter)
        self.ns = 0
        self.wall_off_s = 0.0
        self.number = 0

    @property
    def s(self) -> float:
        return self.ns / S

    def session_is(self, session: Session) -> bool:
        return self.machine.session is session

    def step(self) -> None:
        self.wall_off_s += 10_000

    def until(self, ns: int | None) -> float:
        """Go to a deadline; how many seconds that took."""
        assert ns is not None
        passed_s, self.ns = (ns - self.ns) / S, max(ns, self.ns)
        return passed_s

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.s + self.wall_off_s)

    def wanted(self) -> Renewal | None:
        return self.machine.wanted(self.ns, self.now)

    def start(self) -> Renewal:
        renewal = self.wanted()
        assert renewal is not None
        self.machine.started(renewal)
        if renewal is Renewal.LOGIN:
            self.machine.bounds.leaves(self.ns)
        return renewal

    def answer(self, life_s: float = 24 * HOUR_S, subject: str | None = "trader01") -> bool:
        self.number += 1
        server = START + timedelta(seconds=self.s)
        value = jwt(server + timedelta(seconds=life_s), subject, self.number)
        token = self.machine.obtained(value, sent_ns=self.ns, sent_at=self.now, server_now=server)
        return token is not None

    def logged_in(self, life_s: float = 24 * HOUR_S) -> Life:
        assert self.start() is Renewal.LOGIN
        assert self.answer(life_s)
        return self

    def wait(self, seconds: float) -> None:
        self.ns += round(seconds * S)


def test_it_begins_with_a_login() -> None:
    life = Life()
    assert life.session_is(Session.ABSENT)
    assert life.machine.usable(0) is None
    life.logged_in()
    assert life.session_is(Session.GOOD)
    assert life.wanted() is None


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_renewal_begins_at_half_of_the_life(jitter: float) -> None:
    life = Life(jitter).logged_in()
    due_s = life.until(life.machine.deadline(life.ns))
    assert 24 * 0.45 * HOUR_S <= due_s <= 24 * 0.55 * HOUR_S
    assert life.start() is Renewal.VALIDATE


@pytest.mark.parametrize("hours", [5, 8, 24, 48, 240])
def test_never_later_than_two_hours_before_the_end(hours: int) -> None:
    life = Life(0.999).logged_in(hours * HOUR_S)
    due_s = life.until(life.machine.deadline(life.ns))
    assert due_s <= min(hours - 2, 13.2) * HOUR_S


@pytest.mark.parametrize("left_s", [1799, 0, -10])
def test_in_the_last_half_hour_it_is_a_login(left_s: int) -> None:
    life = Life().logged_in()
    life.wait(24 * HOUR_S - left_s)
    assert life.wanted() is Renewal.LOGIN
    assert (life.machine.usable(life.ns) is None) is (left_s <= 0)


@pytest.mark.parametrize(
    ("exp", "server_now", "life_s"),
    [
        # the gateway's own clock decides, wherever ours stands
        (START + timedelta(hours=20), START, 20 * HOUR_S),
        (START - timedelta(days=900), START - timedelta(days=901), 24 * HOUR_S),
        # without it, our clock, but never beyond a day
        (START + timedelta(hours=20), None, 20 * HOUR_S),
        (START + timedelta(hours=40), None, 24 * HOUR_S),
        # nonsense and nothing: a day
        (START - timedelta(hours=1), START, 24 * HOUR_S),
        (None, START, 24 * HOUR_S),
        (None, None, 24 * HOUR_S),
    ],
)
def test_how_long_it_lives(exp: datetime | None, server_now: datetime | None, life_s: int) -> None:
    machine = TokenMachine(lambda: 0.5)
    machine.started(Renewal.LOGIN)
    token = machine.obtained(jwt(exp), sent_ns=7 * S, sent_at=START, server_now=server_now)
    assert token is not None
    assert token.deadline_ns == (7 + life_s) * S
    assert token.ends_at == START + timedelta(seconds=life_s)


def test_a_failed_validate_keeps_the_token_and_logs_in_at_once() -> None:
    life = Life().logged_in()
    old = life.machine.token
    life.wait(13 * HOUR_S)
    assert life.start() is Renewal.VALIDATE
    life.machine.failed("HTTP 503", now_ns=life.ns)
    assert life.session_is(Session.SUSPECT)
    assert life.machine.usable(life.ns) is old
    assert life.start() is Renewal.LOGIN
    life.machine.failed("HTTP 503", now_ns=life.ns)
    assert life.wanted() is None
    assert life.machine.usable(life.ns) is old
    waits = []
    for _ in range(12):
        waits.append(life.until(life.machine.deadline(life.ns)))
        renewal = life.start()
        life.machine.failed("HTTP 503", now_ns=life.ns)
        if renewal is Renewal.VALIDATE and life.wanted() is Renewal.LOGIN:
            life.start()
            life.machine.failed("HTTP 503", now_ns=life.ns)
    assert waits[0] >= 15
    assert max(waits) <= 600
    assert waits[-1] > waits[0]


def test_retry_after_is_obeyed() -> None:
    life = Life().logged_in()
    life.machine.refused(1, life.ns)
    life.wait(6)
    life.start()
    life.machine.failed("429", now_ns=life.ns, retry_after_s=77)
    assert life.machine.deadline(life.ns) == life.ns + 77 * S


@pytest.mark.parametrize("subject", ["somebody.else", None])
def test_somebody_elses_token_is_not_taken(subject: str | None) -> None:
    life = Life().logged_in()
    old = life.machine.token
    life.wait(13 * HOUR_S)
    assert life.start() is Renewal.VALIDATE
    assert not life.answer(subject=subject)
    assert life.machine.token is old
    assert life.session_is(Session.SUSPECT)
    assert life.wanted() is Renewal.LOGIN


def test_a_stale_401_means_nothing() -> None:
    life = Life().logged_in()
    life.machine.refused(1, life.ns)
    life.wait(6)
    life.start()
    life.answer()
    life.machine.refused(1, life.ns)
    assert life.session_is(Session.GOOD)
    assert life.machine.usable(life.ns) is life.machine.token


def test_a_401_is_one_login_per_generation() -> None:
    life = Life().logged_in()
    for _ in range(100):
        life.machine.refused(1, life.ns)
    assert life.machine.usable(life.ns) is None
    assert life.wanted() is None, "two logins are five seconds apart"
    life.wait(5)
    assert life.start() is Renewal.LOGIN
    for _ in range(100):
        life.machine.refused(1, life.ns)
    life.answer()
    assert life.wanted() is None


def test_broken_and_back() -> None:
    life = Life().logged_in()
    life.machine.refused(1, life.ns)
    life.wait(6)
    life.start()
    life.answer()
    life.machine.refused(2, life.ns)
    assert life.session_is(Session.BROKEN)
    life.machine.need_for_exit()
    life.wait(29)
    assert life.wanted() is None, "not even an exit makes it a loop"
    life.wait(1)
    assert life.start() is Renewal.LOGIN, "and no exit waits five minutes"
    life.answer()
    life.machine.refused(3, life.ns)
    assert life.session_is(Session.BROKEN)
    life.wait(299)
    assert life.wanted() is None
    life.wait(1)
    assert life.start() is Renewal.LOGIN
    life.answer()
    life.machine.proven(4)
    life.wait(6)
    life.machine.refused(4, life.ns)
    assert life.session_is(Session.SUSPECT)


def test_a_token_from_a_validate_that_is_refused_is_not_broken() -> None:
    life = Life().logged_in()
    life.wait(13 * HOUR_S)
    assert life.start() is Renewal.VALIDATE
    life.machine.refused(1, life.ns)
    life.answer()
    life.machine.refused(2, life.ns)
    assert life.session_is(Session.SUSPECT)


def test_locked_keeps_what_still_works_and_asks_for_nothing() -> None:
    life = Life().logged_in()
    life.wait(13 * HOUR_S)
    life.start()
    life.machine.failed("down", now_ns=life.ns)
    life.start()
    life.machine.locked("no subscription")
    assert life.session_is(Session.LOCKED)
    assert life.machine.usable(life.ns) is life.machine.token
    life.machine.refused(1, life.ns)
    life.machine.evicted("user", life.ns)
    life.machine.need_for_exit()
    assert life.session_is(Session.LOCKED)
    assert life.machine.usable(life.ns) is None
    life.wait(100 * HOUR_S)
    assert life.wanted() is None


@pytest.mark.parametrize("step_s", [-26 * HOUR_S, -10_800, -3, 3, 10_800, 26 * HOUR_S])
def test_a_step_of_the_wall_clock_is_a_question_not_a_verdict(step_s: float) -> None:
    life = Life().logged_in()
    life.wait(60)
    assert life.wanted() is None
    life.wall_off_s = step_s
    assert life.wanted() is Renewal.VALIDATE
    assert life.session_is(Session.SUSPECT)
    assert life.machine.usable(life.ns) is life.machine.token
    life.start()
    life.answer()
    life.wait(600)
    assert life.wanted() is None


@given(st.floats(-0.0009, 0.0009), st.integers(1, 12))
def test_ordinary_drift_is_no_step(drift: float, hours: int) -> None:
    life = Life().logged_in(240 * HOUR_S)
    life.wait(hours * HOUR_S * 0.9)
    life.wall_off_s = life.s * drift
    assert life.wanted() is None


def test_the_same_token_again_lives_no_longer() -> None:
    life = Life().logged_in()
    token = life.machine.token
    assert token is not None
    tries = 0
    while True:
        life.until(life.machine.deadline(life.ns))
        renewal = life.wanted()
        if renewal is None:
            continue
        life.start()
        if renewal is Renewal.LOGIN:
            break
        tries += 1
        life.machine.obtained(token.value, sent_ns=life.ns, sent_at=life.now, server_now=None)
        assert life.machine.token is token
    assert tries < 8
    assert life.s < 24 * HOUR_S


def test_expiring() -> None:
    life = Life().logged_in()
    assert not life.machine.expiring(life.ns)
    life.wait(24 * HOUR_S - 301)
    assert not life.machine.expiring(life.ns)
    life.wait(1)
    assert life.machine.expiring(life.ns)
    assert life.machine.usable(life.ns) is not None


def test_held_back_by_others() -> None:
    life = Life()
    life.machine.started(Renewal.LOGIN)
    life.machine.held(40 * S)
    assert life.machine.deadline(life.ns) == 40 * S
    assert life.wanted() is None
    life.wait(40)
    assert life.wanted() is Renewal.LOGIN


def test_an_exit_does_not_wait_out_a_pause() -> None:
    life = Life()
    life.start()
    for _ in range(3):
        life.machine.failed("HTTP 503", now_ns=life.ns, retry_after_s=500)
        assert life.wanted() is None
        life.machine.need_for_exit()
        life.wait(5)
        assert life.start() is Renewal.LOGIN


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_an_exit_without_a_network_tries_again_within_seconds_and_never_at_once(
    jitter: float,
) -> None:
    life = Life(jitter)
    life.machine.need_for_exit()
    for _ in range(200):
        life.start()
        life.machine.bounds.take_back()  # it never left
        life.machine.failed("Connection refused", now_ns=life.ns)
        assert life.wanted() is None
        assert 0.25 <= life.until(life.machine.deadline(life.ns)) <= 2


def test_seed_723385_a_token_that_ended_is_not_called_a_good_session() -> None:
    life = Life().logged_in()
    life.wait(25 * HOUR_S)  # the lid was closed
    life.machine.bounds.hold(life.ns + 400 * S)  # logins are used up
    assert life.wanted() is None
    assert life.session_is(Session.SUSPECT)
    life.wait(400)
    life.logged_in()
    assert life.session_is(Session.GOOD)


def test_contested_validates_but_never_logs_in() -> None:
    life = Life().logged_in()
    life.machine.evicted("user", life.ns)
    assert life.start() is Renewal.VALIDATE
    life.answer()
    life.machine.evicted("user", life.ns + S)
    assert life.session_is(Session.CONTESTED)
    life.start()
    life.machine.failed("HTTP 503", now_ns=life.ns)
    for _ in range(1000):
        due_ns = life.machine.deadline(life.ns)
        if due_ns is None:
            break
        life.until(due_ns)
        if (renewal := life.wanted()) is not None:
            assert renewal is Renewal.VALIDATE
            life.start()
            life.machine.failed("HTTP 503", now_ns=life.ns)
    assert life.s > 24 * HOUR_S
    assert life.wanted() is None
    life.machine.resumed()
    assert life.wanted() is Renewal.LOGIN


def test_a_token_that_comes_after_the_logout_is_not_taken() -> None:
    life = Life().logged_in()
    life.wait(13 * HOUR_S)
    life.start()
    life.machine.ended()
    assert not life.answer()
    assert life.machine.token is None
    assert life.session_is(Session.ENDED)
    assert life.wanted() is None


def test_a_shared_token_is_taken_over_with_its_own_times() -> None:
    life = Life()
    life.wait(10 * HOUR_S)
    life.machine.started(Renewal.LOGIN)
    since = (2 * HOUR_S * S, START + timedelta(hours=2))
    token = life.machine.adopted(
        jwt(None), since=since, life_s=24 * HOUR_S, seen=(life.ns, life.now)
    )
    assert token is not None
    assert token.deadline_ns == 26 * HOUR_S * S
    assert life.session_is(Session.GOOD)
    assert life.wanted() is None
    life.wait(4.6 * HOUR_S)
    assert life.wanted() is Renewal.VALIDATE


TROUBLES = ("401", "evict", "exit", "resume", "proven", "step", "none")
ANSWERS = ("good", "short", "foreign", "locked", "failed")


def trouble(life: Life, kind: str) -> None:
    machine = life.machine
    generation = machine.token.generation if machine.token else 0
    acts: dict[str, Callable[[], None]] = {
        "401": lambda: machine.refused(generation, life.ns),
        "evict": lambda: machine.evicted("user", life.ns),
        "exit": machine.need_for_exit,
        "resume": machine.resumed,
        "proven": lambda: machine.proven(generation),
        "step": life.step,
        "none": lambda: None,
    }
    acts[kind]()


def end(life: Life, renewal: Renewal, kind: str) -> None:
    if kind == "locked" and renewal is Renewal.LOGIN:
        life.machine.locked("no")
    elif kind in {"good", "short", "foreign"}:
        life.answer(
            life_s=60 if kind == "short" else 24 * HOUR_S,
            subject="somebody.else" if kind == "foreign" else "trader01",
        )
    else:
        life.machine.failed("HTTP 500", now_ns=life.ns)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.1, 1.0, 6.0, 60.0, 3600.0, 40_000.0]),
            st.sampled_from(TROUBLES),
            st.sampled_from(ANSWERS),
        ),
        max_size=80,
    )
)
def test_no_history_makes_a_storm(history: list[tuple[float, str, str]]) -> None:
    """Whatever happens, logins keep their bounds, and a locked session stays quiet."""
    life = Life()
    logins: list[int] = []
    for wait_s, kind, answer in history:
        life.wait(wait_s)
        trouble(life, kind)
        renewal = life.wanted()
        if renewal is None:
            continue
        assert not life.session_is(Session.LOCKED)
        life.start()
        if renewal is Renewal.LOGIN:
            logins.append(life.ns)
        end(life, renewal, answer)
    for index, at_ns in enumerate(logins):
        assert index == 0 or at_ns - logins[index - 1] >= 5 * S
        assert sum(at_ns - 600 * S < one <= at_ns for one in logins) <= 5
