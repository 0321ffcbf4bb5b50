"""REST over real sockets: what is sent, what is never sent, and what each failure is called."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import authority
from tests.support.running import run, until
from tests.support.scripted import Scripted, Wire, free_port, good_tls
from topstepx.clock import ManualClock
from topstepx.errors import AnswerLost, NotSent, TopstepxError
from topstepx.net.tls import client_context
from topstepx.net.transport_http import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from topstepx.net.transport import HttpAnswer

TOKEN = "canary-token-0123456789"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
PLACE = "/api/Order/place"


async def post(
    transport: HttpTransport, path: str = PLACE, *, body: bytes = b"{}", timeout_s: float = 5.0
) -> HttpAnswer:
    return await transport.send("POST", path, headers=HEADERS, body=body, timeout_s=timeout_s)


def one_call(url: str, **options: float) -> HttpAnswer:
    async def call() -> HttpAnswer:
        transport = HttpTransport(url, body_bytes_max=int(options.get("body_bytes_max", 1 << 20)))
        try:
            return await post(transport, timeout_s=options.get("timeout_s", 5.0))
        finally:
            await transport.close()

    return run(call())


def failure_of(url: str, **options: float) -> TopstepxError:
    with pytest.raises(TopstepxError) as caught:
        one_call(url, **options)
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    assert TOKEN not in f"{error!r} {error} {vars(error)}"
    return error


def serve_all(wire: Wire) -> None:
    while True:
        wire.request()
        wire.answer()


# -- what is sent


def test_a_request_arrives_as_it_was_given() -> None:
    def script(wire: Wire) -> None:
        request = wire.request()
        assert (request.method, request.target, request.body) == ("POST", PLACE, b'{"a":1}')
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["content-type"] == "application/json"
        wire.answer(b'{"success":true}', headers={"Date": "Mon, 05 Jan 2026 15:00:00 GMT"})

    async def call() -> HttpAnswer:
        transport = HttpTransport(server.http_url + "/")
        answer = await post(transport, body=b'{"a":1}')
        await transport.close()
        return answer

    with Scripted(script) as server:
        answer = run(call())
    assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert answer.headers["date"] == "Mon, 05 Jan 2026 15:00:00 GMT"


def test_an_empty_post_still_says_its_length() -> None:
    # The real server answers 411 to a POST without a length.
    def script(wire: Wire) -> None:
        request = wire.request()
        assert request.headers["content-length"] == "0"
        wire.answer()

    async def call() -> int:
        transport = HttpTransport(server.http_url)
        answer = await post(transport, body=b"")
        await transport.close()
        return answer.status

    with Scripted(script) as server:
        assert run(call()) == 200


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "401 Unauthorized", "429 X", "503 X", "520 "]
)
def test_every_status_is_an_answer(status: str) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(b"no", status=status)

    with Scripted(script) as server:
        answer = one_call(server.http_url)
    assert (answer.status, answer.body) == (int(status[:3]), b"no")


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_redirects_are_answers_and_never_followed(status: str) -> None:
    with Scripted(serve_all) as elsewhere:

        def script(wire: Wire) -> None:
            wire.request()
            wire.answer(b"", status=status, headers={"Location": elsewhere.http_url + PLACE})

        with Scripted(script) as server:
            answer = one_call(server.http_url)
        assert answer.status == int(status[:3])
        assert not elsewhere.connections


def test_cookies_are_not_kept() -> None:
    seen: list[str | None] = []

    def script(wire: Wire) -> None:
        for _ in range(2):
            seen.append(wire.request().headers.get("cookie"))
            wire.answer(headers={"Set-Cookie": "a=b"})

    async def call() -> None:
        transport = HttpTransport(server.http_url)
        await post(transport)
        await post(transport)
        await transport.close()

    with Scripted(script) as server:
        run(call())
    assert seen == [None, None]


def test_proxies_and_netrc_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    with Scripted(serve_all) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.http_url)
        monkeypatch.setenv("NETRC", str(netrc))

        def script(wire: Wire) -> None:
            request = wire.request()
            assert request.headers.get("authorization") is None
            wire.answer()

        async def call() -> int:
            transport = HttpTransport(server.http_url)
            answer = await transport.send(
                "GET", "/api/Status/ping", headers={}, body=b"", timeout_s=5
            )
            await transport.close()
            return answer.status

        with Scripted(script) as server:
            assert run(call()) == 200
        assert not proxy.connections


# -- one host only


@pytest.mark.parametrize("path", ["@127.0.0.1:1/x", "api/x", "/a b\n", "/ü", ""])
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    async def call() -> None:
        transport = HttpTransport(server.http_url)
        with pytest.raises(NotSent):
            await post(transport, path)
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())
        assert not server.connections


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer x\r\nX-Evil: 1"}, {"Host": "elsewhere"}, {"A\n": "b"}, {"A": "ü"}],
)
def test_a_header_that_could_smuggle_is_refused(headers: dict[str, str]) -> None:
    async def call() -> None:
        transport = HttpTransport(server.http_url)
        with pytest.raises(NotSent) as caught:
            await transport.send("POST", PLACE, headers=headers, body=b"", timeout_s=5)
        assert "Evil" not in str(caught.value)
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())
        assert not server.connections


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("@127.0.0.1:1/x", HEADERS),
        (PLACE, {**HEADERS, "Authorization": "Bearer x\r\nX-Evil: 1"}),
        (PLACE, {**HEADERS, "Host": "elsewhere"}),
    ],
)
def test_what_was_checked_before_vouches_for_nothing_else(
    path: str, headers: dict[str, str]
) -> None:
    async def call() -> None:
        transport = HttpTransport(server.http_url)
        mine = dict(HEADERS)
        for _ in range(2):
            await transport.send("POST", PLACE, headers=mine, body=b"", timeout_s=5)
        mine.clear()
        mine.update(headers)  # the very object that was checked, with other words
        with pytest.raises(NotSent):
            await transport.send("POST", path, headers=mine, body=b"", timeout_s=5)
        await transport.close()

    requests: list[str] = []

    def script(wire: Wire) -> None:
        while True:
            requests.append(wire.request().target)
            wire.answer()

    with Scripted(script) as server:
        run(call())
    assert requests == [PLACE, PLACE]


# -- what never arrived


def test_nobody_listens() -> None:
    port = free_port()
    error = failure_of(f"http://127.0.0.1:{port}")
    assert isinstance(error, NotSent)
    assert error.lasting
    assert str(error).startswith(f"Nothing listens on http://127.0.0.1:{port}. Is `topstepx sim`")
    assert error.did_it_happen == "no"


def test_a_name_that_is_not_known() -> None:
    assert isinstance(failure_of("http://no-such-host.invalid"), NotSent)


@contextmanager
def swallowing() -> Iterator[str]:
    """A listener with a full backlog, which answers no further SYN, as a firewall does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        yield f"http://127.0.0.1:{full.getsockname()[1]}"
        for one in waiting:
            one.close()


