"""A canary token goes through every way a call can fail, with everything that talks turned up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import logging
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support import websocket as ws
from tests.support.callers import KINDS, Kind, call, serve_either
from tests.support.certificates import authority
from tests.support.running import run
from tests.support.scripted import Scripted, Wire, free_port, good_tls
from topstepx.errors import TopstepxError
from topstepx.net.tls import client_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "canary/secret+of=the&token"
SPELLINGS = (
    CANARY,
    quote(CANARY, safe=""),
    quote(CANARY),
    base64.b64encode(CANARY.encode()).decode(),
)


@pytest.fixture
def everything_said(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Every logger at its lowest level; afterwards all that was logged or printed."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root = logging.getLogger()
    every = [root, *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    before = [(one, one.level) for one in every]
    for one in every:
        one.setLevel(1)
    root.addHandler(handler)

    def said() -> str:
        printed = capfd.readouterr()
        return stream.getvalue() + printed.out + printed.err

    yield said
    root.removeHandler(handler)
    for one, level in before:
        one.setLevel(level)


def fine(wire: Wire) -> None:
    serve_either(wire)


def refused_401(wire: Wire) -> None:
    request = wire.request()
    wire.answer(request.headers["authorization"].encode(), status="401 Unauthorized")


def echo_in_header(wire: Wire) -> None:
    request = wire.request()
    wire.answer(b"", status="403 X", headers={"X-Echo": request.headers["authorization"]})


def redirect(wire: Wire) -> None:
    request = wire.request()
    wire.answer(b"", status="307 X", headers={"Location": f"https://elsewhere{request.target}"})


def cut(wire: Wire) -> None:
    wire.request()


def reset(wire: Wire) -> None:
    wire.request()
    wire.reset()


def cut_in_body(wire: Wire) -> None:
    request = wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + request.target.encode())


def nonsense(wire: Wire) -> None:
    request = wire.request()
    wire.send(f"{request.headers['authorization']} {request.target}\r\n\r\n".encode())


def nonsense_line(wire: Wire) -> None:
    request = wire.request()
    wire.send(f"HTTP/1.1 xyz {request.headers['authorization']}\r\n\r\n".encode())


def wrong_accept(wire: Wire) -> None:
    wire.request()
    wire.send(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Accept: x\r\n\r\n"
    )


def silence(wire: Wire) -> None:
    wire.request()
    wire.wait_for_end()


def broken_frame(wire: Wire) -> None:
    request = wire.request()
    if "upgrade" in request.headers:
        wire.send(ws.switching(request) + ws.frame(request.target.encode(), reserved=7))
    else:
        wire.answer(b"bad", headers={"Content-Encoding": "gzip"})


SCRIPTS = (
    fine,
    refused_401,
    echo_in_header,
    redirect,
    cut,
    reset,
    cut_in_body,
    nonsense,
    nonsense_line,
    wrong_accept,
    silence,
    broken_frame,
)


def provoke(kind: Kind, url: Scripted | str, *, tls: bool = False) -> str:
    """The call's error as fully as Python can print it, with the reprs of everything alive meanwhile."""
    seen: list[str] = []

    async def watched() -> None:
        calling = asyncio.create_task(
            call(
                kind,
                url,
                client_context(str(authority().ca_file)) if tls else None,
                token=CANARY,
                query={"access_token": CANARY},
                timeout_s=0.5,
            )
        )
        while not calling.done():
            seen.extend(repr(task) + task.get_name() for task in asyncio.all_tasks())
            await asyncio.wait({calling}, timeout=0.02)
        error = calling.exception()
        if error is not None:
            assert isinstance(error, TopstepxError)
            seen.extend(traceback.format_exception(error))
            seen.append(repr(error) + str(error) + repr(vars(error)))
            assert error.__context__ is None

    run(watched(), debug=True)
    return "\n".join(seen)


def assert_clean(text: str) -> None:
    for one in SPELLINGS:
        at = text.find(one)
        assert at < 0, text[max(0, at - 300) : at + 100]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_shows_the_token(
    kind: Kind, script: Callable[[Wire], None], everything_said: Callable[[], str]
) -> None:
    with Scripted(script) as server:
        shown = provoke(kind, server)
    assert CANARY.encode() in server.arrived, "the canary must have flown"
    assert_clean(shown + everything_said())


def test_no_turn_of_the_loop_shows_what_picows_quotes() -> None:
    """Its error repeats the server's nonsense, here our token; see `net.screened`."""

    async def watched(server: Scripted) -> str:
        calling = asyncio.create_task(call("picows", server, None, token=CANARY, timeout_s=5))
        seen = ""
        while not calling.done():
            seen += repr(calling)
            await asyncio.sleep(0)
        assert isinstance(calling.exception(), TopstepxError)
        return seen

    with Scripted(nonsense_line) as server:
        shown = run(watched(server))
    assert CANARY.encode() in server.arrived
    assert_clean(shown)


@pytest.mark.parametrize("script", [fine, refused_401, cut, silence])
@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_behind_tls_shows_the_token(
    kind: Kind, script: Callable[[Wire], None], everything_said: Callable[[], str]
) -> None:
    with Scripted(script, good_tls()) as server:
        shown = provoke(kind, server, tls=True)
    assert CANARY.encode() in server.arrived, "the canary must have flown"
    assert_clean(shown + everything_said())


@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_to_connect_shows_the_token(
    kind: Kind, everything_said: Callable[[], str]
) -> None:
    shown = provoke(kind, f"http://127.0.0.1:{free_port()}")
    shown += provoke(kind, "http://no-such-host.invalid")
    with Scripted(fine, authority().self_signed().server_context()) as server:
        shown += provoke(kind, server, tls=True)
    assert_clean(shown + everything_said())


def test_the_search_finds_what_it_looks_for(everything_said: Callable[[], str]) -> None:
    logging.getLogger("aiohttp.client").log(1, "url %s", quote(CANARY, safe=""))
    with pytest.raises(AssertionError):
        assert_clean(everything_said())
    with contextlib.suppress(ValueError):
        assert_clean("nothing in here")
