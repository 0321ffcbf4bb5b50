"""Requests in trouble, through the whole client: answers that prove nothing, and exits that always leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.breaker import Scope, State
from topstepx.core.lanes import Lane
from topstepx.core.terms import Limit
from topstepx.errors import (
    AnswerLost,
    AnswerUnusable,
    BreakerOpen,
    ModeRefused,
    OrderRefused,
    OrderUnresolved,
    RateLimited,
)
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.loop import virtual
from topstepx.testing.memory import MemoryRest
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from topstepx.desk.order import Order
    from topstepx.sim.fault_kinds import RequestFault

LATER_NS = 10**18

EXECUTED: dict[str, RequestFault] = {
    "HTML 502 after it": f.Answer(502, "<html>Bad Gateway</html>", when="after"),
    "the answer is lost": f.DropAnswer(),
    "half of the answer": f.Cut(after_bytes=10),
    "success with an error code": f.Edit(path="errorCode", op="value", value=2),
    "no code": f.Edit(path="errorCode", op="drop"),
    "no success": f.Edit(path="success", op="drop"),
    "an unknown code": f.Answer(200, '{"success":false,"errorCode":99}', when="after"),
    "pending": f.Answer(200, '{"success":false,"errorCode":6}', when="after"),
    "no order id": f.Edit(path="orderId", op="drop"),
    "a null order id": f.Edit(path="orderId", op="null"),
}
NOT_EXECUTED: dict[str, RequestFault] = {
    "HTML 502 before it": f.Answer(502, "<html>Bad Gateway</html>"),
    "empty 200": f.Answer(200, ""),
    "the request is lost": f.LoseRequest(cut=True),
}


async def resting(pair: Pair, ticks: int = 200, size: int = 1) -> Order:
    """A buy order far below the market."""
    account, contract = await practice(pair), await mnq(pair)
    (bar,) = await pair.tsx.market.bars(contract, "1m", last=1)
    price = contract.floor(str(bar.close - ticks * contract.tick_size))
    return await pair.tsx.orders.place(account, contract, Side.BUY, size, at=Limit(str(price)))


def sent(pair: Pair, route: str) -> int:
    """How often the client sent this, whatever became of it."""
    transport = pair.tsx._transports[0]
    assert isinstance(transport, MemoryRest)
    return sum(path.endswith(route) for _, path, _ in transport.sent)


@pytest.mark.parametrize("what", [*EXECUTED, *NOT_EXECUTED])
def test_a_place_with_an_answer_that_proves_nothing_is_neither_yes_nor_no(what: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            fault = {**EXECUTED, **NOT_EXECUTED}[what]
            planned = pair.faults.add(Fault(where="Order/place", what=fault))
            if what in EXECUTED:
                order = await resting(pair)
                assert pair.truth.order(order.id or 0).account_id == PRACTICE_ID
            else:
                with pytest.raises(OrderUnresolved, match="Do not send it again") as unknown:
                    await resting(pair)
                assert unknown.value.did_it_happen == "unknown"
                assert not pair.tsx.health().ok, "green while nobody knows"
            assert planned.struck
            assert sent(pair, "Order/place") == 1
            assert len(pair.truth.orders(PRACTICE_ID)) == (what in EXECUTED)

    run()


@pytest.mark.parametrize("what", [one for one in EXECUTED if "order id" not in one])
@pytest.mark.parametrize("deed", ["modify", "cancel"])
def test_a_change_with_such_an_answer_ends_as_the_venue_has_it(deed: str, what: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            order = await resting(pair, size=3)
            fault = EXECUTED[what]
            if what == "pending":
                fault = f.Answer(200, '{"success":false,"errorCode":4}', when="after")
            pair.faults.add(Fault(where=f"Order/{deed}", what=fault))
            change = order.cancel() if deed == "cancel" else order.modify(size=1)
            (outcome,) = await asyncio.gather(change, return_exceptions=True)
            assert getattr(outcome, "did_it_happen", "unknown") == "unknown", outcome
            truth = pair.truth.order(order.id or 0)
            if deed == "cancel":
                assert not pair.truth.working(PRACTICE_ID)
                assert order.is_done
            else:
                assert truth.size == 1
                assert sent(pair, "Order/modify") == 1

    run()


@virtual
async def test_an_empty_401_renews_once_and_proves_that_nothing_was_done() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        await asyncio.sleep(600)  # a token that was just given out is another matter
        pair.faults.add(Fault(where="Order/place", what=f.Answer(401, "")))
        order = await resting(pair)
        assert [one.id for one in pair.truth.orders(PRACTICE_ID)] == [order.id]
        assert sent(pair, "Order/place") == 2


@virtual
async def test_a_400_is_a_refusal_that_names_the_field() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        body = '{"title":"Validation failed.","errors":{"$.size":["Not a number."]}}'
        pair.faults.add(Fault(where="Order/place", what=f.Answer(400, body)))
        with pytest.raises(OrderRefused, match=r"\$\.size: Not a number") as refused:
            await resting(pair)
        assert (refused.value.did_it_happen, refused.value.status) == ("no", 400)


@pytest.mark.parametrize("what", [*NOT_EXECUTED, "an unknown code"])
def test_a_read_is_asked_three_times_and_then_says_that_nothing_changed(what: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            account = await practice(pair)
            fault = {**EXECUTED, **NOT_EXECUTED}[what]
            pair.faults.add(Fault(where="Position/searchOpen", what=fault, times=None))
            with pytest.raises((AnswerUnusable, AnswerLost)) as failed:
                await pair.tsx.positions.open(account)
            assert failed.value.did_it_happen == "no"
            assert failed.value.route == "Position/searchOpen"
            assert sent(pair, "Position/searchOpen") == 3
            used = pair.tsx.health().budgets[0].used
            assert used >= 3, "each attempt is debited"

    run()


# ---------------------------------------------------------------- exits


async def drain(pair: Pair) -> list[asyncio.Task[object]]:
    """Use up what reads and orders may use, with a queue behind, and a bars download that waits."""
    limiter = pair.tsx._limiter
    for lane, least in ((Lane.READ, 1), (Lane.ORDER, 1), (Lane.RESOLVE, 1)):
        while limiter.snapshot()[0].lanes[lane].free >= least:
            await limiter.permit(lane, deadline_ns=LATER_NS)
    while next(iter(limiter.snapshot()[1].lanes.values())).free:
        await limiter.permit(Lane.READ, Bucket.BARS, deadline_ns=LATER_NS)
    contract = await mnq(pair)
    waiting: list[asyncio.Task[object]] = [
        asyncio.create_task(limiter.permit(Lane.READ, deadline_ns=LATER_NS)) for _ in range(50)
    ]
    waiting.append(asyncio.create_task(pair.tsx.market.bars(contract, "1m", last=30_000)))
    await asyncio.sleep(0)
    return waiting


async def give_up(waiting: list[asyncio.Task[object]]) -> None:
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@virtual
async def test_a_burst_of_cancels_leaves_at_once_through_everything() -> None:
    async with Pair() as pair:
        tsx = pair.tsx
        orders = [await resting(pair, ticks=200 + number) for number in range(20)]
        waiting = await drain(pair)
        tsx.breakers.isolate("trade mutations", "as if it kept failing")
        with pytest.raises((ModeRefused, BreakerOpen, RateLimited)):
            await resting_now(pair, orders[0])
        cancels = [asyncio.create_task(order.cancel()) for order in orders]
        await asyncio.sleep(0.05)
        assert sent(pair, "Order/cancel") == 20
        await asyncio.gather(*cancels, return_exceptions=True)
        assert not pair.truth.working(PRACTICE_ID)
        await give_up(waiting)
        assert pair.gateway.limits.refused == 0


async def resting_now(pair: Pair, like: Order) -> None:
    """One more order, without reading anything first."""
    belief = pair.tsx._record.ledger.order(like.id or 0)
    assert belief is not None
    assert belief.order.limit_price is not None
    price = Limit(str(belief.order.limit_price - 1))
    await pair.tsx.orders.place(await practice(pair), await mnq(pair), Side.BUY, 1, at=price)


@virtual
async def test_failing_trading_opens_its_breaker_and_exits_still_leave() -> None:
    async with Pair() as pair:
        tsx = pair.tsx
        order = await resting(pair)
        sick = pair.faults.add(Fault(where="Order/*", what=f.Answer(503), times=None))
        gate = tsx._gate
        for _ in range(5):
            call = gate.breakers.admit(Scope.TRADE_MUTATION, pair.clock.monotonic_ns())
            gate.settle(call, "bad", "HTTP 503")  # type: ignore[arg-type]  # it is closed, so a call
        state = {one.scope: one.state for one in tsx.breakers.states()}
        assert state[Scope.TRADE_MUTATION] is State.OPEN
        assert any("trading endpoints keep failing" in each for each in tsx.health().problems)
        with pytest.raises(ModeRefused):
            await resting_now(pair, order)
        before = sent(pair, "Order/cancel")
        cancel = asyncio.create_task(order.cancel())
        await asyncio.sleep(0.05)
        assert sent(pair, "Order/cancel") == before + 1
        pair.faults.remove(sick)
        await asyncio.gather(cancel, return_exceptions=True)
        await asyncio.sleep(30)
        assert not pair.truth.working(PRACTICE_ID)
        assert tsx.health().ok
