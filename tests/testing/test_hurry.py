from __future__ import annotations

import asyncio
import time

import pytest

from topstepx.errors import InvalidRequest
from topstepx.testing.hurry import hurried, run_hurried
from topstepx.testing.loop import LoopClock


def test_waiting_is_compressed_and_clocks_agree() -> None:
    async def main() -> float:
        loop, clock = asyncio.get_running_loop(), LoopClock(boot_ns=0)
        apart_s = [loop.time(), clock.monotonic_ns() / 1e9, loop.time()]
        assert apart_s == sorted(apart_s), "the clock is the loop's"
        began_s = loop.time()
        await asyncio.sleep(5.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.0):
                await asyncio.Event().wait()
        apart_s = [loop.time(), clock.monotonic_ns() / 1e9, loop.time()]
        assert apart_s == sorted(apart_s), "and stays so"
        return loop.time() - began_s

    real = time.monotonic()
    took = run_hurried(main(), speed=100)
    real = time.monotonic() - real
    assert took >= 10.0
    assert 0.1 <= real < 5.0


def test_what_the_loop_works_counts_once() -> None:
    """Or a machine that stands still for two seconds would be a dead link of half a minute."""

    async def main() -> float:
        began = asyncio.get_running_loop().time()
        time.sleep(0.2)  # noqa: ASYNC251  the loop works
        return asyncio.get_running_loop().time() - began

    assert 0.2 <= run_hurried(main(), speed=1000) < 100


def test_sockets_and_threads_are_real() -> None:
    @hurried(speed=50)
    async def body() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(2))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hi")
        assert await reader.read() == b"hi"
        writer.close()
        server.close()
        assert await asyncio.to_thread(lambda: 7) == 7

    body()


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e6, float("nan")])
def test_a_speed_that_cannot_be_meant_is_refused(speed: float) -> None:
    with pytest.raises(InvalidRequest):
        run_hurried(asyncio.sleep(0), speed=speed)
