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
from typing import TYPE_CHECKING, Any, Self

from topstepx.client import Client
from topstepx.ports import Ports
from topstepx.settings import Credentials, Limits, Secret, Settings, simulator_environment
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock
from topstepx.testing.memory import MemoryGateway, Network

if TYPE_CHECKING:
    from types import TracebackType

    from topstepx.core.link_ends import Reconnecting
    from topstepx.sim.faults import Faults
    from topstepx.sim.venue import Truth
    from topstepx.store.rows import Journal

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
        self.journal: Journal = journal if journal is not None else MemoryJournal()
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
        self.tsx: Client

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.world = await stack.enter_async_context(
                MemoryGateway(self.gateway, network=self.network)
            )
            self.clock = self._clock or LoopClock(start=self.world.now())
            self.tsx = await stack.enter_async_context(self.client())
            self._stack = stack.pop_all()
        return self

    def client(self) -> Client:
        """One more client of the same user; enter it yourself."""
        credentials = Credentials(
            self.gateway.user_name, Secret(self.gateway.api_key), "the simulated gateway"
        )
        ports = Ports(
            self.world.rest(),
            self.world.hubs(),
            clock=self.clock,
            journal=self.journal,
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
