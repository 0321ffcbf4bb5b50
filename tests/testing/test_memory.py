from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.sim_line import MNQ, PRACTICE, Json, dump, load
from topstepx.errors import AnswerLost, NotSent
from topstepx.sim.fault_kinds import Answer, Cut, Delay, DropAnswer, Hold, LoseRequest
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.memory import MemoryGateway, Network

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.net.transport import HttpAnswer, RestTransport

JSON = {"content-type": "application/json"}
ORDER = {
    "accountId": PRACTICE,
    "contractId": MNQ,
    "type": 2,
    "side": 0,
    "size": 1,
    "customTag": "memory",
}


def make(network: Network | None = None) -> MemoryGateway:
    return MemoryGateway(Gateway.build(at=LoopClock().now()), network)


async def post(
    rest: RestTransport, route: str, body: Json, token: str = "", timeout_s: float = 10
) -> HttpAnswer:
    headers = {**JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
    return await rest.send(
        "POST", f"/api/{route}", headers=headers, body=dump(body), timeout_s=timeout_s
    )


async def log_in(world: MemoryGateway, rest: RestTransport) -> str:
    gateway = world.gateway
    body = {"userName": gateway.user_name, "apiKey": gateway.api_key}
    token: str = load((await post(rest, "Auth/loginKey", body)).body)["token"]
    return token


def executions(world: MemoryGateway) -> int:
    return world.gateway.venue.truth.executions(PRACTICE, "memory")


@virtual
async def test_a_call_and_its_fill_take_virtual_time_only() -> None:
    loop = asyncio.get_running_loop()
    async with make(Network(latency_s=0.05)) as world:
        rest = world.rest()
        token = await log_in(world, rest)
        assert loop.time() == pytest.approx(0.1)
        answer = await post(rest, "Order/place", ORDER, token)
        assert (answer.status, load(answer.body)["success"]) == (200, True)
        assert answer.headers["date"].endswith("GMT")
        await asyncio.sleep(60)
        assert len(world.gateway.venue.truth.trades(PRACTICE)) == 1
        fill = world.gateway.venue.truth.trades(PRACTICE)[0]
        created = world.gateway.venue.truth.orders(PRACTICE)[0].creation_timestamp
        assert (fill.creation_timestamp - created).total_seconds() == pytest.approx(0.008)


@virtual
async def test_a_network_that_is_down_sends_nothing() -> None:
    async with make() as world:
        rest = world.rest()
        world.network.up = False
        with pytest.raises(NotSent):
            await post(rest, "Account/search", {})
        assert len(world.gateway.limits.arrivals) == 0


@virtual
@pytest.mark.parametrize(
    ("event", "count"), [("lose", 0), ("cut_before", 0), ("cut_after", 1), ("duplicate", 1)]
)
async def test_what_happens_on_the_way(event: str, count: int) -> None:
    async with make() as world:
        rest = world.rest()
        token = await log_in(world, rest)
        world.network.next_request(event)  # type: ignore[arg-type]  # all literals
        if event == "duplicate":
            assert (await post(rest, "Order/place", ORDER, token)).status == 200
            assert len(world.gateway.venue.truth.requests) == 2
        else:
            with pytest.raises(AnswerLost):
                await post(rest, "Order/place", ORDER, token)
        assert executions(world) == count


@virtual
@pytest.mark.parametrize(
    ("what", "count", "takes_s"),
    [
        (DropAnswer(), 1, 0.0),
        (DropAnswer(cut=False), 1, 10.0),
        (LoseRequest(), 0, 10.0),
        (Cut(after_bytes=3), 1, 0.0),
        (Delay(seconds=60), 1, 10.0),
        (Hold(seconds=60), 0, 10.0),
    ],
)
async def test_the_gateways_faults_are_obeyed(what: DropAnswer, count: int, takes_s: float) -> None:
    loop = asyncio.get_running_loop()
    async with make() as world:
        rest = world.rest()
        token = await log_in(world, rest)
        world.gateway.faults.add(Fault(where="Order/place", what=what))
        started = loop.time()
        with pytest.raises(AnswerLost):
            await post(rest, "Order/place", ORDER, token)
        assert loop.time() - started == pytest.approx(takes_s, abs=0.001)
        assert executions(world) == count
        await asyncio.sleep(60)
        assert executions(world) == (0 if isinstance(what, LoseRequest) else 1)


@virtual
async def test_a_late_answer_comes_late() -> None:
    loop = asyncio.get_running_loop()
    async with make() as world:
        rest = world.rest()
        token = await log_in(world, rest)
        for what in (Delay(seconds=4), Hold(seconds=4)):
            world.gateway.faults.add(Fault(where="Account/*", what=what))
            started = loop.time()
            answer = await post(rest, "Account/search", {"onlyActiveAccounts": True}, token)
            assert answer.status == 200
            assert loop.time() - started == pytest.approx(4, abs=0.001)
        world.gateway.faults.add(Fault(where="Account/*", what=Answer(status=503)))
        assert (await post(rest, "Account/search", {}, token)).status == 503


@virtual
async def test_a_caller_that_gives_up_does_not_call_the_request_back() -> None:
    async with make(Network(latency_s=1)) as world:
        rest = world.rest()
        token = await log_in(world, rest)
        task = asyncio.create_task(post(rest, "Order/place", ORDER, token))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.sleep(5)
        assert executions(world) == 1


@virtual
async def test_cutting_everything_ends_what_is_under_way() -> None:
    async with make(Network(latency_s=1)) as world:
        rest = world.rest()
        task = asyncio.create_task(post(rest, "Account/search", {}))
        await asyncio.sleep(0.5)
        world.network.cut_all()
        with pytest.raises(AnswerLost, match="reset"):
            await task
        assert world.network.connections == {}


@virtual
async def test_a_half_open_link_times_out() -> None:
    async with make() as world:
        rest = world.rest()
        token = await log_in(world, rest)
        world.network.lose_down = True
        with pytest.raises(AnswerLost):
            await post(rest, "Order/place", ORDER, token, timeout_s=3)
        assert executions(world) == 1
        world.network.lose_down, world.network.lose_up = False, True
        with pytest.raises(AnswerLost):
            await post(rest, "Order/place", {**ORDER, "customTag": "two"}, token, timeout_s=3)
        assert world.gateway.venue.truth.executions(PRACTICE, "two") == 0


@virtual
async def test_while_the_lid_is_closed_the_gateway_goes_on() -> None:
    async with make() as world:
        rest = world.rest()
        token = await log_in(world, rest)
        before = world.now()
        world.suspended(25 * 3600)
        assert (world.now() - before).total_seconds() == pytest.approx(25 * 3600)
        assert (await post(rest, "Account/search", {}, token)).status == 401


@virtual
async def test_a_closed_transport_sends_nothing_and_counts_what_left() -> None:
    async with make() as world:
        rest = world.rest()
        await log_in(world, rest)
        await rest.close()
        with pytest.raises(NotSent):
            await post(rest, "Account/search", {})
        assert [path for _, path, _ in rest.sent] == ["/api/Auth/loginKey"]


class Broken(Exception):
    pass


def explode(_: datetime) -> None:
    raise Broken


async def run_into_it() -> None:
    async with make() as world:
        world.gateway.schedule(world.now(), explode)
        await asyncio.sleep(1)


@virtual
async def test_a_market_that_breaks_is_not_hidden() -> None:
    with pytest.raises(Broken):
        await run_into_it()
