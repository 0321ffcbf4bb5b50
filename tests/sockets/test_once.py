"""What may act twice arrives once, wherever the connection breaks, through the whole client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.client import Client
from topstepx.core.terms import Limit, Market
from topstepx.errors import TopstepxError
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Environment, Limits, Secret, Settings, Timeouts
from topstepx.sim.server import SimServer
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import STEPS, CutAt, Step, WireFault
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from topstepx.desk.contracts import Contract

ROUTES = ("Order/place", "Order/modify", "Position/partialCloseContract")


def client_of(sim: SimServer, proxy: FaultProxy) -> Client:
    """A whole client whose REST goes through the proxy."""
    environment = Environment("sim", proxy.url, sim.url.replace("http", "ws", 1), simulated=True)
    settings = Settings(
        environment,
        limits=Limits(contracts_max=50),
        timeouts=Timeouts(resolve_s=0.3, shutdown_s=0.3),
    )
    ports = Ports(HttpTransport(proxy.url), PicowsTransport(environment.hub_url))
    return Client(settings, Credentials(sim.user_name, Secret(sim.api_key)), ports)


async def low_price(tsx: Client, contract: Contract) -> str:
    (bar,) = await tsx.market.bars(contract, "1m", last=1)
    return str(contract.floor(str(bar.close - 100)))


def unlooked(paths: list[str], route: str) -> int:
    """The most copies that were sent without reading the order in between.

    A modify carries absolute values, so it may go again once the order was read and is as it was.
    """
    longest = copies = 0
    for path in paths:
        if path.endswith(route):
            copies += 1
        elif route == "Order/modify" and path.startswith("Order/"):
            copies = 0
        longest = max(longest, copies)
    return longest


async def once(route: str, step: Step) -> tuple[int, int, str | None]:
    """How often the request was sent without looking, how often it arrived, and what was said of it."""
    async with (
        SimServer(rate=0.1) as sim,
        FaultProxy(sim.port) as proxy,
        client_of(sim, proxy) as tsx,
    ):
        account = await tsx.accounts.one(PRACTICE)
        contract = await tsx.contracts.front("MNQ")
        await tsx.ready(account)
        price = Limit(await low_price(tsx, contract))
        resting = None
        if route == "Order/modify":
            resting = await tsx.orders.place(account, contract, Side.BUY, 2, at=price)
        elif route == "Position/partialCloseContract":
            order = await tsx.orders.place(account, contract, Side.BUY, 2, at=Market())
            await order.filled(timeout=20)
        before = len(proxy.seen)
        arrived = len(sim.gateway.limits.arrivals)
        cut = proxy.add(WireFault(where=route, what=CutAt(step), times=1))
        said = None
        try:
            async with asyncio.timeout(40):
                if route == "Order/place":
                    await tsx.orders.place(account, contract, Side.BUY, 1, at=price)
                elif resting is not None:
                    await resting.modify(size=1)
                else:
                    await tsx.positions.close(account, contract, 1)
        except TopstepxError as error:
            said = error.did_it_happen
        await asyncio.sleep(0.5)  # whoever would repeat it behind our back does so at once
        assert cut.struck == 1, "the cut was made"
        seen = unlooked(proxy.seen[before:], route)
        came = [one.route for one in list(sim.gateway.limits.arrivals)[arrived:]]
        if route == "Order/place":
            assert len(sim.gateway.venue.truth.orders(PRACTICE_ID)) <= 1
        return seen, sum(one.endswith(route) for one in came), said


@pytest.mark.parametrize("route", ROUTES)
def test_one_arrival(route: str) -> None:
    async def run() -> list[tuple[int, int, str | None]]:
        return list(await asyncio.gather(*(once(route, step) for step in STEPS)))

    for step, (seen, arrived, said) in zip(STEPS, asyncio.run(run()), strict=True):
        whole = step in {"all passed on", "answer began", "answer nearly whole"}
        assert seen == 1, f"{step}: sent {seen} times"
        most = 1 if whole or route == "Order/modify" else 0
        assert whole <= arrived <= most, f"{step}: the gateway executed it {arrived} times"
        if not whole and route != "Order/modify":
            assert said == "unknown", f"{step}: said {said}, and nobody can know"
        else:
            assert said != "no", f"{step}: it did happen"


@pytest.mark.parametrize("step", STEPS)
def test_a_read_is_asked_again_and_a_dead_connection_is_not_used_again(step: Step) -> None:
    async def run() -> int:
        async with (
            SimServer(rate=0.1) as sim,
            FaultProxy(sim.port) as proxy,
            client_of(sim, proxy) as tsx,
        ):
            account = await tsx.accounts.one(PRACTICE)
            proxy.add(WireFault(where="Position/searchOpen", what=CutAt(step), times=1))
            assert await tsx.positions.open(account) == ()
            return sum(path.endswith("Position/searchOpen") for path in proxy.seen)

    assert asyncio.run(run()) == 2
