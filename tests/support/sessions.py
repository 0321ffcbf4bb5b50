"""A whole client and a simulated gateway whose sessions go wrong on purpose, in virtual time."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from topstepx.client import Client
from topstepx.core.lanes import Lane
from topstepx.events import (
    AlarmRaised,
    Event,
    ModeCauseAdded,
    ModeCauseCleared,
    SessionLocked,
    TokenRefreshed,
    TokenSuspect,
)
from topstepx.ports import Ports
from topstepx.settings import Credentials, Secret, Settings, simulator_environment
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock
from topstepx.testing.memory import MemoryGateway
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from types import TracebackType

    from topstepx.core.logins import LoginLog
    from topstepx.core.sharing import SharedSession
    from topstepx.net.auth import Reread
    from topstepx.testing.memory import MemoryRest

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HOUR_S = 3600.0


class SessionWorld:
    """Client, gateway, clock, and what was said about the session, in short words."""

    def __init__(
        self,
        *,
        seed: int = 1,
        starts: datetime = START,
        logins: LoginLog | None = None,
        shared: SharedSession | None = None,
        limited: bool = True,
        market_step_s: float = 60.0,
        **settings: Any,  # noqa: ANN401  passed through
    ) -> None:
        self.random = random.Random(seed)
        self.gateway = Gateway.build(at=START, seed=seed, limited=limited)
        self.told: list[str] = []
        self.facts: list[Event] = []
        self._starts, self._logins, self._shared = starts, logins, shared
        self._market_step_s = market_step_s
        self._settings = Settings(
            environment=simulator_environment("http://127.0.0.1:1"), **settings
        )
        self.reread: Reread | None = None
        self._stack = AsyncExitStack()
        self.world: MemoryGateway
        self.clock: LoopClock
        self.tsx: Client
        self.rest: MemoryRest

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.world = await stack.enter_async_context(
                MemoryGateway(self.gateway, market_step_s=self._market_step_s)
            )
            self.clock = LoopClock(start=self._starts)
            self.tsx = self.client()
            self.tsx._record.listen(self._note)
            await stack.enter_async_context(self.tsx)
            self._stack = stack.pop_all()
        return self

    def client(self, *, api_key: str | None = None, shared: SharedSession | None = None) -> Client:
        rest = self.world.rest()
        if not hasattr(self, "rest"):
            self.rest = rest  # the twin, for its list of what left
        credentials = Credentials(
            self.gateway.user_name, Secret(api_key or self.gateway.api_key), "the simulated gateway"
        )
        ports = Ports(
            rest,
            self.world.hubs(),
            clock=self.clock,
            journal=MemoryJournal(),
            jitter=self.random.random,
            chance=self.random.randbytes,
            logins=self._logins,
            shared=shared or self._shared,
            reread=self.reread,
        )
        return Client(self._settings, credentials, ports)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    def _note(self, event: Event, _changes: object) -> None:
        self.facts.append(event)
        match event:
            case TokenRefreshed():
                self.told.append(f"refreshed {event.generation}")
            case TokenSuspect():
                self.told.append(f"suspect {event.generation}: {event.reason}")
            case SessionLocked():
                self.told.append("locked")
            case AlarmRaised():
                self.told.append(f"alarm {event.name}")
            case ModeCauseAdded() if event.account_id is None:
                self.told.append(f"restricted {event.reason}")
            case ModeCauseCleared() if event.account_id is None:
                self.told.append(f"free {event.reason}")
            case _:
                pass

    def break_(self, where: str, what: Any, **how: Any) -> None:  # noqa: ANN401  any kind of fault
        self.gateway.faults.add(Fault(where=where, what=what, **how))

    def calls(self, path: str) -> int:
        """How often a path left so far."""
        return sum(sent == f"/api/{path}" for _, sent, _ in self.rest.sent)

    async def read(self, *, timeout_s: float = 10.0, lane: Lane = Lane.READ) -> int:
        """One authenticated read; how many accounts came back."""
        answer = await self.tsx._rest.call(
            routes.ACCOUNT_SEARCH,
            models.AccountSearchRequest(only_active_accounts=False),
            lane=lane,
            timeout_s=timeout_s,
            wait_s=timeout_s,
        )
        assert isinstance(answer.accounts, list)
        return len(answer.accounts)
