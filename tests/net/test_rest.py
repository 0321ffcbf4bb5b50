"""One REST call through every step: what each end raises, and that nothing is sent that may not be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.lanes import Lane
from topstepx.core.outcome import Outcome, Verdict
from topstepx.core.terms import Market
from topstepx.errors import (
    AnswerLost,
    AnswerUnusable,
    AuthBroken,
    BreakerOpen,
    DeadlinePassed,
    GatewayBusy,
    GatewayRefused,
    NotSent,
    OrderRefused,
    RateLimited,
    TopstepxError,
)
from topstepx.net.rest import judge_long
from topstepx.net.transport import HttpAnswer
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire import codec, models, routes
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from topstepx.wire.models import AccountsAnswer

ONE = Decimal(1)
HTML = "<html><body>502 Bad Gateway</body></html>"
ACCOUNTS = routes.ACCOUNT_SEARCH
EVERY = models.AccountSearchRequest(only_active_accounts=False)
CANCEL = models.CancelRequest(account_id=PRACTICE_ID, order_id=1)


async def read(pair: Pair, timeout_s: float = 5) -> AccountsAnswer:
    """A plain read."""
    return await pair.tsx._rest.call(ACCOUNTS, EVERY, lane=Lane.READ, timeout_s=timeout_s)


def seen(pair: Pair, route: str) -> int:
    """How often the gateway was asked this, refused requests included."""
    return sum(one.route == route for one in pair.gateway.limits.arrivals)


# ---------------------------------------------------------------- the token


@virtual(seeds=[None, 1, 2])
async def test_a_401_is_one_renewal_and_one_repetition_however_many_ask() -> None:
    async with Pair() as pair:
        pair.gateway.tokens.revoke_all()
        before, logins = seen(pair, "Account/search"), seen(pair, "Auth/loginKey")
        answers = await asyncio.gather(*(read(pair) for _ in range(4)))
        assert all(answer.accounts for answer in answers)
        assert seen(pair, "Auth/loginKey") == logins + 1
        assert before + 5 <= seen(pair, "Account/search") <= before + 8


@virtual
async def test_a_second_401_with_the_new_token_is_broken_and_not_a_loop() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="Account/search", what=f.Answer(401), times=None))
        before = seen(pair, "Account/search") + len(pair.faults.struck)
        with pytest.raises(AuthBroken) as broken:
            await read(pair)
        assert broken.value.did_it_happen == "no"
        assert seen(pair, "Account/search") + len(pair.faults.struck) - before == 2


@virtual
async def test_a_route_that_always_says_401_makes_no_logins_for_ever_while_others_are_served() -> (
    None
):
    async with Pair() as pair:
        pair.network.latency_s = 0.2
        pair.faults.add(Fault(where="Account/search", what=f.Answer(401), times=None))

        async def others() -> None:
            while True:
                await pair.tsx.contracts.available(fresh=True)
                await asyncio.sleep(0.05)

        served = asyncio.create_task(others())
        await asyncio.sleep(60)
        logins = seen(pair, "Auth/loginKey")
        with pytest.raises(AuthBroken):
            await read(pair, timeout_s=60)
        assert sum(place == "Account/search" for _, place, _ in pair.faults.struck) == 2
        assert seen(pair, "Auth/loginKey") == logins + 1
        assert not served.done()
        served.cancel()


@virtual
async def test_a_401_to_an_order_proves_that_nothing_happened_so_it_goes_once_more() -> None:
    async with Pair() as pair:
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        await pair.tsx.ready(desk.account)
        await asyncio.sleep(60)  # a token refused right after its login would wait for the next one
        pair.gateway.tokens.revoke_all()
        order = await desk.buy(1, at=Market())
        assert pair.truth.executions(desk.account.id, order.tag or "") == 1


@virtual
async def test_no_token_in_time_is_said_before_anything_is_sent() -> None:
    async with Pair() as pair:
        pair.gateway.tokens.revoke_all()
        pair.faults.add(Fault(where="Auth/*", what=f.LoseRequest(), times=None))
        with pytest.raises(TopstepxError):
            await read(pair, timeout_s=2)
        before = seen(pair, "Account/search")
        with pytest.raises(DeadlinePassed, match="token") as passed:
            await read(pair, timeout_s=2)
        assert passed.value.did_it_happen == "no"
        assert seen(pair, "Account/search") == before


# ---------------------------------------------------------------- reads: nothing happened


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (f.DropAnswer(), AnswerLost),
        (f.DropAnswer(cut=False), AnswerLost),
        (f.LoseRequest(), AnswerLost),
        (f.Cut(5), AnswerLost),
        (f.Answer(502, HTML), AnswerUnusable),
        (f.Answer(503), AnswerUnusable),
        (f.Answer(200, HTML), AnswerUnusable),
        (f.Answer(200, ""), AnswerUnusable),
        (f.Answer(200, "{"), AnswerUnusable),
        (f.Answer(200, '{"success":true,"errorCode":5}'), AnswerUnusable),
        (f.Answer(302, headers={"location": "http://127.0.0.1/elsewhere"}), AnswerUnusable),
        (f.Edit("accounts", "null"), AnswerUnusable),
        (f.Edit("success", "drop"), AnswerUnusable),
        (f.Edit("accounts[0].balance", "raw", "NaN"), AnswerUnusable),
    ],
)
def test_a_read_that_fails_says_that_nothing_happened(
    what: f.What, error: type[TopstepxError]
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            pair.faults.add(Fault(where="Account/search", what=what, times=None))
            with pytest.raises(error) as failed:
                await read(pair)
            assert failed.value.did_it_happen == "no"
            assert failed.value.route == "Account/search"
            assert "<html" not in str(failed.value)

    run()


@pytest.mark.parametrize("what", [f.DropAnswer(), f.Answer(502, HTML), f.Answer(200, "{")])
def test_a_read_that_failed_once_is_simply_read_again(what: f.What) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            planned = pair.faults.add(Fault(where="Account/search", what=what))
            assert (await read(pair)).accounts
            assert planned.struck == 1

    run()


@virtual
async def test_a_network_that_is_down_is_not_sent() -> None:
    async with Pair() as pair:
        pair.network.up = False
        with pytest.raises(NotSent) as failed:
            await read(pair)
        assert failed.value.did_it_happen == "no"


# ---------------------------------------------------------------- changes: it may have happened


@pytest.mark.parametrize(
    "what", [f.DropAnswer(), f.Answer(502, HTML, when="after"), f.Answer(200, "{", when="after")]
)
def test_a_change_without_a_clear_answer_may_have_happened_and_is_never_repeated(
    what: f.What,
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            planned = pair.faults.add(Fault(where="Order/cancel", what=what, times=None))
            with pytest.raises((AnswerLost, AnswerUnusable)) as failed:
                await pair.tsx._rest.call(routes.CANCEL, CANCEL, lane=Lane.EXIT, timeout_s=4)
            assert failed.value.did_it_happen == "unknown"
            assert planned.struck == 1

    run()


@virtual
async def test_a_definite_no_has_its_code_its_name_and_the_gateways_words() -> None:
    async with Pair() as pair:
        with pytest.raises(GatewayRefused) as refused:
            await pair.tsx._rest.call(routes.CANCEL, CANCEL, lane=Lane.EXIT, timeout_s=4)
        error = refused.value
        assert (error.route, error.did_it_happen, error.status) == ("Order/cancel", "no", 200)
        assert error.code is not None
        assert error.name in str(error)
        assert error.meaning in str(error)
        assert error.next_step


@virtual
async def test_a_400_names_the_field() -> None:
    async with Pair() as pair:
        body = (
            '{"title":"One or more validation errors occurred.","errors":{"$.size":["bad size"]}}'
        )
        pair.faults.add(Fault(where="Order/place", what=f.Answer(400, body)))
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        with pytest.raises(OrderRefused, match=r"\$\.size: bad size") as refused:
            await desk.buy(1, at=Market())
        assert (refused.value.did_it_happen, refused.value.status) == ("no", 400)
        assert refused.value.order_id is None
        assert pair.truth.orders(desk.account.id) == []


# ---------------------------------------------------------------- the request budget and the deadline


@virtual
async def test_a_429_to_a_change_is_busy_with_its_time() -> None:
    async with Pair() as pair:
        many = f.Answer(429, headers={"retry-after": "17"})
        pair.faults.add(Fault(where="Order/cancel", what=many))
        with pytest.raises(GatewayBusy) as busy:
            await pair.tsx._rest.call(routes.CANCEL, CANCEL, lane=Lane.ORDER, timeout_s=4)
        assert (busy.value.did_it_happen, busy.value.status) == ("no", 429)
        assert busy.value.retry_after_s is not None
        assert busy.value.retry_after_s >= 17
        with pytest.raises((RateLimited, DeadlinePassed)):
            await pair.tsx._rest.call(routes.CANCEL, CANCEL, lane=Lane.ORDER, timeout_s=4)


@virtual
async def test_what_could_not_be_sent_in_time_is_not_sent_at_all() -> None:
    async with Pair() as pair:
        sent_by_ns = pair.clock.monotonic_ns()
        before = seen(pair, "Order/cancel")
        with pytest.raises((DeadlinePassed, RateLimited)) as passed:
            await pair.tsx._rest.attempt(
                routes.CANCEL, CANCEL, lane=Lane.EXIT, send_by_ns=sent_by_ns, timeout_s=4
            )
        assert passed.value.did_it_happen == "no"
        assert seen(pair, "Order/cancel") == before


@virtual
async def test_what_is_refused_here_gives_its_place_in_the_budget_back() -> None:
    async with Pair() as pair:
        before = used(pair)
        for _ in range(20):
            with pytest.raises((DeadlinePassed, RateLimited)):
                await pair.tsx._rest.attempt(
                    routes.CANCEL,
                    CANCEL,
                    lane=Lane.EXIT,
                    send_by_ns=pair.clock.monotonic_ns(),
                    timeout_s=4,
                )
        assert used(pair) == before


def used(pair: Pair) -> int:
    """Requests that count in the general window now."""
    return next(one.used for one in pair.tsx.health().budgets if one.bucket is Bucket.GENERAL)


@virtual
async def test_a_cancelled_call_leaves_nothing_behind() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="Account/search", what=f.LoseRequest(), times=None))
        for _ in range(10):
            call = asyncio.create_task(read(pair))
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.wait({call})
            assert call.cancelled()
        health = pair.tsx.health()
        assert [one.in_flight for one in health.breakers] == [0] * len(health.breakers)
        assert all(not one.recent_bad for one in health.breakers), "giving up is no failure"
        pair.faults.clear()
        assert (await read(pair)).accounts


# ---------------------------------------------------------------- time, and the breaker


@virtual
async def test_the_gateways_clock_is_followed() -> None:
    async with Pair() as pair:
        pair.clock.step_wall(-3600)
        await read(pair)
        assert abs(pair.tsx._rest.server_now() - pair.world.now()) <= timedelta(seconds=1)


@virtual
async def test_a_gateway_that_keeps_failing_is_left_alone() -> None:
    async with Pair() as pair:
        for where in ("Account/search", "Status/ping"):
            pair.faults.add(Fault(where=where, what=f.Answer(500), times=None))
        errors = []
        for _ in range(4):
            with pytest.raises(TopstepxError) as failed:
                await read(pair)
            errors.append(failed.value)
        assert isinstance(errors[-1], BreakerOpen)
        assert errors[-1].retry_after_s is not None
        struck = sum(place == "Account/search" for _, place, _ in pair.faults.struck)
        assert struck == 5
        pair.faults.clear()
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)
        assert (await read(pair)).accounts


# ---------------------------------------------------------------- long answers


def test_a_long_page_of_bars_is_read_with_turns_for_everybody_else() -> None:
    bar = models.BarModel(t=datetime(2026, 11, 2, tzinfo=UTC), o=ONE, h=ONE, l=ONE, c=ONE, v=3)
    body = codec.encode(models.BarsAnswer(success=True, error_code=0, bars=[bar] * 20_000))

    async def run(body: bytes) -> tuple[int, Outcome]:
        turns = 0
        done = False

        async def others() -> None:
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        outcome = await judge_long(routes.RETRIEVE_BARS, HttpAnswer(200, {}, body))
        done = True
        await task
        return turns, outcome

    turns, outcome = asyncio.run(run(body))
    assert turns >= 100
    assert outcome.answer == models.BarsAnswer(success=True, error_code=0, bars=[bar] * 20_000)
    _, outcome = asyncio.run(run(body.replace(b'"v":3', b'"v":"3"', 1)))
    assert outcome.verdict is Verdict.UNKNOWN
