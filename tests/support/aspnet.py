"""Microsoft's own SignalR server in a process of its own, fed with what the simulated gateway says."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tests.support.sim_line import Line
from topstepx.testing.eventually import eventually
from topstepx.testing.proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.testing.socket_pair import SocketPair

_BUILT = Path(__file__).parents[1] / "interop" / "aspnet" / "built"
_WAIT_S = 10.0


def absent() -> str | None:
    """Why it cannot run here, or None."""
    if not (_BUILT / ".made").is_file():
        return "ASP.NET Core is not built here (Linux on x86-64, with npm): run `make interop`"
    return None


class Said(msgspec.Struct):
    """An invocation of the simulated hub, its arguments untouched."""

    type: int
    target: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"[]")


class AspNet:
    """The server; `said` is everything it told, `port` where it listens."""

    def __init__(self, *, keep_alive_s: float = 15.0, timeout_s: float = 30.0) -> None:
        self._times = (str(keep_alive_s), str(timeout_s))
        self.said: list[dict[str, Any]] = []
        self.port = 0
        self._process: asyncio.subprocess.Process
        self._listening: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(_BUILT / "dotnet"),
            "exec",
            "--runtimeconfig",
            str(_BUILT / "Server.runtimeconfig.json"),
            str(_BUILT / "Server.dll"),
            str(self.port),
            *self._times,
            stdin=PIPE,
            stdout=PIPE,
            env={
                **os.environ,
                "LD_LIBRARY_PATH": str(_BUILT),
                "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
            },
        )
        heard = len(self.said)
        self._listening = asyncio.create_task(self._listen())
        await self.until(lambda: any("listening" in one for one in self.said[heard:]))
        address = next(one["listening"] for one in self.said[heard:] if "listening" in one)
        self.port = int(address.rpartition(":")[2])

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.said.append(json.loads(line))

    async def stop(self) -> None:
        """As when somebody deploys: it says goodbye to its clients and ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        stopped = self.count("stopped", True)
        try:
            await self.until(lambda: self.count("stopped", True) > stopped)
        finally:
            self._process.kill()  # its console waits for a Ctrl-C that nobody will press
            await self._process.wait()
        await self._listening

    async def restart(self) -> None:
        """The same server again on the same port."""
        await self.stop()
        await self._start()

    def do(self, line: bytes) -> None:
        """One order to it, as JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")

    def abort(self) -> None:
        """It drops every connection."""
        self.do(b'{"do":"abort"}')

    def close(self, *, allow_reconnect: bool, error: str | None = None) -> None:
        """It writes a Close record to every client and ends the connections."""
        order = {"do": "close", "error": error, "allowReconnect": allow_reconnect}
        self.do(json.dumps(order).encode())

    def refuse(self, times: int) -> None:
        """So many connections fail as they begin; of its own accord it says a final Close to them."""
        self.do(json.dumps({"do": "refuse", "times": times}).encode())

    def say(self, hub: str, said: Said) -> None:
        """It tells everybody in the group that subscribed to this."""
        arguments = msgspec.json.decode(said.arguments)
        about = arguments[0]
        if hub == "user":
            about = "" if said.target == "GatewayUserAccount" else about["data"]["accountId"]
        group = json.dumps(f"{said.target}/{about}").encode()
        order = b'{"do":"say","hub":"%s","target":"%s","group":%s,"arguments":%s}'
        self.do(order % (hub.encode(), said.target.encode(), group, bytes(said.arguments)))

    def count(self, what: str, value: object) -> int:
        return sum(one.get(what) == value for one in self.said)

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition, timeout_s=20 * _WAIT_S)


class Relay:
    """Listens to the simulated gateway's hubs and lets the real server say the same."""

    def __init__(self, pair: SocketPair, server: AspNet) -> None:
        self._pair, self._server = pair, server
        self.told: list[str] = []
        self._line = Line(pair.gateway)
        self._line.now = pair.now()
        self._line.log_in()

    def listen(self, hub: str, calls: dict[str, tuple[Any, ...]]) -> None:
        """Subscribe to these from now on."""
        self._line.now = self._pair.now()
        listener = self._line.open(hub)
        for method, arguments in calls.items():
            assert "error" not in listener.invoke(method, *arguments)
        decoder = msgspec.json.Decoder(Said)

        def pass_on() -> None:
            for record in b"".join(listener.session.take()).split(b"\x1e")[:-1]:
                said = decoder.decode(record)
                if said.type == 1:
                    self.told.append(said.target)
                    self._server.say(hub, said)
            listener.session.receive(b'{"type":6}\x1e', self._pair.now())

        listener.session.wake = pass_on


def proxied(server: AspNet) -> FaultProxy:
    """The wire to its hubs."""
    return FaultProxy(server.port)
