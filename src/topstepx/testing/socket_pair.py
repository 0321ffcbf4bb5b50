"""A client and the gateway it talks to over real sockets, with a fault proxy between them.

::

    @hurried(speed=20)
    async def test_my_bot() -> None:
        async with SocketPair() as pair:
            account = await pair.tsx.accounts.one("PRAC")
            pair.faults.add(Fault(where="wire/user", what=WireHalfOpen(), direction="down"))
            ...

`Pair` is the same without sockets and in virtual time: faster, and repeatable to the last step. Take
this one where the network's own behaviour is the point. It works on any event loop; on `HurriedLoop`
both sides keep the compressed time.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from topstepx.client import Client
from topstepx.net.transport_http import HttpTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Environment, Limits, Secret, Settings, Timeouts
from topstepx.sim.gateway import Gateway
from topstepx.sim.server import SimServer
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.hurry import HurriedLoop
from topstepx.testing.loop import LoopClock
from topstepx.testing.pair import START
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_hand import ProxyHand

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from types import TracebackType

    from topstepx.net.transport import HubTransport
    from topstepx.sim.faults import Faults
    from topstepx.sim.venue import Truth
    from topstepx.store.rows import Journal
    from topstepx.testing.proxy_faults import WireFault


class SocketPair:
    """`tsx`, the client; `proxy`, the wire; `sim`, the server; `gateway`, what is behind it.

    `plan` is the proxy's; `hub_socket` chooses the client's WebSocket; `rate` is how busy the market
    is; `hub_url` leads the hubs elsewhere, to another server than the simulator.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        limits: Limits | None = None,
        gateway: Gateway | None = None,
        journal: Journal | None = None,
        plan: Iterable[WireFault] = (),
        rate: float = 0.1,
        limited: bool = False,
        hub_socket: Literal["picows", "aiohttp"] = "picows",
        hub_url: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311  repeatable chance is the point
        self.gateway = gateway or Gateway.build(
            at=START, seed=seed, rate=rate, catch_up=timedelta(seconds=60), limited=limited
        )
        self.journal: Journal = journal if journal is not None else MemoryJournal()
        self._seed, self._plan = seed, tuple(plan)
        self._hub_socket, self._hub_url = hub_socket, hub_url
        self._limits, self._settings = limits or Limits(), settings or {}
        self._stack = AsyncExitStack()
        self.clock: LoopClock
        self.sim: SimServer
        self.proxy: FaultProxy
        self.tsx: Client

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            uptime = timedelta(seconds=asyncio.get_running_loop().time())
            self.clock = LoopClock(start=self.gateway.now - uptime)
            self.sim = await stack.enter_async_context(
                SimServer(gateway=self.gateway, clock=self.clock)
            )
            proxy = FaultProxy(self.sim.port, plan=self._plan, seed=self._seed)
            self.proxy = await stack.enter_async_context(proxy)
            self.sim.outside.wire = ProxyHand(self.proxy, lambda: self.sim.speed)
            self.tsx = await stack.enter_async_context(self.client())
            self._stack = stack.pop_all()
        return self

    def client(self) -> Client:
        """One more client of the same user through the same proxy; enter it yourself."""
        hub_url = self._hub_url or self.proxy.url.replace("http", "ws", 1)
        settings = Settings(
            **{
                "environment": Environment("sim", self.proxy.url, hub_url, simulated=True),
                "limits": self._limits,
                # Waiting for a journal's disk counts `speed` times; an order's deadline must not.
                "timeouts": Timeouts(shutdown_s=2.0, order_deadline_s=2.0 * _speed()),
                "hub_socket": self._hub_socket,
                **self._settings,
            }
        )
        credentials = Credentials(
            self.gateway.user_name, Secret(self.gateway.api_key), "the simulated gateway"
        )
        ports = Ports(
            HttpTransport(self.proxy.url, clock=self.clock),
            self._hubs(hub_url, settings),
            clock=self.clock,
            journal=self.journal,
            jitter=self._random.random,
            chance=self._random.randbytes,
        )
        return Client(settings, credentials, ports)

    def _hubs(self, hub_url: str, settings: Settings) -> HubTransport:
        if settings.hub_socket == "aiohttp":
            from topstepx.net.transport_hub_fallback import AiohttpHubTransport  # noqa: PLC0415  one of two

            return AiohttpHubTransport(hub_url, message_bytes_max=settings.message_bytes_max)
        from topstepx.net.transport_hub import PicowsTransport  # noqa: PLC0415  one of two

        return PicowsTransport(hub_url, message_bytes_max=settings.message_bytes_max)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    def now(self) -> datetime:
        """The simulated time."""
        return self.sim.now()

    @property
    def faults(self) -> Faults:
        """What is to go wrong, at the gateway and on the wire, by its clock; `proxy.add` is for bytes alone."""
        return self.gateway.faults

    @property
    def truth(self) -> Truth:
        """The venue's own books."""
        return self.gateway.venue.truth


def _speed() -> float:
    loop = asyncio.get_running_loop()
    return loop.speed if isinstance(loop, HurriedLoop) else 1.0
