"""Through a proxy that was set by name: all three transports, real sockets, real TLS inside."""

from __future__ import annotations

import base64
import hashlib
import logging
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.callers import KINDS, Kind, call, serve_either
from tests.support.certificates import authority
from tests.support.connect_proxy import ConnectProxy, connect_proxy
from tests.support.running import run
from tests.support.scripted import Scripted, Wire, free_port, good_tls
from topstepx.errors import AnswerLost, NotSent, PinMismatch
from topstepx.net.tls import client_context
from topstepx.net.transport_http import HttpTransport
from topstepx.settings import Pins, Proxy

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

EVERY = pytest.mark.parametrize("kind", KINDS)
PASSWORD = "pr0xy-canary/with=signs"


def ours() -> ssl.SSLContext:
    return client_context(str(authority().ca_file))


def through(
    kind: Kind, server: Scripted | str, proxy: str, tls: ssl.SSLContext | None = None
) -> None:
    run(call(kind, server, tls or ours(), proxy=Proxy.parse(proxy)))


def refusal(
    kind: Kind, server: Scripted | str, proxy: str, tls: ssl.SSLContext | None = None
) -> NotSent:
    with pytest.raises(NotSent) as caught:
        through(kind, server, proxy, tls)
    error = caught.value
    assert error.did_it_happen == "no"
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert PASSWORD not in shown
    assert base64.b64encode(f"me:{PASSWORD}".encode()).decode() not in shown
    return error


@EVERY
def test_the_call_goes_through_and_the_proxy_sees_only_tls(kind: Kind) -> None:
    with Scripted(serve_either, good_tls()) as server, connect_proxy() as proxy:
        through(kind, server, proxy.url)
        assert b"canary" in server.arrived
        assert proxy.asked == [f"CONNECT 127.0.0.1:{server.port}"]
        assert b"canary" not in proxy.carried
        assert len(proxy.carried) > 500


@EVERY
def test_a_proxy_that_wants_a_password(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    logging.getLogger("aiohttp.client").setLevel(1)
    with (
        Scripted(serve_either, good_tls()) as server,
        connect_proxy(user="me", password=PASSWORD) as proxy,
    ):
        quoted = PASSWORD.replace("/", "%2F")
        through(kind, server, f"http://me:{quoted}@127.0.0.1:{proxy.port}")
        assert b"canary" in server.arrived
        assert PASSWORD.encode() not in server.arrived
        error = refusal(kind, server, proxy.url)
        assert "wants a user and a password (HTTP 407)" in str(error)
        assert "TOPSTEPX_PROXY_PASSWORD" in str(error.next_step)
        wrong = refusal(kind, server, f"http://me:wrong@127.0.0.1:{proxy.port}")
        assert "did not accept the user 'me'" in str(wrong)
        assert error.lasting
        assert wrong.lasting
    assert PASSWORD not in caplog.text


@EVERY
def test_a_dead_proxy_is_never_gone_around(kind: Kind) -> None:
    with Scripted(serve_either, good_tls()) as server:
        port = free_port()
        error = refusal(kind, server, f"http://me:{'x' * 9}@127.0.0.1:{port}")
        assert not server.connections
    assert f"The proxy http://127.0.0.1:{port} could not be used" in str(error)
    assert (error.fault, error.lasting) == ("here", True)


@EVERY
def test_a_proxy_that_refuses_the_host(kind: Kind) -> None:
    with (
        Scripted(serve_either, good_tls()) as server,
        connect_proxy(status="403 Forbidden") as proxy,
    ):
        error = refusal(kind, server, proxy.url)
        assert "HTTP 403" in str(error)
        assert error.lasting
        assert not server.connections


@EVERY
def test_a_proxy_whose_way_is_broken_may_be_better_later(kind: Kind) -> None:
    with connect_proxy(status="502 Bad Gateway") as proxy:
        assert not refusal(kind, "https://127.0.0.1:9", proxy.url).lasting


@EVERY
def test_the_name_is_checked_inside_the_tunnel(kind: Kind) -> None:
    """A proxy cannot put another server in the gateway's place."""
    stranger = authority().self_signed().server_context()
    with Scripted(serve_either, stranger) as server, connect_proxy() as proxy:
        error = refusal(kind, server, proxy.url)
        assert "certificate" in str(error)
        assert b"canary" not in server.arrived


@EVERY
def test_pins_are_checked_inside_the_tunnel(kind: Kind) -> None:
    own = authority().sign()
    key = own.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    right = base64.b64encode(hashlib.sha256(key).digest()).decode()
    wrong = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
    until = datetime.now(UTC) + timedelta(days=1)

    def pinned(*pins: str) -> ssl.SSLContext:
        return client_context(
            str(authority().ca_file), pins=Pins(pins, until=until, report_only=False)
        )

    with Scripted(serve_either, own.server_context()) as server, connect_proxy() as proxy:
        through(kind, server, proxy.url, pinned(right, wrong[0]))
        assert isinstance(refusal(kind, server, proxy.url, pinned(*wrong)), PinMismatch)


@EVERY
def test_a_proxy_that_is_no_proxy(kind: Kind) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"SSH-2.0-x\r\n\r\n")

    with Scripted(script) as odd:
        error = refusal(kind, "https://127.0.0.1:9", odd.http_url)
    if kind != "aiohttp":
        assert "did not answer as an HTTP proxy" in str(error)
        assert error.lasting


