"""Dialling: one socket at a time, in time, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.running import run
from tests.support.scripted import Scripted, Wire, free_port
from topstepx.net.transport_dial import dial, hang_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def idle(wire: Wire) -> None:
    wire.wait_for_end()


def test_a_connected_socket_that_does_not_block() -> None:
    async def main() -> None:
        connected = await dial("127.0.0.1", server.port, timeout_s=5)
        assert connected.getpeername() == ("127.0.0.1", server.port)
        assert not connected.getblocking()
        connected.close()

    with Scripted(idle) as server:
        run(main())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1"])
def test_what_cannot_be_reached_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        run(dial(host, free_port(), timeout_s=5))
    assert not isinstance(caught.value, TimeoutError)


class Resolving(asyncio.SelectorEventLoop):
    """A real loop that resolves every name to the addresses of the test."""

    addresses: tuple[tuple[str, int], ...] = ()

    async def getaddrinfo(self, *_: object, **__: object) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", one)
            for one in self.addresses
        ]


@contextlib.contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that swallows every SYN: its backlog is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield full.getsockname()


def resolving(*addresses: tuple[str, int]) -> Callable[[], Resolving]:
    def make() -> Resolving:
        loop = Resolving()
        loop.addresses = addresses
        return loop

    return make


def test_the_next_address_is_tried_when_one_refuses_or_swallows() -> None:
    async def main() -> None:
        connected = await dial("any", 0, timeout_s=2.0)
        assert connected.getpeername() == ("127.0.0.1", server.port)
        connected.close()

    with black_hole() as hole, Scripted(idle) as server:
        make = resolving(("127.0.0.1", free_port()), hole, ("127.0.0.1", server.port))
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(main())


def test_the_time_is_shared_and_kept() -> None:
    with black_hole() as hole, asyncio.Runner(loop_factory=resolving(*[hole] * 20)) as runner:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            runner.run(dial("any", 0, timeout_s=0.3))
        assert time.monotonic() - started < 20 * 0.3


def test_a_name_without_addresses_is_an_os_error() -> None:
    with asyncio.Runner(loop_factory=resolving()) as runner, pytest.raises(ConnectionError):
        runner.run(dial("any", 0, timeout_s=1))


def test_cancelling_leaves_no_socket() -> None:
    async def main() -> None:
        dialling = asyncio.create_task(dial("127.0.0.1", hole[1], timeout_s=30))
        await asyncio.sleep(0.05)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling

    with black_hole() as hole:
        run(main())


def test_hanging_up_ends_a_connection_and_forgives_a_closed_one() -> None:
    async def main() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        connected = writer.get_extra_info("socket")
        hang_up([connected])
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        hang_up([connected])

    with Scripted(idle) as server:
        run(main())
