"""A server that does exactly what a test tells it to, byte by byte, on a real socket.

Each connection runs the test's script in a thread of its own with blocking calls, so that a script
reads top to bottom and nothing of the server shares the loop of the client under test.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.support.certificates import authority

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Request:
    """One HTTP request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Wire:
    """The server's end of one connection."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.arrived = bytearray()
        self._taken = 0

    def receive(self, size: int) -> bytes:
        """The next `size` bytes; raises EOFError when the client has gone."""
        while len(self.arrived) - self._taken < size:
            self._more()
        taken = bytes(self.arrived[self._taken : self._taken + size])
        self._taken += size
        return taken

    def receive_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        while (found := self.arrived.find(end, self._taken)) < 0:
            self._more()
        return self.receive(found + len(end) - self._taken)

    def request(self) -> Request:
        """The next HTTP request."""
        head = self.receive_until(b"\r\n\r\n").decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = self.receive(int(headers.get("content-length", "0")))
        return Request(method, target, headers, body)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(
        self, body: bytes = b"{}", status: str = "200 OK", headers: dict[str, str] | None = None
    ) -> None:
        """One whole HTTP answer with its length."""
        every = {"Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in every.items())
        self.send(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)

    def reset(self) -> None:
        """Break the connection off with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_for_end(self) -> None:
        """Until the client closes; what it still sends is kept in `arrived`."""
        with contextlib.suppress(EOFError):
            while True:
                self._more()

    def _more(self) -> None:
        try:
            part = self.socket.recv(65536)
        except ConnectionError:
            part = b""
        if not part:
            raise EOFError
        self.arrived += part


Script = Callable[[Wire], None]


@dataclass
class Scripted:
    """A listening server. `script` runs once per connection."""

    script: Script
    tls: ssl.SSLContext | None = None
    connections: list[Wire] = field(default_factory=list)
    refused_handshakes: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name="accept")
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A close alone would not wake the thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a script of this server did not end"
        assert not self.failures, self.failures

    @property
    def arrived(self) -> bytes:
        """Every application byte that any client has sent."""
        return b"".join(bytes(wire.arrived) for wire in self.connections)

    @property
    def http_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def hub_url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            connected.settimeout(PATIENCE_S)
            thread = threading.Thread(target=self._serve, args=(connected,), name="connection")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connected: socket.socket) -> None:
        if self.tls is not None:
            try:
                connected = self.tls.wrap_socket(connected, server_side=True)
            except OSError:
                self.refused_handshakes += 1
                connected.close()
                return
        wire = Wire(connected)
        self.connections.append(wire)
        try:
            self.script(wire)
        except EOFError:
            pass
        except OSError as error:
            if not isinstance(error, ConnectionError | ssl.SSLError):
                self.failures.append(error)
        except BaseException as error:  # noqa: BLE001  the test's own thread raises it again
            self.failures.append(error)
        finally:
            wire.socket.close()


def good_tls() -> ssl.SSLContext:
    """A server context whose certificate is right for 127.0.0.1."""
    return authority().sign().server_context()


_TAKEN: list[socket.socket] = []


def free_port() -> int:
    """A port on which nobody listens, nor ever will: it is kept, or another test would be given it."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _TAKEN.append(taken)
    port: int = taken.getsockname()[1]
    return port
