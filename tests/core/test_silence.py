"""A silent stream is quiet until something shows that it is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.link_effects import Subscription
from topstepx.core.silence import Died, Hopeless, Revived, Silences, Suspect
from topstepx.core.trading_hours import are_neighbours
from topstepx.wire import routes

if TYPE_CHECKING:
    from topstepx.core.silence import Verdict

MNQ, MES, GC = "CON.F.US.MNQ.Z26", "CON.F.US.MES.Z26", "CON.F.US.GCE.Z26"
QUOTES = Subscription(routes.SUBSCRIBE_QUOTES, MNQ)
TAPE = Subscription(routes.SUBSCRIBE_TAPE, MNQ)
FELLOW = Subscription(routes.SUBSCRIBE_QUOTES, MES)
GOLD = Subscription(routes.SUBSCRIBE_QUOTES, GC)


WHILE = 1800
"""Long enough for a pace to be known."""


class Bench:
    """Seconds pass; who speaks in each is said."""

    def __init__(self, *wanted: Subscription) -> None:
        self.silences = Silences(are_neighbours)
        self.wanted, self.now_s = wanted, 0.0
        self.open_since_s: float | None = 0
        self.seen: list[tuple[float, Verdict]] = []

    def ns(self) -> int:
        return round(self.now_s * NANOSECONDS)

    def pass_(self, seconds: int, every: dict[Subscription, int] | None = None) -> None:
        for _ in range(seconds):
            self.now_s += 1
            heard = {key for key, each_s in (every or {}).items() if self.now_s % each_s == 0}
            verdicts = self.silences.look(self.wanted, heard, self.trades, self.ns())
            self.seen += [(self.now_s, verdict) for verdict in verdicts]

    def trades(self, _contract_id: str, seconds: float) -> bool:
        since_s = self.open_since_s
        return since_s is not None and self.now_s - seconds >= since_s

    def suspects(self) -> list[float]:
        return [at for at, verdict in self.seen if isinstance(verdict, Suspect)]

    def answer(self, seconds: int | None, contract_id: str = MNQ) -> tuple[Verdict, ...]:
        traded = None if seconds is None else (lambda _silent_s: seconds)
        return self.silences.answered(contract_id, traded, self.ns())


def test_a_lively_stream_is_suspect_after_ten_seconds_and_dead_when_bars_show_trades() -> None:
    bench = Bench(QUOTES)
    bench.pass_(WHILE, {QUOTES: 1})
    bench.pass_(9)
    assert not bench.suspects()
    bench.pass_(1)
    assert bench.suspects() == [WHILE + 10]
    (died,) = bench.answer(4)
    assert isinstance(died, Died)
    assert (died.subscription, died.is_news, round(died.silent_s)) == (QUOTES, True, 10)
    assert bench.silences.dead_s(bench.ns()) == {QUOTES: 10}
    bench.pass_(3, {QUOTES: 1})
    assert [one for _, one in bench.seen if isinstance(one, Revived)] == [Revived(QUOTES, 11)]
    assert not bench.silences.dead_s(bench.ns())


def test_a_quiet_product_is_given_the_patience_of_its_own_pace() -> None:
    bench = Bench(QUOTES)
    bench.pass_(360, {QUOTES: 30})
    assert not bench.suspects()
    bench.pass_(100)
    assert not bench.suspects(), "four times its usual silence"
    bench.pass_(30)
    assert bench.suspects()


def test_without_trades_it_is_quiet_and_asked_again_after_twice_the_silence() -> None:
    bench = Bench(QUOTES)
    bench.pass_(WHILE, {QUOTES: 1})
    asked = []
    for _ in range(300):
        before = len(bench.suspects())
        bench.pass_(1)
        if len(bench.suspects()) > before:
            asked.append(bench.now_s - WHILE)
            assert bench.answer(1) == (), "one second with a trade is not enough"
    assert asked == [10, 20, 40, 80, 160]


def test_nobody_is_suspect_while_the_exchange_rests_nor_at_once_when_it_opens() -> None:
    bench = Bench(QUOTES)
    bench.pass_(WHILE, {QUOTES: 1})
    bench.open_since_s = None
    bench.pass_(3600)
    bench.open_since_s = bench.now_s
    bench.pass_(29)
    assert not bench.suspects()


def test_without_bars_a_neighbour_testifies_and_a_stranger_does_not() -> None:
    for other, is_dead in ((FELLOW, True), (TAPE, True), (GOLD, False)):
        bench = Bench(QUOTES, other)
        bench.pass_(WHILE, {QUOTES: 1, other: 1})
        bench.pass_(59, {other: 1})
        assert bench.answer(None) == (), "not before a minute"
        bench.pass_(70, {other: 1})
        found = bench.answer(None)
        assert bool(found) is is_dead, other
    bench = Bench(QUOTES, FELLOW)
    bench.pass_(100, {QUOTES: 20, FELLOW: 1})
    bench.pass_(90, {FELLOW: 1})
    assert bench.answer(None) == (), "it was never lively"


def test_asked_for_anew_three_times_in_vain_the_connection_is_hopeless() -> None:
    bench = Bench(QUOTES)
    bench.pass_(WHILE, {QUOTES: 1})
    found: list[Verdict] = []
    for _ in range(200):
        before = len(bench.suspects())
        bench.pass_(1)
        if len(bench.suspects()) > before:
            found += bench.answer(9)
    kinds = [type(one) for one in found]
    assert kinds[:4] == [Died, Died, Died, Hopeless]
    assert [one.is_news for one in found if isinstance(one, Died)][:3] == [True, False, False]


def test_time_in_which_we_stood_still_is_nobodys_silence() -> None:
    bench = Bench(QUOTES)
    bench.pass_(WHILE, {QUOTES: 1})
    bench.now_s += 300
    bench.pass_(9)
    assert not bench.suspects()


def test_a_new_connection_owes_nothing_and_what_is_not_wanted_is_forgotten() -> None:
    bench = Bench(QUOTES)
    bench.pass_(WHILE, {QUOTES: 1})
    bench.pass_(10)
    bench.answer(9)
    bench.silences.restart()
    assert not bench.silences.dead_s(bench.ns())
    bench.wanted = ()
    bench.pass_(100)
    assert len(bench.suspects()) == 1
