"""Both hub transports against the same scripts on real sockets: one port, one behaviour."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from picows.url import parse_url

from tests.support import websocket as ws
from tests.support.running import run, until
from tests.support.scripted import Scripted, Wire, free_port
from topstepx.errors import NotSent, TopstepxError, UpgradeRefused
from topstepx.net.transport_hub import PicowsTransport
from topstepx.net.transport_hub_fallback import AiohttpHubTransport
from topstepx.net.transport_hub_frames import CLOSE_GRACE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from topstepx.net.transport import HubSocket

TOKEN = "canary-token-0123456789"
MIB = 1024 * 1024
Made = type[PicowsTransport] | type[AiohttpHubTransport]


@pytest.fixture(params=[PicowsTransport, AiohttpHubTransport], ids=["picows", "aiohttp"])
def made(request: pytest.FixtureRequest) -> Made:
    kind: Made = request.param
    return kind


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.reasons: list[str] = []

    @property
    def whole(self) -> bytes:
        return b"".join(self.heard)

    def data(self, payload: bytes) -> None:
        assert not self.reasons, "data after closed"
        self.heard.append(payload)

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)


class Opened:
    def __init__(self, socket: HubSocket, ear: Ear) -> None:
        self.socket, self.ear = socket, ear

    async def ended(self) -> str:
        await until(lambda: self.ear.reasons)
        await asyncio.sleep(0.02)
        assert len(self.ear.reasons) == 1
        return self.ear.reasons[0]


@asynccontextmanager
async def opened(
    made: Made, url: str, ear: Ear | None = None, *, cap: int = 16 * MIB
) -> AsyncIterator[Opened]:
    transport = made(url, message_bytes_max=cap)
    ear = ear or Ear()
    try:
        socket = await transport.open(
            "user",
            headers={"Authorization": f"Bearer {TOKEN}"},
            query={},
            listener=ear,
            timeout_s=5,
        )
        yield Opened(socket, ear)
    finally:
        await transport.close()
    assert len(ear.reasons) == 1, "each socket that opened ends exactly once"


def failure_of(
    made: Made, url: str, *, timeout_s: float = 5.0, query: dict[str, str] | None = None
) -> TopstepxError:
    async def attempt() -> TopstepxError:
        transport, ear = made(url), Ear()
        with pytest.raises(TopstepxError) as caught:
            await transport.open(
                "market",
                headers={"Authorization": f"Bearer {TOKEN}"},
                query=query or {},
                listener=ear,
                timeout_s=timeout_s,
            )
        await transport.close()
        assert not ear.heard
        assert not ear.reasons, "a socket that never opened is not closed either"
        return caught.value

    error = run(attempt())
    assert error.did_it_happen == "no"
    assert error.__context__ is None
    assert error.__cause__ is None
    assert TOKEN not in f"{error!r} {error} {vars(error)}"
    return error


# -- opening


def test_the_header_arrives(made: Made) -> None:
    def script(wire: Wire) -> None:
        request = ws.upgrade(wire)
        assert request.target == "/hubs/user"
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert request.headers["host"] == f"127.0.0.1:{server.port}"
        assert "sec-websocket-extensions" not in request.headers
        ws.serve_until_close(wire)

    async def main() -> None:
        async with opened(made, server.hub_url + "/"):
            pass

    with Scripted(script) as server:
        run(main())


def test_the_query_arrives_encoded(made: Made) -> None:
    token = "a+b/c=&d é"
    seen: list[str] = []

    def script(wire: Wire) -> None:
        seen.append(ws.upgrade(wire).target)
        ws.serve_until_close(wire)

    async def main() -> None:
        transport = made(server.hub_url)
        await transport.open(
            "market", headers={}, query={"access_token": token}, listener=Ear(), timeout_s=5
        )
        await transport.close()

    with Scripted(script) as server:
        run(main())
    address = urlsplit(seen[0])
    assert address.path == "/hubs/market"
    assert parse_qs(address.query) == {"access_token": [token]}


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 429, 500, 503, 520])
def test_a_refused_upgrade_says_its_status(made: Made, status: int) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.answer(b"" if status == 204 else b"no", status=f"{status} Some Phrase")

    with Scripted(script) as server:
        error = failure_of(made, server.hub_url, query={"access_token": TOKEN})
    assert isinstance(error, UpgradeRefused)
    assert (error.hub, error.status) == ("market", status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["elsewhere", "here"])
def test_a_redirect_is_refused_and_not_followed(made: Made, status: int, place: str) -> None:
    def never(wire: Wire) -> None:
        ws.upgrade(wire)

    with Scripted(never) as elsewhere:

        def script(wire: Wire) -> None:
            wire.request()
            target = elsewhere.http_url if place == "elsewhere" else server.http_url
            wire.answer(b"", status=f"{status} X", headers={"Location": f"{target}/hubs/market"})

        with Scripted(script) as server:
            error = failure_of(made, server.hub_url)
        assert isinstance(error, UpgradeRefused)
        assert error.status == status
        assert len(server.connections) == 1
        assert not elsewhere.connections


def wrong_accept(wire: Wire) -> None:
    wire.request()
    wire.send(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAA\r\n\r\n"
    )


def gone_without_a_word(wire: Wire) -> None:
    wire.request()


def gone_in_the_middle(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 101 Swit")


def reset_at_once(wire: Wire) -> None:
    wire.request()
    wire.reset()


def not_http(wire: Wire) -> None:
    wire.request()
    wire.send(b"\x15\x03\x01 hello\r\n\r\n")


def endless_headers(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 101 X\r\n" + b"X: y\r\n" * 100_000)


@pytest.mark.parametrize(
    "script",
    [
        wrong_accept,
        gone_without_a_word,
        gone_in_the_middle,
        reset_at_once,
        not_http,
        endless_headers,
    ],
)
def test_an_upgrade_that_fails_is_not_sent(made: Made, script: Callable[[Wire], None]) -> None:
    with Scripted(script) as server:
        error = failure_of(made, server.hub_url)
    assert isinstance(error, NotSent)
    assert not isinstance(error, UpgradeRefused)


def test_nobody_listens(made: Made) -> None:
    assert isinstance(failure_of(made, f"ws://127.0.0.1:{free_port()}"), NotSent)


def test_a_name_that_is_not_known(made: Made) -> None:
    assert isinstance(failure_of(made, "ws://no-such-host.invalid"), NotSent)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Swi"])
def test_silence_is_given_up_in_time_and_the_socket_let_go(made: Made, answer: bytes) -> None:
    ended = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(answer)
        wire.wait_for_end()
        ended.set()

    with Scripted(script) as server:
        started = time.monotonic()
        assert isinstance(failure_of(made, server.hub_url, timeout_s=0.3), NotSent)
        assert ended.wait(10), "the connection was left open"
        assert time.monotonic() - started < 10.0


def test_a_cancelled_open_lets_the_socket_go(made: Made) -> None:
    ended = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.wait_for_end()
        ended.set()

    async def main() -> None:
        transport, ear = made(server.hub_url), Ear()
        opening = asyncio.create_task(
            transport.open("user", headers={}, query={}, listener=ear, timeout_s=30)
        )
        await until(lambda: server.arrived.endswith(b"\r\n\r\n"))
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await until(ended.is_set)
        assert not ear.reasons
        await transport.close()

    with Scripted(script) as server:
        run(main())


def test_proxies_of_the_environment_are_ignored(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.serve_until_close(wire)

    async def main() -> None:
        async with opened(made, server.hub_url):
            pass

    with Scripted(script) as proxy, Scripted(script) as server:
        for name in ("HTTP_PROXY", "http_proxy", "WS_PROXY", "ws_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.http_url)
        run(main())
        assert not proxy.connections


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x\r\nX-Evil: 1"}, {"host": "x"}])
def test_a_header_that_could_smuggle_is_refused(made: Made, headers: dict[str, str]) -> None:
    async def main() -> None:
        transport = made(server.hub_url)
        with pytest.raises(NotSent):
            await transport.open("user", headers=headers, query={}, listener=Ear(), timeout_s=5)
        await transport.close()

    with Scripted(lambda wire: wire.wait_for_end()) as server:
        run(main())
        assert not server.connections


def test_a_closed_transport_opens_nothing(made: Made) -> None:
    async def main() -> None:
        transport = made(server.hub_url)
        await transport.close()
        await transport.close()
        with pytest.raises(NotSent):
            await transport.open("user", headers={}, query={}, listener=Ear(), timeout_s=5)

    with Scripted(lambda wire: wire.wait_for_end()) as server:
        run(main())
        assert not server.connections


# -- receiving


def serving(*parts: bytes) -> Callable[[Wire], None]:
    """Opens, waits for a first message, sends the parts, then waits for the end."""

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        for part in parts:
            wire.send(part)
        ws.serve_until_close(wire)

    return script


def heard_from(made: Made, *parts: bytes, size: int, cap: int = 16 * MIB) -> bytes:
    """What was heard, in one piece: messages that come together may be told together."""

    async def main() -> bytes:
        async with opened(made, server.hub_url, cap=cap) as hub:
            hub.socket.send(b"go")
            await until(lambda: hub.ear.heard and len(hub.ear.whole) >= size)
            return hub.ear.whole

    with Scripted(serving(*parts)) as server:
        return run(main())


@pytest.mark.parametrize("opcode", [ws.TEXT, ws.BINARY])
def test_messages_arrive_in_order(made: Made, opcode: int) -> None:
    messages = [f"é {number}".encode() for number in range(500)]
    sent = b"".join(ws.frame(message, opcode) for message in messages)
    whole = b"".join(messages)
    assert heard_from(made, sent, size=len(whole)) == whole


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 300_000, MIB, 12 * MIB])
def test_messages_of_every_size_arrive(made: Made, size: int) -> None:
    payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    assert heard_from(made, ws.frame(payload), size=size) == payload


def test_a_message_of_exactly_the_limit_arrives(made: Made) -> None:
    assert heard_from(made, ws.frame(b"x" * 1000), size=1000, cap=1000) == b"x" * 1000
    halves = ws.frame(b"x" * 500, fin=False) + ws.frame(b"y" * 500, ws.CONTINUATION)
    assert heard_from(made, halves, size=1000, cap=1000) == b"x" * 500 + b"y" * 500


def test_fragments_are_joined_around_control_frames(made: Made) -> None:
    pongs: list[ws.Frame] = []

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        wire.send(ws.frame(b"one ", fin=False))
        wire.send(ws.frame(b"first", ws.PING))
        wire.send(ws.frame(b"", ws.CONTINUATION, fin=False))
        wire.send(ws.frame(b"two ", ws.CONTINUATION, fin=False))
        wire.send(ws.frame(b"", ws.PONG) + ws.frame(b"second", ws.PING))
        wire.send(ws.frame(b"three", ws.CONTINUATION) + ws.frame(b"next"))
        pongs.extend(ws.read_frame(wire) for _ in range(2))
        ws.serve_until_close(wire)

    async def main() -> list[bytes]:
        async with opened(made, server.hub_url) as hub:
            hub.socket.send(b"go")
            await until(lambda: len(hub.ear.heard) == 2 and len(pongs) == 2)
            return hub.ear.heard

    with Scripted(script) as server:
        assert run(main()) == [b"one two three", b"next"]
    assert pongs == [ws.Frame(ws.PONG, b"first"), ws.Frame(ws.PONG, b"second")]


def test_a_ping_of_any_size_is_answered_with_its_payload(made: Made) -> None:
    payloads = [b"", b"x", bytes(range(125))]
    answers: list[ws.Frame] = []

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        for payload in payloads:
            wire.send(ws.frame(payload, ws.PING))
            answers.append(ws.read_frame(wire))
        ws.serve_until_close(wire)

    async def main() -> None:
        async with opened(made, server.hub_url):
            await until(lambda: len(answers) == len(payloads))

    with Scripted(script) as server:
        run(main())
    assert answers == [ws.Frame(ws.PONG, payload) for payload in payloads]


def test_what_comes_with_the_upgrade_answer_waits_for_the_owner(made: Made) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire, then=ws.frame(b"early") + ws.frame(b"bird"))
        ws.serve_until_close(wire)

    async def main() -> None:
        transport, ear = made(server.hub_url), Ear()
        await transport.open("user", headers={}, query={}, listener=ear, timeout_s=5)
        assert not ear.heard, "nothing may be heard before the socket is in hand"
        await until(lambda: ear.whole == b"earlybird")
        await transport.close()

    with Scripted(script) as server:
        run(main())


# -- sending


def test_messages_are_sent_as_masked_text(made: Made) -> None:
    messages = [b"{}\x1e", b"x" * 200, b"y" * 70_000]
    got: list[ws.Frame] = []

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        got.extend(ws.read_frame(wire) for _ in messages)
        ws.serve_until_close(wire)

    async def main() -> None:
        async with opened(made, server.hub_url) as hub:
            for message in messages:
                hub.socket.send(message)
            await until(lambda: len(got) == len(messages))

    with Scripted(script) as server:
        run(main())
    assert got == [ws.Frame(ws.TEXT, message) for message in messages]


def test_a_gateway_that_takes_nothing_is_given_up(made: Made) -> None:
    done = threading.Event()

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        done.wait(10)  # reads nothing

    async def main() -> str:
        async with opened(made, server.hub_url) as hub:
            for _ in range(3000):
                hub.socket.send(b"x" * 65_536)
                await asyncio.sleep(0)
                if hub.ear.reasons:
                    break
            try:
                return await hub.ended()
            finally:
                done.set()

    with Scripted(script) as server:
        assert run(main()) == "the gateway takes nothing any more"


# -- the end


def ending_of(made: Made, *parts: bytes, cap: int = 16 * MIB) -> tuple[str, list[bytes], int]:
    """Why the socket ended, what was heard before, and the code of our own CLOSE."""
    codes: list[int] = []

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        for part in parts:
            wire.send(part)
        codes.append(ws.close_code(ws.read_frame(wire)))

    async def main() -> tuple[str, list[bytes]]:
        async with opened(made, server.hub_url, cap=cap) as hub:
            hub.socket.send(b"go")
            reason = await hub.ended()
            hub.socket.send(b"too late")
            hub.socket.close()
            return reason, hub.ear.heard

    with Scripted(script) as server:
        reason, heard = run(main())
    return reason, heard, codes[0]


def test_a_close_of_the_gateway_is_answered_and_told_once(made: Made) -> None:
    reason, heard, code = ending_of(made, ws.frame(b"last") + ws.close_frame(1001, "bye\x07"))
    assert reason == "closed by the gateway (code 1001: bye)"
    assert heard == [b"last"]
    assert code in {1000, 1001}


def test_a_private_close_code_is_told(made: Made) -> None:
    assert ending_of(made, ws.close_frame(4321))[0] == "closed by the gateway (code 4321)"


def test_nothing_is_heard_after_the_close(made: Made) -> None:
    _, heard, _ = ending_of(made, ws.close_frame(1000) + ws.frame(b"zombie") * 3)
    assert heard == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (ws.frame(b"x" * 1001), 1009),
        (ws.frame(b"x" * 600, fin=False) + ws.frame(b"y" * 600, ws.CONTINUATION), 1009),
        (ws.frame(b"x", ws.CONTINUATION), 1002),
        (ws.frame(b"x", fin=False) + ws.frame(b"y", ws.TEXT), 1002),
        (ws.frame(b"x", reserved=4), 1002),
        (ws.frame(b"x", opcode=5), 1002),
        (ws.frame(b"x" * 126, ws.PING), 1002),
        (ws.frame(b"x", ws.PING, fin=False), 1002),
    ],
    ids=[
        "too large",
        "too large in parts",
        "continuation of nothing",
        "new message inside another",
        "reserved bits",
        "unknown opcode",
        "large ping",
        "ping in parts",
    ],
)
def test_a_broken_rule_ends_the_socket_with_a_reason(made: Made, sent: bytes, code: int) -> None:
    reason, heard, closed_with = ending_of(made, ws.frame(b"good"), sent, cap=1000)
    assert closed_with == code
    assert reason not in {"", "the connection was lost"}
    assert heard in (
        [b"good"],
        [],
    )  # picows looks one frame ahead and drops what came with a bad one


def test_a_reset_is_told_once(made: Made) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        wire.reset()

    async def main() -> None:
        async with opened(made, server.hub_url) as hub:
            hub.socket.send(b"go")
            assert await hub.ended() == "the connection was lost"

    with Scripted(script) as server:
        run(main())


@pytest.mark.parametrize("rest", [b"", ws.frame(b"half a message")[:5]])
def test_an_end_without_a_close_is_told_once(made: Made, rest: bytes) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        wire.send(rest)

    async def main() -> None:
        async with opened(made, server.hub_url) as hub:
            hub.socket.send(b"go")
            assert await hub.ended() == "the connection was lost"
            assert not hub.ear.heard

    with Scripted(script) as server:
        run(main())


def test_closing_waits_for_the_gateway_and_is_told_once(made: Made) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        assert ws.close_code(ws.read_frame(wire)) == 1000
        wire.send(ws.close_frame(1000))
        wire.wait_for_end()

    async def main() -> None:
        async with opened(made, server.hub_url) as hub:
            started = time.monotonic()
            hub.socket.close()
            hub.socket.close()
            hub.socket.send(b"too late")
            assert await hub.ended() == "closed by us"
            assert time.monotonic() - started < CLOSE_GRACE_S, "it was not forced"

    with Scripted(script) as server:
        run(main())


@pytest.mark.parametrize("manner", ["silent", "flooding"])
def test_closing_is_forced_when_the_gateway_does_not_answer(
    made: Made, manner: Literal["silent", "flooding"]
) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        if manner == "flooding":
            while True:
                wire.send(ws.frame(b"x" * 1000))
                time.sleep(0.001)
        wire.wait_for_end()

    async def main() -> None:
        async with opened(made, server.hub_url) as hub:
            hub.socket.send(b"go")
            await asyncio.sleep(0.05)
            hub.socket.close()
            before = len(hub.ear.heard)
            started = time.monotonic()
            assert await hub.ended() == "closed by us"
            assert time.monotonic() - started < 3.5
            assert len(hub.ear.heard) == before, "nothing is heard once we have closed"

    with Scripted(script) as server:
        run(main())


def test_closing_the_transport_ends_every_socket(made: Made) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        for _ in range(200):
            wire.send(ws.frame(b"x" * 100))
        ws.read_frame(wire)
        wire.send(ws.close_frame(1000))
        wire.wait_for_end()

    async def main() -> None:
        transport, ears = made(server.hub_url), [Ear() for _ in range(3)]
        for ear in ears:
            await transport.open("user", headers={}, query={}, listener=ear, timeout_s=5)
        await transport.close()
        assert [ear.reasons for ear in ears] == [["closed by us"]] * 3

    with Scripted(script) as server:
        run(main())


class Fragile(Ear):
    """Fails at the first message, and again at the end if asked."""

    def __init__(self, *, at_the_end: bool) -> None:
        super().__init__()
        self.at_the_end = at_the_end

    def data(self, payload: bytes) -> None:
        super().data(payload)
        raise ValueError(payload)

    def closed(self, reason: str) -> None:
        super().closed(reason)
        if self.at_the_end:
            raise LookupError(reason)


@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_listener_that_fails_ends_its_socket_with_a_reason(
    made: Made, caplog: pytest.LogCaptureFixture, *, at_the_end: bool
) -> None:
    closed_with: list[int] = []

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        wire.send(ws.frame(b"one") + ws.frame(b"two"))
        closed_with.append(ws.close_code(ws.read_frame(wire)))

    ear = Fragile(at_the_end=at_the_end)

    async def main() -> None:
        async with opened(made, server.hub_url, ear) as hub:
            hub.socket.send(b"go")
            assert await hub.ended() == "our listener failed (ValueError)"

    with Scripted(script) as server, caplog.at_level(logging.ERROR):
        run(main())
    assert len(ear.heard) == 1, "nothing more is told to one that failed"
    assert closed_with == [1011]
    assert {record.name for record in caplog.records} == {"topstepx.hub"}
    assert len(caplog.records) == 1 + at_the_end


@pytest.mark.parametrize("manner", ["end", "reset", "close frame"])
def test_gone_right_after_opening_is_either_not_sent_or_told_once(made: Made, manner: str) -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire, then=ws.close_frame(1001) if manner == "close frame" else b"")
        if manner == "reset":
            wire.reset()

    async def main() -> None:
        transport, ear = made(server.hub_url), Ear()
        try:
            await transport.open("user", headers={}, query={}, listener=ear, timeout_s=5)
        except NotSent:
            await transport.close()
            assert not ear.reasons
        else:
            await until(lambda: ear.reasons)
            await transport.close()
            assert len(ear.reasons) == 1

    for _ in range(10):
        with Scripted(script) as server:
            run(main())


def test_picows_is_not_let_to_another_host() -> None:
    async def main() -> None:
        dialling = PicowsTransport(server.hub_url)._dialler([], 1.0)
        for url in (f"ws://localhost:{server.port}/", f"ws://127.0.0.1:{server.port + 1}/"):
            with pytest.raises(OSError, match="another host"):
                await dialling(parse_url(url))
        (await dialling(parse_url(server.hub_url))).close()

    with Scripted(lambda wire: wire.wait_for_end()) as server:
        run(main())
        assert len(server.connections) == 1