def test_a_host_that_swallows_packets_is_given_up_in_time() -> None:
    with swallowing() as url:
        started = time.monotonic()
        error = failure_of(url, timeout_s=0.4)
        took_s = time.monotonic() - started
    assert isinstance(error, NotSent)
    assert took_s < 4.0, "the time that connecting may take by itself"


def test_nothing_leaves_after_its_deadline_however_long_connecting_takes() -> None:
    async def call(url: str) -> TopstepxError:
        transport = HttpTransport(url, connect_timeout_s=12.0)
        with pytest.raises(NotSent) as refused:
            await transport.send(
                "POST", PLACE, headers=HEADERS, body=b"", timeout_s=20, leave_within_s=0.2
            )
        await transport.close()
        return refused.value

    with swallowing() as url:
        started = time.monotonic()
        assert run(call(url)).did_it_happen == "no"
        assert time.monotonic() - started < 12.0


def test_a_closed_transport_sends_nothing() -> None:
    async def call() -> None:
        transport = HttpTransport(server.http_url)
        await post(transport)
        await transport.close()
        await transport.close()
        with pytest.raises(NotSent):
            await post(transport)

    with Scripted(serve_all) as server:
        run(call())
        assert len(server.connections) == 1


# -- what may have arrived


def reset_after_body(wire: Wire) -> None:
    wire.request()
    wire.reset()


