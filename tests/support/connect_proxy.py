"""A real HTTP proxy that opens CONNECT tunnels, on a real socket; it remembers what it was asked."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.scripted import PATIENCE_S, Scripted, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class ConnectProxy:
    """`asked` are the targets, `carried` every byte that went through in either direction."""

    user: str | None = None
    password: str | None = None
    status: str = "200 Connection established"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    carried: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url_with_secret(self) -> str:
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.port}"

    def serve(self, wire: Wire) -> None:
        """One connection."""
        request = wire.request()
        self.asked.append(f"{request.method} {request.target}")
        if self.user is not None:
            right = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            if request.headers.get("proxy-authorization") != f"Basic {right}":
                said = request.headers.get("proxy-authorization", "nothing").encode()
                wire.answer(said, "407 Proxy Authentication Required")
                return
        if not self.status.startswith("200"):
            wire.answer(b"no", self.status)
            return
        host, _, port = request.target.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE_S) as there:
            wire.send(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
            back = threading.Thread(target=self._pump, args=(there, wire.socket))
            back.start()
            self._pump(wire.socket, there)
            back.join(PATIENCE_S)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                self.carried += part
                sink.sendall(part)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def connect_proxy(
    *,
    user: str | None = None,
    password: str | None = None,
    status: str = "200 Connection established",
) -> Iterator[ConnectProxy]:
    """A running proxy."""
    proxy = ConnectProxy(user, password, status)
    with Scripted(proxy.serve) as server:
        proxy.port = server.port
        yield proxy
