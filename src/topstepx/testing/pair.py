"""A client and the gateway it talks to, in one loop and virtual time, without ports.

::

    @virtual
    async def test_my_bot() -> None:
        async with Pair() as pair:
            account = await pair.tsx.accounts.one("PRAC")
            ...
            assert pair.truth.net_size(account.id, contract.id) == 0
"""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from topstepx.client import Client
from topstepx.ports import Ports
from topstepx.settings import Credentials, Limits, Secret, Settings, simulator_environment
from topstepx.sim.gateway import Gateway
from topstepx.sim.outside import Outside
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.hands import Computer, MemoryDisk, MemoryNetwork
from topstepx.testing.loop import LoopClock
from topstepx.testing.memory import MemoryGateway, Network
from topstepx.testing.process import Process

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from topstepx.core.link_ends import Reconnecting
    from topstepx.sim.faults import Faults
    from topstepx.sim.venue import Truth
    from topstepx.store.rows import Journal
    from topstepx.testing.memory import MemoryRest
    from topstepx.testing.memory_hubs import MemoryHubs

T = TypeVar("T")
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""A Monday morning in Chicago, well inside the session."""


class Pair:
    """`tsx`, the client, and `gateway`, the other side. `seed` fixes both, and the network's chance.

    `journal` lets a second pair (a restart) read what the first wrote; `gateway` lets it meet the same
    venue again.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        limits: Limits | None = None,
        gateway: Gateway | None = None,
        journal: Journal | None = None,
        network: Network | None = None,
        clock: LoopClock | None = None,
        settings: dict[str, Any] | None = None,
        reconnecting: Reconnecting | None = None,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311  repeatable chance is the point
        self.gateway = gateway if gateway is not None else Gateway.build(at=START, seed=seed)
        self._journal: Journal = journal if journal is not None else MemoryJournal()
        self.network = network if network is not None else Network()
        self._clock = clock
        self._reconnecting = reconnecting
        self._settings = Settings(
            environment=simulator_environment("http://127.0.0.1:1"),
            limits=limits or Limits(),
            **(settings or {}),
        )
        self._stack = AsyncExitStack()
        self.world: MemoryGateway
        self.clock: LoopClock
        self.process: Process
        """The program under test: its client, its tasks, its disk."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.world = await stack.enter_async_context(
                MemoryGateway(self.gateway, network=self.network)
            )
            self.clock = self._clock or LoopClock(start=self.world.now())
            self.process = Process(self.world, self._client, self._journal)
            stack.callback(self._give_hands())
            self._stack = stack.pop_all()
        try:
            await self._stack.enter_async_context(self.process)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    def _give_hands(self) -> Callable[[], None]:
        """Let plans reach everything there is; what comes back takes that away again."""
        acts, before = self.gateway.acts, self.gateway.acts.outside
        acts.outside = Outside(
            client_clock=Computer(self.clock, self.world),
            gateway_clock=self.world,
            network=MemoryNetwork(self.network),
        )
        if isinstance(self._journal, MemoryJournal):
            disk = MemoryDisk(self.world)
            self.process.on_start = disk.take
            acts.outside.program, acts.outside.disk = self.process, disk
            acts.outside.journal_writes = True

        def take_away() -> None:
            acts.outside = before

        return take_away

    # ------------------------------------------------------------ the program

    @property
    def tsx(self) -> Client:
        """The client; after a crash or a restart the next one."""
        return self.process.client

    @property
    def journal(self) -> Journal:
        """What the program keeps."""
        return self.process.journal

    async def run(self, program: Callable[[Client], Awaitable[T]]) -> T | None:
        """Run a program that a plan may crash and start again: `await pair.run(my_bot)`.

        Gives what the program returned, or None when a fault ended it for good. A program that is
        started again gets a new client on what the disk had.
        """
        return await self.process.run(program)

    async def restart(self) -> Client:
        """End the client this instant, as a crash does, and start another on what the disk had."""
        return await self.process.restart()

    def client(self) -> Client:
        """One more client of the same user; enter it yourself."""
        return self._client(self.world.rest(), self.world.hubs(), self.journal)

    def _client(self, rest: MemoryRest, hubs: MemoryHubs, journal: Journal) -> Client:
        credentials = Credentials(
            self.gateway.user_name, Secret(self.gateway.api_key), "the simulated gateway"
        )
        ports = Ports(
            rest,
            hubs,
            clock=self.clock,
            journal=journal,
            jitter=self._random.random,
            chance=self._random.randbytes,
            reconnecting=self._reconnecting,
        )
        return Client(self._settings, credentials, ports)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    @property
    def faults(self) -> Faults:
        """What is to go wrong: ``pair.faults.add(Fault(where="Order/place", what=DropAnswer()))``."""
        return self.gateway.faults

    @property
    def truth(self) -> Truth:
        """The venue's own books."""
        return self.gateway.venue.truth