def broken_off(wire: Wire) -> None:
    wire.request()


def broken_off_hard(wire: Wire) -> None:
    wire.request()
    wire.reset()


def broken_off_in_its_answer(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 Conn")


def broken_off_after_its_first_line(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n")


def broken_off_after_its_answer(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 Connection established\r\n\r\n")


@pytest.mark.parametrize(
    "script",
    [
        broken_off,
        broken_off_hard,
        broken_off_in_its_answer,
        broken_off_after_its_first_line,
        broken_off_after_its_answer,
    ],
)
@EVERY
def test_a_proxy_that_breaks_off_proves_that_nothing_was_sent(
    kind: Kind, script: Callable[[Wire], None]
) -> None:
    """The gateway cannot have seen what waits for the tunnel: an order is not left in doubt."""
    with Scripted(script) as proxy:
        error = refusal(kind, "https://127.0.0.1:9", proxy.http_url)
        assert b"canary" not in proxy.arrived
    assert not error.lasting
    if kind == "rest" and script is not broken_off_after_its_answer:
        assert "The proxy http://127.0.0.1" in str(error)


def test_what_breaks_off_inside_an_open_tunnel_may_have_arrived() -> None:
    """Also on a connection that is used again: only the way there is the proxy's."""

    def script(wire: Wire) -> None:
        wire.request()
        wire.answer()
        wire.request()

    async def twice(url: str, proxy: str) -> None:
        rest = HttpTransport(url, tls=ours(), proxy=Proxy.parse(proxy))
        try:
            await rest.send("POST", "/api/x", headers={}, body=b"{}", timeout_s=5)
            with pytest.raises(AnswerLost) as caught:
                await rest.send("POST", "/api/x", headers={}, body=b"{}", timeout_s=5)
            assert caught.value.did_it_happen == "unknown"
        finally:
            await rest.close()

    with Scripted(script, good_tls()) as server, connect_proxy() as proxy:
        run(twice(server.http_url, proxy.url))
        assert len(proxy.asked) == 1
    with (
        Scripted(broken_off, good_tls()) as server,
        connect_proxy() as proxy,
        pytest.raises(AnswerLost),
    ):
        through("rest", server, proxy.url)


@EVERY
def test_a_proxy_that_says_nothing_is_given_up_in_time(kind: Kind) -> None:
    def script(wire: Wire) -> None:
        wire.request()
        wire.wait_for_end()

    with Scripted(script) as silent, pytest.raises(NotSent):
        run(
            call(
                kind,
                "https://127.0.0.1:9",
                ours(),
                proxy=Proxy.parse(silent.http_url),
                timeout_s=0.5,
            )
        )


def test_the_proxys_own_address_hides_the_password() -> None:
    proxy = ConnectProxy(user="me", password="secret", port=1)
    parsed = Proxy.parse(proxy.url_with_secret)
    assert parsed.url == "http://127.0.0.1:1"
    assert "secret" not in repr(parsed)
