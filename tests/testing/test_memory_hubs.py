from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sim_line import HANDSHAKE, MNQ, PRACTICE, dump, load
from topstepx.errors import NotSent, UpgradeRefused
from topstepx.sim.fault_kinds import CloseHub, CutHub, RefuseUpgrade
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.memory import MemoryGateway, Network

if TYPE_CHECKING:
    from topstepx.net.transport import Hub, HubSocket, HubTransport


class Ear:
    """A hub listener that keeps what it heard."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.reasons: list[str] = []
        self._tail = b""

    def data(self, payload: bytes) -> None:
        assert not self.reasons, "data after closed"
        *records, self._tail = (self._tail + payload).split(b"\x1e")
        self.records += [load(one) for one in records]

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)


def make(network: Network | None = None) -> MemoryGateway:
    return MemoryGateway(Gateway.build(at=LoopClock().now()), network)


def token_of(world: MemoryGateway) -> str:
    return world.gateway.tokens.issue(world.gateway.user_name, world.now())


async def connect(
    world: MemoryGateway, hubs: HubTransport, ear: Ear, hub: Hub = "user"
) -> HubSocket:
    socket = await hubs.open(
        hub,
        headers={"Authorization": f"Bearer {token_of(world)}"},
        query={},
        listener=ear,
        timeout_s=10,
    )
    socket.send(HANDSHAKE)
    return socket


def call(number: int, target: str, *arguments: object) -> bytes:
    return (
        dump({"type": 1, "invocationId": str(number), "target": target, "arguments": arguments})
        + b"\x1e"
    )


@virtual(seeds=[None, *range(5)])
async def test_records_keep_their_order_whatever_the_jitter() -> None:
    chance = random.Random(3)
    network = Network(latency_s=0.01, jitter_s=0.2, chance=chance.random)
    async with make(network) as world:
        ear = Ear()
        socket = await connect(world, world.hubs(), ear, "market")
        for number in range(50):
            socket.send(call(number, "SubscribeContractTrades", MNQ))
        await asyncio.sleep(10)
        completions = [one["invocationId"] for one in ear.records if one.get("type") == 3]
        assert completions == [str(number) for number in range(50)]
        stamps = [
            row["timestamp"]
            for one in ear.records
            if one.get("target") == "GatewayTrade"
            for row in one["arguments"][1]
        ]
        assert len(stamps) > 50
        assert stamps == sorted(stamps)


@virtual
async def test_user_events_arrive_one_latency_later() -> None:
    loop = asyncio.get_running_loop()
    async with make(Network(latency_s=0.25)) as world:
        ear = Ear()
        socket = await connect(world, world.hubs(), ear)
        assert loop.time() == pytest.approx(0.5)
        socket.send(call(1, "SubscribeOrders", PRACTICE))
        await asyncio.sleep(0.49)
        assert ear.records == []
        await asyncio.sleep(0.02)
        assert [one.get("type") for one in ear.records] == [None, 3]


@virtual
@pytest.mark.parametrize("status", [401, 503])
async def test_a_refused_upgrade(status: int) -> None:
    async with make() as world:
        world.gateway.faults.add(Fault(where="hub/user", what=RefuseUpgrade(status=status)))
        hubs = world.hubs()
        with pytest.raises(UpgradeRefused) as caught:
            await connect(world, hubs, Ear())
        assert caught.value.status == status
        with pytest.raises(UpgradeRefused):
            await hubs.open("user", headers={}, query={}, listener=Ear(), timeout_s=1)
        await connect(world, hubs, Ear())


@virtual
async def test_the_token_may_stand_in_the_query() -> None:
    async with make() as world:
        await world.hubs().open(
            "user", headers={}, query={"access_token": token_of(world)}, listener=Ear(), timeout_s=1
        )
        assert len(world.gateway.sessions) == 1


@virtual
@pytest.mark.parametrize(
    ("what", "reason", "records"),
    [(CloseHub(), "closed by the gateway", 2), (CutHub(), "the connection was reset", 1)],
)
async def test_the_gateway_ends_it(what: CloseHub, reason: str, records: int) -> None:
    async with make(Network(latency_s=0.1)) as world:
        ear = Ear()
        socket = await connect(world, world.hubs(), ear)
        await asyncio.sleep(1)
        world.gateway.faults.add(Fault(where="hub/user", what=what))
        await asyncio.sleep(1)
        assert ear.reasons == [reason]
        assert len(ear.records) == records
        socket.send(b"late")
        socket.close()
        await asyncio.sleep(1)
        assert ear.reasons == [reason]


@virtual
async def test_the_client_ends_it_and_the_gateway_notices() -> None:
    async with make(Network(latency_s=0.1)) as world:
        ear, hubs = Ear(), world.hubs()
        socket = await connect(world, hubs, ear)
        socket.close()
        socket.close()
        await asyncio.sleep(1)
        assert ear.reasons == ["closed by the client"]
        assert world.gateway.sessions == []
        other = Ear()
        await connect(world, hubs, other)
        await hubs.close()
        assert other.reasons == ["closed by the client"]
        with pytest.raises(NotSent):
            await connect(world, hubs, Ear())


@virtual
async def test_a_cut_a_dead_network_and_a_half_open_link() -> None:
    async with make() as world:
        ear, hubs = Ear(), world.hubs()
        await connect(world, hubs, ear)
        world.network.cut_all()
        assert ear.reasons == ["the connection was reset"]
        world.network.up = False
        with pytest.raises(NotSent, match="refused"):
            await connect(world, hubs, Ear())
        world.network.up, world.network.lose_down = True, True
        with pytest.raises(NotSent, match="did not answer"):
            await connect(world, hubs, Ear())


@virtual
async def test_a_half_open_link_stays_silent_until_the_gateway_drops_it() -> None:
    async with make() as world:
        ear = Ear()
        await connect(world, world.hubs(), ear)
        await asyncio.sleep(1)
        world.network.lose_down = True
        heard = len(ear.records)
        await asyncio.sleep(60)
        assert world.gateway.sessions == []
        assert (len(ear.records), ear.reasons) == (heard, [])


@virtual
async def test_pings_come_in_virtual_time() -> None:
    async with make() as world:
        ear = Ear()
        socket = await connect(world, world.hubs(), ear)
        for _ in range(240):
            await asyncio.sleep(15)
            socket.send(b'{"type":6}\x1e')
        assert ear.records.count({"type": 6}) in {239, 240}
        assert ear.reasons == []
