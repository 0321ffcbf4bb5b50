"""Whose fault a failed connection is, from the system's error and from real transports."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from topstepx.errors import Fault, NotSent
from topstepx.net.transport_dial import fault_of
from topstepx.net.transport_http import HttpTransport


class Wrapped(OSError):
    """As a library wraps it."""

    def __init__(self, os_error: OSError) -> None:
        super().__init__("wrapped")
        self.os_error = os_error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (socket.gaierror(-2, "Name or service not known"), "here"),
        (Wrapped(socket.gaierror(-3, "Temporary failure")), "here"),
        (OSError(errno.ENETUNREACH, "no route"), "here"),
        (OSError(errno.EMFILE, "no sockets left"), "here"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "there"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "there"),
        (TimeoutError(), "there"),
        (ssl.SSLError(1, "bad handshake"), "tls"),
        (Wrapped(ssl.SSLError(1, "bad handshake")), "tls"),
        (None, "there"),
    ],
)
def test_from_the_systems_error(error: BaseException | None, fault: Fault) -> None:
    assert fault_of(error) == fault


@pytest.mark.parametrize(
    ("url", "fault"), [("http://no-such-host.invalid", "here"), ("http://127.0.0.1:1", "there")]
)
def test_from_a_real_transport(url: str, fault: Fault) -> None:
    async def run() -> Fault:
        rest = HttpTransport(url)
        try:
            with pytest.raises(NotSent) as failed:
                await rest.send("POST", "/api/x", headers={}, body=b"{}", timeout_s=3.0)
            return failed.value.fault
        finally:
            await rest.close()

    assert asyncio.run(run()) == fault
