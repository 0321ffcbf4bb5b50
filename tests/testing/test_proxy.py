from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.running import run, until
from topstepx.testing.eventually import eventually
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import (
    STEPS,
    BlackHole,
    CutAt,
    HalfOpen,
    Latency,
    Refuse,
    Reset,
    Slice,
    Stall,
    Step,
    Throttle,
    Truncate,
    WireFault,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topstepx.testing.proxy_faults import Direction, What

ASK = b"POST /api/Order/place HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + b"a" * 20
HELLO = b"\x16hello"


class Server:
    """Answers every whole request, echoes everything else, and remembers what came."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.ended: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        how = "fin"
        try:
            while data := await reader.read(65536):
                self.came.append(data)
                whole = b"".join(self.came)
                if data.startswith(b"\x16") or not whole.startswith(b"POST"):
                    writer.write(data)
                elif whole.endswith(ASK):
                    writer.write(ANSWER)
        except ConnectionResetError:
            how = "reset"
        self.ended.append(how)
        writer.close()


class World:
    def __init__(self, server: Server, proxy: FaultProxy) -> None:
        self.server, self.proxy = server, proxy

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.proxy.port)

    def fault(self, what: What, where: str = "*", direction: Direction | None = None) -> None:
        self.proxy.add(WireFault(where=where, what=what, direction=direction))


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        async with FaultProxy(server.port, seed=3) as proxy:
            yield World(server, proxy)
            assert proxy.accepted
        await until(lambda: proxy.open == 0)
    finally:
        listening.close()
        await until(lambda: len(server.ended) >= 0)


async def silent(reader: asyncio.StreamReader, seconds: float = 0.1) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


def test_without_faults_bytes_and_ends_pass_through_both_ways() -> None:
    async def main() -> None:
        async with world() as here:
            reader, writer = await here.dial()
            writer.write(ASK + ASK)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
            writer.write_eof()
            assert b"".join([await reader.read()])[-1:] in {b"a", b""}
            writer.close()
            await until(lambda: here.server.ended == ["fin"])
            assert b"".join(here.server.came) == ASK + ASK
            assert here.proxy.seen == ["Order/place", "Order/place"]

    run(main())


def test_tls_passes_unread_as_one_place() -> None:
    async def main() -> None:
        async with world() as here:
            reader, writer = await here.dial()
            writer.write(HELLO)
            assert await reader.readexactly(len(HELLO)) == HELLO
            assert here.proxy.seen == ["tls"]
            writer.close()

    run(main())


def test_latency_is_added_in_its_direction_and_keeps_the_order() -> None:
    async def main() -> None:
        async with world() as here:
            here.fault(Latency(600), direction="down")
            _, waiting = await here.dial()
            waiting.write(HELLO)
            await until(lambda: here.server.came)  # the way up is not delayed
            waiting.close()
            here.proxy.clear()
            here.fault(Latency(0.1, jitter_s=0.05), direction="down")
            reader, writer = await here.dial()
            loop = asyncio.get_running_loop()
            began = loop.time()
            writer.write(HELLO)
            writer.write(b"second")
            assert await reader.readexactly(len(HELLO) + 6) == HELLO + b"second"
            assert loop.time() - began >= 0.1
            writer.close()

    run(main())


def test_a_slow_line_carries_so_many_bytes_a_second() -> None:
    async def main() -> None:
        async with world() as here:
            here.fault(Throttle(20_000), direction="down")
            reader, writer = await here.dial()
            began = asyncio.get_running_loop().time()
            writer.write(b"\x16" * 4000)
            await reader.readexactly(4000)
            took = asyncio.get_running_loop().time() - began
            assert took >= 0.18, took
            writer.close()

    run(main())


def test_slices_arrive_one_by_one() -> None:
    async def main() -> None:
        async with world() as here:
            here.fault(Slice(1, pause_s=0.001), direction="up")
            reader, writer = await here.dial()
            writer.write(HELLO)
            await reader.readexactly(len(HELLO))
            assert [len(part) for part in here.server.came] == [1] * len(HELLO)
            writer.close()

    run(main())


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_a_truncated_answer_ends_after_so_many_bytes(how: str) -> None:
    async def main() -> None:
        async with world() as here:
            what = Truncate(len(ANSWER) - 5, how="fin" if how == "fin" else "reset")
            here.fault(what, "Order/place", "down")
            reader, writer = await here.dial()
            writer.write(ASK)
            if how == "fin":
                assert await reader.read() == ANSWER[:-5]
            else:
                with pytest.raises(ConnectionResetError):
                    await reader.readexactly(len(ANSWER))
            writer.close()

    run(main())


def test_a_half_open_link_swallows_one_direction_with_its_end() -> None:
    async def main() -> None:
        async with world() as here:
            reader, writer = await here.dial()
            writer.write(HELLO)
            await reader.readexactly(len(HELLO))
            here.fault(HalfOpen(2), direction="down")
            writer.write(b"abcd")
            assert await reader.readexactly(2) == b"ab"
            assert await silent(reader)
            assert b"".join(here.server.came).endswith(b"abcd"), "the other direction lives"
            here.proxy.clear()
            writer.write(b"more")
            assert await silent(reader), "TCP repairs no holes"
            writer.close()

    run(main())


def test_a_black_hole_accepts_and_leads_nowhere() -> None:
    async def main() -> None:
        async with world() as here:
            reader, writer = await here.dial()
            writer.write(HELLO)
            await reader.readexactly(len(HELLO))
            here.fault(BlackHole())
            writer.write(b"lost")
            new_reader, new_writer = await here.dial()
            new_writer.write(ASK)
            assert await silent(reader)
            assert await silent(new_reader)
            assert here.server.came == [HELLO]
            writer.close()
            new_writer.close()

    run(main())


def test_a_stall_takes_nothing_until_it_is_over() -> None:
    async def main() -> None:
        async with world() as here:
            here.fault(Stall(), direction="up")
            reader, writer = await here.dial()
            writer.write(HELLO)
            assert await silent(reader)
            assert here.server.came == []
            here.proxy.clear()
            assert await reader.readexactly(len(HELLO)) == HELLO
            writer.close()

    run(main())


def test_a_stall_lets_the_senders_buffers_fill() -> None:
    async def main() -> None:
        async with world() as here:
            here.fault(Stall(), direction="up")
            _, writer = await here.dial()

            async def write_on() -> None:
                while True:
                    writer.write(b"\x16" * 65536)
                    await writer.drain()

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(write_on(), 0.2)
            writer.transport.abort()

    run(main())


def test_a_reset_reaches_both_ends_by_hand_and_by_plan() -> None:
    async def main() -> None:
        async with world() as here:
            for by_hand in (True, False):
                reader, writer = await here.dial()
                writer.write(HELLO)
                await reader.readexactly(len(HELLO))
                if by_hand:
                    assert here.proxy.reset("hub/*") == 0
                    assert here.proxy.reset("tls") == 1
                else:
                    fault = WireFault(where="tls", what=Reset(), times=1, since_s=0.2)
                    here.proxy.add(fault)
                with pytest.raises(ConnectionResetError):
                    await reader.readexactly(1)
                writer.close()
            await until(lambda: here.server.ended == ["reset", "reset"])
            reader, writer = await here.dial()
            writer.write(HELLO)
            assert await reader.readexactly(len(HELLO)) == HELLO, "once is once"
            writer.close()

    run(main())


async def door(here: World) -> str:
    """What a stranger finds."""
    try:
        _, writer = await here.dial()
    except ConnectionRefusedError:
        return "shut"
    except ConnectionResetError:
        return "shut while he came in"
    writer.close()
    return "open"


async def until_found(here: World, what: str) -> None:
    async def same() -> bool:
        return await door(here) == what

    await eventually(same, every_s=0.01)


def test_a_refusal_shuts_the_door_for_a_while() -> None:
    async def main() -> None:
        async with world() as here:
            reader, writer = await here.dial()
            writer.write(HELLO)
            await reader.readexactly(len(HELLO))
            shut = here.proxy.add(WireFault(where="*", what=Refuse()))
            await until_found(here, "shut")
            writer.write(b"old")
            assert await reader.readexactly(3) == b"old", "what is open lives on"
            until_s = here.proxy.now_s() + 0.3
            here.proxy.add(WireFault(where="*", what=Refuse(), until_s=until_s))
            here.proxy.remove(shut)
            await until_found(here, "open")
            assert here.proxy.now_s() >= until_s, "and not before"
            writer.close()

    run(main())


@pytest.mark.parametrize("step", STEPS)
def test_one_request_is_cut_at_each_step_of_its_life(step: Step) -> None:
    async def main() -> None:
        async with world() as here:
            fault = WireFault(where="Order/place", what=CutAt(step), times=1)
            planned = here.proxy.add(fault)
            reader, writer = await here.dial()
            writer.write(ASK)
            answer = await reader.read()
            came = b"".join(here.server.came)
            half = len(ASK) // 2
            expected = {
                "head came": (b"", b""),
                "body came": (b"", b""),
                "half passed on": (ASK[:half], b""),
                "all passed on": (ASK, b""),
                "answer began": (ASK, ANSWER[:12]),
                "answer nearly whole": (ASK, ANSWER[:-1]),
            }[step]
            if step == "half passed on":
                await until(lambda: here.server.came)
                came = b"".join(here.server.came)
            assert (came, answer) == expected
            assert planned.struck == 1
            writer.close()
            reader, writer = await here.dial()
            here.server.came.clear()
            writer.write(ASK)
            assert await reader.readexactly(len(ANSWER)) == ANSWER, "only one"
            writer.close()

    run(main())


def test_a_server_that_is_not_there_resets_the_client() -> None:
    async def main() -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            async with FaultProxy(reserved.getsockname()[1]) as proxy:
                reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
                writer.write(HELLO)
                with pytest.raises(ConnectionResetError):
                    await reader.readexactly(1)
                writer.close()

    run(main())
