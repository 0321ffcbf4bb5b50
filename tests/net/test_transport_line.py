"""Lines of our own: what only they have to get right. The rules of every REST transport are in
`test_transport_http`."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support.certificates import authority
from tests.support.running import run, until
from tests.support.scripted import Scripted, Wire, good_tls
from topstepx.clock import ManualClock
from topstepx.errors import AnswerLost, NotSent
from topstepx.net.tls import client_context
from topstepx.net.transport_line import LineTransport

PLACE = "/api/Order/place"


async def post(transport: LineTransport, path: str = PLACE) -> bytes:
    answer = await transport.send("POST", path, headers={}, body=b"{}", timeout_s=5)
    return answer.body


def serve_all(wire: Wire) -> None:
    while True:
        wire.request()
        wire.answer()


def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_one() -> None:
    # Whoever read it as the next order's would believe in an order that does not exist.
    forged = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"orderId":1}'
    late = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        if len(server.connections) == 1:  # behind the answer, in the same breath
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + forged)
            wire.wait_for_end()
            return
        wire.answer(b"{}")
        if len(server.connections) == 2:  # a moment later, on an idle connection
            wire.send(forged)
            late.set()
            wire.wait_for_end()

    async def call() -> None:
        transport = LineTransport(server.http_url)
        assert await post(transport) == b"{}"
        assert await post(transport) == b"{}"
        await asyncio.to_thread(late.wait, 5)
        await until(lambda: not any(line.is_open for line in transport._idle))
        assert await post(transport) == b"{}"
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert len(server.connections) == 3


def test_calls_at_once_have_a_line_each_and_never_each_others_answers() -> None:
    def script(wire: Wire) -> None:
        while True:
            wire.answer(wire.request().target.encode())

    async def call() -> None:
        transport = LineTransport(server.http_url)
        for _ in range(3):
            paths = [f"/api/{number}" for number in range(8)]
            answers = await asyncio.gather(*(post(transport, path) for path in paths))
            assert answers == [path.encode() for path in paths]
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert len(server.connections) == 8


def test_a_line_whose_answer_was_lost_is_not_used_again() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        if len(server.connections) == 1:
            wire.wait_for_end()
            return
        wire.answer(b"second")

    async def call() -> None:
        transport = LineTransport(server.http_url)
        with pytest.raises(AnswerLost, match=r"no whole answer within 0\.1 s"):
            await transport.send("POST", PLACE, headers={}, body=b"{}", timeout_s=0.1)
        assert await post(transport) == b"second"
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert len(server.connections) == 2


def test_what_is_idle_is_closed_also_when_nobody_calls_again() -> None:
    async def call() -> None:
        clock = ManualClock()
        transport = LineTransport(server.http_url, clock=clock)
        await asyncio.gather(post(transport), post(transport))
        assert len(transport._idle) == 2
        assert transport._sweeping is not None
        transport._sweep()
        assert len(transport._idle) == 2
        clock.advance(15)
        transport._sweep()
        assert not transport._idle
        assert all(not line.is_open for line in transport._busy)
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())


def test_closing_ends_calls_under_way_as_lost() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n{")  # its end would be the end of the connection
        wire.wait_for_end()

    async def call() -> None:
        transport = LineTransport(server.http_url)
        calling = asyncio.create_task(post(transport))
        await until(lambda: server.arrived.endswith(b"{}"))
        await asyncio.sleep(0.02)
        await transport.close()
        with pytest.raises(AnswerLost):
            await calling
        assert all(one.fileno() < 0 for one in transport._sockets._made)

    with Scripted(script) as server:
        run(call())


@pytest.mark.parametrize("path", ["/api/a b", "/api/a HTTP/1.1", "/api/a#b"])
def test_a_path_that_would_split_the_request_line_is_refused(path: str) -> None:
    async def call() -> None:
        transport = LineTransport(server.http_url)
        with pytest.raises(NotSent):
            await post(transport, path)
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())
        assert not server.connections


def test_the_host_and_a_path_of_the_address_are_sent() -> None:
    seen: list[tuple[str, str | None]] = []

    def script(wire: Wire) -> None:
        request = wire.request()
        seen.append((request.target, request.headers.get("host")))
        wire.answer()

    async def call() -> None:
        transport = LineTransport(f"{server.http_url}/behind/")
        await post(transport)
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert seen == [(f"/behind{PLACE}", server.http_url.removeprefix("http://"))]


def test_a_handshake_that_hangs_is_given_up_and_leaves_no_socket() -> None:
    done = threading.Event()

    def script(wire: Wire) -> None:
        done.wait(10)  # takes the connection and says nothing

    async def call() -> None:
        transport = LineTransport(
            server.http_url.replace("http:", "https:"),
            tls=client_context(str(authority().ca_file)),
            connect_timeout_s=0.2,
        )
        with pytest.raises(NotSent) as caught:
            await post(transport)
        assert caught.value.did_it_happen == "no"
        await transport.close()
        assert all(one.fileno() < 0 for one in transport._sockets._made)
        done.set()

    with Scripted(script) as server:
        run(call())


def test_behind_tls_lines_are_kept_too() -> None:
    async def call() -> None:
        transport = LineTransport(server.http_url, tls=client_context(str(authority().ca_file)))
        for _ in range(3):
            await post(transport)
        await transport.close()

    with Scripted(serve_all, good_tls()) as server:
        run(call())
        assert len(server.connections) == 1
