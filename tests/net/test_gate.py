"""The step before the wire: budget, then breaker; exits pass, probes bring a part back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from topstepx.core.breaker import Scope, State
from topstepx.core.breakers import Breakers
from topstepx.core.lanes import Lane
from topstepx.core.outcome import Outcome, Verdict
from topstepx.core.permits import DOCUMENTED
from topstepx.errors import AnswerLost, BreakerOpen, NotSent, RateLimited
from topstepx.net.gate import Gate, scope_of
from topstepx.net.limiter import RateLimiter
from topstepx.net.transport import HttpAnswer
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.wire import routes
from topstepx.wire.routes import Bucket, Safety

if TYPE_CHECKING:
    from topstepx.core.breakers import Transition
    from topstepx.net.gate import Ticket

OK = Outcome(Verdict.ACCEPTED, 200, "accepted")
MINUTE_NS = 60 * 10**9


@dataclass
class Bench:
    """A gate, what it told, and how its pings end."""

    answers: list[HttpAnswer | NotSent | AnswerLost] = field(default_factory=list)
    told: list[Transition] = field(default_factory=list)
    pings: int = 0
    ping_s: float = 0.0

    def __post_init__(self) -> None:
        self.clock = LoopClock()
        self.limiter = RateLimiter(self.clock, lambda: 0.5, policies=DOCUMENTED)
        self.gate = Gate(
            self.limiter,
            Breakers(lambda: 0.5),
            self.clock,
            probe=self.ping,
            told=self.told.append,
        )

    async def ping(self) -> HttpAnswer:
        self.pings += 1
        await asyncio.sleep(self.ping_s)
        answer = self.answers.pop(0) if self.answers else HttpAnswer(200, {}, b"pong")
        if isinstance(answer, HttpAnswer):
            return answer
        raise answer

    async def enter(self, route: routes.Route, lane: Lane = Lane.READ) -> Ticket:  # type: ignore[type-arg]  # any route
        return await self.gate.enter(route, lane, self.clock.monotonic_ns() + MINUTE_NS)

    async def fail(self, route: routes.Route, times: int = 5) -> None:  # type: ignore[type-arg]  # any route
        for _ in range(times):
            (await self.enter(route)).failed(AnswerLost("cut"))

    def state(self, scope: Scope) -> State:
        return next(one.state for one in self.gate.snapshot() if one.scope is scope)

    def used(self, bucket: Bucket = Bucket.GENERAL) -> int:
        return next(one.used for one in self.limiter.snapshot() if one.bucket is bucket)


def test_every_route_has_its_scope() -> None:
    scopes = {route.name: scope_of(route) for route in routes.ROUTES}
    changes = {route.name for route in routes.ROUTES if route.path.startswith("/api/Order/")}
    changes |= {route.name for route in routes.ROUTES if route.path.startswith("/api/Position/")}
    reads = {route.name for route in routes.ROUTES if route.safety is Safety.READ}
    for name in changes - reads:
        assert scopes[name] is Scope.TRADE_MUTATION, name
    assert len(changes - reads) == 5
    assert scopes["History/retrieveBars"] is Scope.HISTORY
    assert {scopes[name] for name in reads - {"History/retrieveBars"}} == {Scope.TRADE_READ}
    assert {scopes[name] for name in scopes if name.startswith("Auth/")} == {Scope.AUTH}


@virtual
async def test_five_failures_open_one_part_and_only_that_part() -> None:
    bench = Bench()
    await bench.fail(routes.RETRIEVE_BARS)
    assert bench.state(Scope.HISTORY) is State.OPEN
    before = bench.used(Bucket.BARS)
    with pytest.raises(BreakerOpen, match="history") as opened:
        await bench.enter(routes.RETRIEVE_BARS)
    assert opened.value.did_it_happen == "no"
    assert opened.value.retry_after_s is not None
    assert 0 < opened.value.retry_after_s < 2
    assert bench.used(Bucket.BARS) == before == 5, "what was not sent costs nothing"
    (await bench.enter(routes.ORDER_SEARCH)).answered(HttpAnswer(200, {}, b""), OK)
    assert [(one.scope, one.after) for one in bench.told] == [(Scope.HISTORY, State.OPEN)]


@virtual
async def test_an_exit_passes_an_open_breaker_and_an_order_does_not() -> None:
    bench = Bench()
    await bench.fail(routes.PLACE)
    with pytest.raises(BreakerOpen):
        await bench.enter(routes.PLACE, Lane.ORDER)
    for route in (routes.CANCEL, routes.CLOSE_CONTRACT):
        ticket = await bench.enter(route, Lane.EXIT)
        ticket.answered(HttpAnswer(200, {}, b""), OK)


@virtual
async def test_an_open_part_is_probed_by_a_ping_and_comes_back_without_anybody_asking() -> None:
    bench = Bench()
    running = asyncio.create_task(bench.gate.run())
    await bench.fail(routes.ORDER_SEARCH)
    assert bench.pings == 0
    await eventually(lambda: bench.state(Scope.TRADE_READ) is State.CLOSED)
    assert bench.pings == 1
    assert [one.after for one in bench.told] == [State.OPEN, State.PROBING, State.CLOSED]
    (await bench.enter(routes.ORDER_SEARCH)).answered(HttpAnswer(200, {}, b""), OK)
    running.cancel()


@virtual
async def test_trade_mutations_need_two_good_pings() -> None:
    bench = Bench()
    running = asyncio.create_task(bench.gate.run())
    await bench.fail(routes.PLACE)
    await eventually(lambda: bench.state(Scope.TRADE_MUTATION) is State.CLOSED)
    assert bench.pings == 2
    running.cancel()


@virtual
@pytest.mark.parametrize("bad", [HttpAnswer(503, {}, b""), AnswerLost("cut")])
async def test_a_bad_ping_keeps_it_open_for_longer(bad: HttpAnswer | AnswerLost) -> None:
    bench = Bench(answers=[bad, bad])
    running = asyncio.create_task(bench.gate.run())
    began_ns = bench.clock.monotonic_ns()
    await bench.fail(routes.ORDER_SEARCH)
    await eventually(lambda: bench.state(Scope.TRADE_READ) is State.CLOSED, timeout_s=60)
    assert bench.pings == 3
    assert bench.clock.monotonic_ns() - began_ns >= (1 + 2 + 4) * 0.7 * 10**9
    running.cancel()


@virtual
async def test_one_ping_answers_for_every_part_that_waits() -> None:
    bench = Bench(ping_s=0.2)
    running = asyncio.create_task(bench.gate.run())
    for route in (routes.ORDER_SEARCH, routes.RETRIEVE_BARS):
        await bench.fail(route)
    await eventually(lambda: all(one.state is State.CLOSED for one in bench.gate.snapshot()))
    assert bench.pings == 1
    running.cancel()


@virtual
async def test_ending_while_a_ping_is_out_leaves_no_probe_behind() -> None:
    bench = Bench(ping_s=60)
    running = asyncio.create_task(bench.gate.run())
    await bench.fail(routes.ORDER_SEARCH)
    await eventually(lambda: bench.pings == 1)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert [one.in_flight for one in bench.gate.snapshot()] == [0] * len(Scope)


@virtual
async def test_the_budget_comes_first_and_says_when_there_is_room() -> None:
    bench = Bench()
    for _ in range(110):
        (await bench.enter(routes.ORDER_SEARCH)).answered(HttpAnswer(200, {}, b""), OK)
    soon_ns = bench.clock.monotonic_ns() + 10**9
    with pytest.raises(RateLimited) as limited:
        await bench.gate.enter(routes.ORDER_SEARCH, Lane.READ, soon_ns)
    assert limited.value.did_it_happen == "no"
    assert limited.value.retry_after_s is not None
    assert 55 < limited.value.retry_after_s <= 62
    await bench.enter(routes.CANCEL, Lane.EXIT)


@virtual
async def test_a_ticket_books_each_end_for_what_it_is() -> None:
    bench = Bench()

    def counted() -> tuple[int, int]:
        state = next(one for one in bench.gate.snapshot() if one.scope is Scope.TRADE_READ)
        assert state.in_flight == 0
        return state.recent, state.recent_bad

    (await bench.enter(routes.ORDER_SEARCH)).answered(HttpAnswer(200, {}, b""), OK)
    assert (counted(), bench.used()) == ((1, 0), 1)
    (await bench.enter(routes.ORDER_SEARCH)).unused()
    assert (counted(), bench.used()) == ((1, 0), 1), "never sent: neither good nor bad, nor used"
    (await bench.enter(routes.ORDER_SEARCH)).abandoned()
    assert (counted(), bench.used()) == ((1, 0), 2), "perhaps sent: it counts in the budget"
    (await bench.enter(routes.ORDER_SEARCH)).failed(AnswerLost("cut"))
    assert (counted(), bench.used()) == ((2, 1), 3)
    unclear = Outcome(Verdict.UNKNOWN, 502, "HTTP 502")
    (await bench.enter(routes.ORDER_SEARCH)).answered(HttpAnswer(502, {}, b""), unclear)
    assert (counted(), bench.used()) == ((3, 2), 4)
    broken = Outcome(Verdict.UNKNOWN, 200, "not JSON", breaks_contract=True)
    (await bench.enter(routes.ORDER_SEARCH)).answered(HttpAnswer(200, {}, b"{"), broken)
    assert (counted(), bench.used()) == ((4, 3), 5)


@virtual
async def test_a_refusal_is_a_good_answer() -> None:
    bench = Bench()
    refused = Outcome(Verdict.REFUSED, 200, "OrderRejected (code 2)")
    for _ in range(20):
        (await bench.enter(routes.PLACE, Lane.ORDER)).answered(HttpAnswer(200, {}, b""), refused)
    assert bench.state(Scope.TRADE_MUTATION) is State.CLOSED


@virtual
async def test_a_429_says_for_how_long_its_lane_now_waits() -> None:
    bench = Bench()
    ticket = await bench.enter(routes.ORDER_SEARCH)
    many = Outcome(Verdict.NOT_EXECUTED, 429, "over the limit")
    wait_s = ticket.answered(HttpAnswer(429, {"retry-after": "20"}, b""), many)
    assert wait_s is not None
    assert wait_s >= 20
    soon_ns = bench.clock.monotonic_ns() + 10**9
    with pytest.raises(RateLimited):
        await bench.gate.enter(routes.ORDER_SEARCH, Lane.READ, soon_ns)
