"""One gateway and several runs of a client, one after another or side by side, in virtual time."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from topstepx.client import Client
from topstepx.ports import Ports
from topstepx.settings import (
    Credentials,
    Environment,
    Limits,
    Secret,
    Settings,
    simulator_environment,
)
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock
from topstepx.testing.memory import MemoryGateway, Network
from topstepx.testing.pair import START

if TYPE_CHECKING:
    from types import TracebackType

    from topstepx.sim.faults import Faults
    from topstepx.sim.venue import Truth
    from topstepx.store.kill_switch import KillView
    from topstepx.store.lease import Leases
    from topstepx.store.rows import Journal

SIMULATED = simulator_environment("http://127.0.0.1:1")
LIVE = Environment("topstepx", "https://gateway.invalid", "wss://hubs.invalid")
"""Not the simulator as far as a client knows; its transports are in memory, so nothing is ever reached."""

OURS = "ABCDEFGH"
"""The name of the installation under test."""


class Runs:
    """The gateway that outlives them all; `client` makes one run, to be entered."""

    def __init__(
        self, *, seed: int = 1, network: Network | None = None, market_step_s: float = 0.05
    ) -> None:
        self._market_step_s = market_step_s
        self._random = random.Random(seed)
        self.gateway = Gateway.build(at=START, seed=seed, limited=False)
        self.network = network or Network()
        self._stack = AsyncExitStack()
        self.world: MemoryGateway
        self.clock: LoopClock

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.world = await stack.enter_async_context(
                MemoryGateway(self.gateway, network=self.network, market_step_s=self._market_step_s)
            )
            self.clock = LoopClock(start=self.world.now())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    def client(
        self,
        journal: Journal | None = None,
        *,
        leases: Leases | None = None,
        kills: KillView | None = None,
        installation: str | None = OURS,
        environment: Environment = SIMULATED,
        max_contracts: int | None = None,
        transport: Any = None,  # noqa: ANN401  a RestTransport around the usual one
        **settings: Any,  # noqa: ANN401  passed through
    ) -> Client:
        credentials = Credentials(
            self.gateway.user_name, Secret(self.gateway.api_key), "the simulated gateway"
        )
        rest = self.world.rest()
        ports = Ports(
            rest if transport is None else transport(rest),
            self.world.hubs(),
            clock=self.clock,
            journal=journal if journal is not None else MemoryJournal(),
            leases=leases,
            kills=kills,
            installation=installation,
            jitter=self._random.random,
            chance=self._random.randbytes,
        )
        return Client(
            Settings(
                environment=environment, limits=Limits(contracts_max=max_contracts), **settings
            ),
            credentials,
            ports,
        )

    @property
    def faults(self) -> Faults:
        return self.gateway.faults

    @property
    def truth(self) -> Truth:
        return self.gateway.venue.truth
