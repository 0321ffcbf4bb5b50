from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from tests.support.running import run
from tests.support.trading import PRACTICE
from topstepx.core.link import LinkState
from topstepx.core.terms import Market
from topstepx.sim.fault_plans import FaultPlan
from topstepx.testing.eventually import eventually
from topstepx.testing.hurry import hurried
from topstepx.testing.proxy_faults import CutAt, WireFault
from topstepx.testing.socket_pair import SocketPair
from topstepx.wire.enums import Side


@pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
def test_a_bot_trades_and_its_lost_answer_is_found(
    hub_socket: Literal["picows", "aiohttp"],
) -> None:
    """A trader's own test of the worst case: five lines."""

    @hurried(speed=10)
    async def body() -> None:
        async with SocketPair(hub_socket=hub_socket) as pair:
            account = await pair.tsx.accounts.one(PRACTICE)
            contract = await pair.tsx.contracts.front("MNQ")
            await pair.tsx.ready(account)
            pair.proxy.add(WireFault(where="Order/place", what=CutAt("all passed on"), times=1))
            order = await pair.tsx.orders.place(account, contract, Side.BUY, 1, at=Market())
            await order.filled(timeout=20)
            assert pair.truth.net_size(account.id, contract.id) == 1
            assert pair.proxy.seen.count("Order/place") == 1

    body()


def test_a_plan_reaches_the_wire_and_counts_what_it_struck() -> None:
    plan = FaultPlan.from_toml("""
        [[faults]]
        where = "wire/user"
        what = { kind = "wire_reset" }
        [[faults]]
        where = "wire/Order/place"
        what = { kind = "wire_cut", step = "all passed on" }
        [[faults]]
        where = "wire/market"
        direction = "down"
        what = { kind = "wire_stall" }
        in_s = 3600
    """)

    @hurried(speed=10)
    async def body() -> None:
        async with SocketPair() as pair:
            account = await pair.tsx.accounts.one(PRACTICE)
            contract = await pair.tsx.contracts.front("MNQ")
            await pair.tsx.ready(account)
            hub, cut, later = plan.add_to(pair.faults, pair.now())
            await eventually(lambda: pair.tsx.health().user_hub is not LinkState.LIVE, timeout_s=5)
            await eventually(lambda: pair.tsx.health().user_hub is LinkState.LIVE, timeout_s=30)
            await pair.tsx.ready(account)
            order = await pair.tsx.orders.place(account, contract, Side.BUY, 1, at=Market())
            await order.filled(timeout=20)
            assert pair.truth.net_size(account.id, contract.id) == 1
            assert [one.struck for one in (hub, cut, later)] == [1, 1, 0]
            struck = [where for _, where, _ in pair.faults.struck]
            assert struck == ["wire/user", "wire/Order/place"]

    body()


def test_it_lives_in_real_time_as_well() -> None:
    async def main() -> None:
        async with SocketPair() as pair:
            account = await pair.tsx.accounts.one(PRACTICE)
            await pair.tsx.ready(account)
            assert pair.proxy.reset("hub/user") == 1
            await eventually(lambda: pair.tsx.health().user_hub is not LinkState.LIVE, timeout_s=2)
            await eventually(lambda: pair.tsx.health().user_hub is LinkState.LIVE, timeout_s=5)
            assert (pair.now() - pair.clock.now()).total_seconds() == pytest.approx(0, abs=0.1)
            await asyncio.sleep(0)

    run(main())
