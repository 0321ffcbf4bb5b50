from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.running import run
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_hand import ProxyHand

if TYPE_CHECKING:
    from topstepx.sim.wire_faults import WireFaultKind


@pytest.mark.parametrize(
    ("planned", "done"),
    [
        (f.WireLatency(2.0, 1.0), f.WireLatency(0.2, 0.1)),
        (f.WireSlice(3, 1.0), f.WireSlice(3, 0.1)),
        (f.WireThrottle(100.0), f.WireThrottle(1000.0)),
        (f.WireTruncate(7, "reset"), f.WireTruncate(7, "reset")),
    ],
)
def test_its_seconds_are_simulated_ones(planned: WireFaultKind, done: WireFaultKind) -> None:
    proxy = FaultProxy(1)
    fault = Fault(where="wire/user", what=planned, direction="down", times=None)
    undo = ProxyHand(proxy, lambda: 10.0).begin(fault, lambda _: True)
    (there,) = proxy.plan.planned
    assert (there.fault.what, there.fault.where, there.fault.direction) == (
        done,
        "wire/user",
        "down",
    )
    undo()
    assert not proxy.plan.planned


def test_the_plan_decides_who_is_struck() -> None:
    """Three connections; the plan means the second one, and the undo spares the third."""

    async def main() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            writer.close()

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET /api/Order/place HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                return await reader.read()
            except ConnectionResetError:
                return b"reset"
            finally:
                writer.close()

        asked: list[str] = []

        def second(place: str) -> bool:
            asked.append(place)
            return len(asked) == 2

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server, FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
            undo = ProxyHand(proxy).begin(Fault(where="wire/rest", what=f.WireReset()), second)
            assert (await ask()).endswith(b"ok")
            assert await ask() == b"reset"
            undo()
            assert (await ask()).endswith(b"ok")
        assert asked == ["wire/Order/place"] * 2

    run(main())
