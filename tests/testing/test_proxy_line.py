"""What one line does with its two ways; the faults themselves are in test_proxy.py."""

from __future__ import annotations

import asyncio

from tests.support.running import run, until
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import Latency, Slice, WireFault


def test_several_requests_of_one_connection_are_struck_one_by_one() -> None:
    """The second request of a kept connection is sliced, the first and the third are not."""
    ask = b"POST /api/Order/place HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(65536):
                writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        fault = WireFault(
            where="Order/*", what=Slice(1, pause_s=0.002), direction="down", times=1, after=1
        )
        async with FaultProxy(server.sockets[0].getsockname()[1], plan=[fault]) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            parts: list[int] = []
            for _ in range(3):
                writer.write(ask)
                whole, reads = b"", 0
                while len(whole) < len(answer):
                    whole += await reader.read(65536)
                    reads += 1
                assert whole == answer
                parts.append(reads)
            assert parts[0] == parts[2] == 1
            assert parts[1] > 10
            writer.close()
        server.close()

    run(main())


def test_what_was_written_before_the_end_still_arrives() -> None:
    """A client that says something and hangs up at once is heard, however late the wire is."""
    heard: list[bytes] = []

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        late = WireFault(where="*", what=Latency(0.05))
        async with FaultProxy(server.sockets[0].getsockname()[1], plan=[late]) as proxy:
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"\x16" + b"x" * 200_000)
            writer.close()
            await until(lambda: heard)
        server.close()

    run(main())
    assert len(heard[0]) == 200_001