def end_before_headers(wire: Wire) -> None:
    wire.request()


def end_in_headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def end_in_body(wire: Wire) -> None:
    wire.request()
    wire.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"orderId":')


def end_in_chunk(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{")


def not_http(wire: Wire) -> None:
    wire.request()
    wire.send(b"\x15\x03\x01 hello\r\n\r\n")


def endless_headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n")


def bad_gzip(wire: Wire) -> None:
    wire.request()
    wire.answer(b"this is no gzip", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    "script",
    [
        reset_after_body,
        end_before_headers,
        end_in_headers,
        end_in_body,
        end_in_chunk,
        not_http,
        endless_headers,
        bad_gzip,
    ],
)
def test_a_broken_answer_is_lost_and_sent_once(script: Callable[[Wire], None]) -> None:
    with Scripted(script) as server:
        error = failure_of(server.http_url)
        assert isinstance(error, AnswerLost)
        assert error.did_it_happen == "unknown"
    assert server.arrived.count(b"POST ") == 1


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
def test_silence_is_a_lost_answer_in_time(sent: bytes) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(sent)
        wire.wait_for_end()

    with Scripted(script) as server:
        started = time.monotonic()
        assert isinstance(failure_of(server.http_url, timeout_s=0.3), AnswerLost)
        assert time.monotonic() - started < 10.0


def test_a_cancelled_call_closes_its_connection() -> None:
    ended: list[bool] = []

    def script(wire: Wire) -> None:
        wire.request()
        wire.wait_for_end()
        ended.append(True)

    async def call() -> None:
        transport = HttpTransport(server.http_url)
        calling = asyncio.create_task(post(transport))
        await until(lambda: server.arrived.endswith(b"{}"))
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await until(lambda: ended)
        await transport.close()

    with Scripted(script) as server:
        run(call())


# -- bounds


def test_an_oversized_body_is_refused() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(b"x" * 3_000_000)

    with Scripted(script) as server:
        error = failure_of(server.http_url, body_bytes_max=1_000_000)
    assert isinstance(error, AnswerLost)
    assert "1000000 bytes" in str(error)


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(b"x" * 100_000)

    with Scripted(script) as server:
        assert len(one_call(server.http_url, body_bytes_max=100_000).body) == 100_000


def test_a_compressed_answer_is_read() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(gzip.compress(b'{"bars":[]}'), headers={"Content-Encoding": "gzip"})

    with Scripted(script) as server:
        assert one_call(server.http_url).body == b'{"bars":[]}'


def test_a_gzip_bomb_goes_off_outside() -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    bomb = gzip.compress(bytes(200_000_000), compresslevel=9) if len(bomb) > 5_000_000 else bomb

    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(bomb, headers={"Content-Encoding": "gzip"})

    tracemalloc.start()
    try:
        with Scripted(script) as server:
            error = failure_of(server.http_url, body_bytes_max=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, AnswerLost)
    assert peak < 30_000_000


# -- keep-alive


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("is_seen", [True, False], ids=["seen", "unseen"])
@pytest.mark.parametrize("how", ["forged", "end"])
def test_what_comes_on_an_idle_connection_is_nobodys_answer(
    how: str, is_seen: bool, tls: bool
) -> None:
    # Taken for the next order's answer it would be an order that does not exist.
    answered, done = threading.Event(), threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(b"mine")
        if len(server.connections) > 1:
            return
        answered.wait(5)
        if how == "forged":
            wire.send(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"orderId":1}')
        else:
            wire.socket.shutdown(socket.SHUT_RDWR)
        done.set()
        wire.wait_for_end()

    async def call() -> None:
        context = client_context(str(authority().ca_file)) if tls else None
        transport = HttpTransport(server.http_url, tls=context)
        assert (await post(transport)).body == b"mine"
        answered.set()
        if is_seen:
            await asyncio.to_thread(done.wait, 5)
            await asyncio.sleep(0.05)
        else:
            done.wait(5)  # blocks the loop
            threading.Event().wait(0.05)
        assert (await post(transport)).body == b"mine"
        await transport.close()

    with Scripted(script, good_tls() if tls else None) as server:
        run(call())
        assert len(server.connections) == 2


def test_connections_are_kept_and_used_again() -> None:
    async def call() -> None:
        transport = HttpTransport(server.http_url)
        for _ in range(3):
            await post(transport)
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())
        assert len(server.connections) == 1


@pytest.mark.parametrize(("idle_s", "connections"), [(14.9, 1), (15.1, 2)])
def test_an_idle_connection_is_used_for_fifteen_seconds(idle_s: float, connections: int) -> None:
    async def call() -> None:
        clock = ManualClock()
        transport = HttpTransport(server.http_url, clock=clock)
        await post(transport)
        clock.advance(idle_s)  # as a closed laptop passes the time: the loop's clock stands still
        await post(transport)
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())
        assert len(server.connections) == connections


def test_the_idle_time_counts_from_the_answer_and_spares_calls_under_way() -> None:
    released: list[bool] = []

    def script(wire: Wire) -> None:
        request = wire.request()
        while request.target == "/slow" and not released:
            time.sleep(0.005)
        wire.answer()

    async def call() -> None:
        clock = ManualClock()
        transport = HttpTransport(server.http_url, clock=clock)
        slow = asyncio.create_task(post(transport, "/slow"))
        await until(lambda: b"/slow" in server.arrived)
        clock.advance(60)
        await post(transport, "/quick")
        released.append(True)
        assert (await slow).status == 200
        await transport.close()

    with Scripted(script) as server:
        run(call())


def test_aiohttp_itself_drops_what_was_idle_for_fifteen_seconds() -> None:
    async def call() -> None:
        transport = HttpTransport(server.http_url)
        await post(transport)
        session = transport._session
        assert session is not None
        assert session.connector is not None
        assert session.connector._keepalive_timeout == 15.0
        await transport.close()

    with Scripted(serve_all) as server:
        run(call())


def test_a_post_into_a_dying_connection_is_never_repeated() -> None:
    # The server closes just as we write: it may or may not have read the request.
    closed = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.answer()
        if len(server.connections) == 1:
            wire.reset()
            closed.set()

    async def call() -> None:
        transport = HttpTransport(server.http_url)
        await post(transport)
        closed.wait(5)  # blocks the loop, so that the client cannot have noticed
        await post(transport)  # the system knew, and is asked first: over a new connection
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert len(server.connections) == 2
        assert server.arrived.count(b"POST ") == 2


def test_a_post_read_but_not_answered_on_a_kept_connection_is_never_repeated() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer()
        wire.request()

    async def call() -> None:
        transport = HttpTransport(server.http_url)
        await post(transport)
        with pytest.raises(AnswerLost):
            await post(transport)
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert server.arrived.count(b"POST ") == 2
        assert len(server.connections) == 1


def test_a_connection_closed_while_idle_is_replaced() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer()

    async def call() -> None:
        transport = HttpTransport(server.http_url)
        for _ in range(3):
            await post(transport)
            await asyncio.sleep(0.05)
        await transport.close()

    with Scripted(script) as server:
        run(call())
        assert len(server.connections) == 3


def test_closing_does_not_wait_for_a_silent_peer_behind_tls() -> None:
    done = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        done.wait(10)  # answers nothing, not even the goodbye of TLS

    async def call() -> None:
        transport = HttpTransport(server.http_url, tls=client_context(str(authority().ca_file)))
        with pytest.raises(AnswerLost):
            await post(transport, timeout_s=0.2)
        await transport.close()
        assert all(one.fileno() < 0 for one in transport._sockets._made)
        done.set()

    with Scripted(script, good_tls()) as server:
        run(call())
