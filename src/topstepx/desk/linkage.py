"""What a link's lives mean for the accounts: closed while the user hub is away, level again after."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from topstepx.core.link import Changed, LinkState
from topstepx.errors import TopstepxError
from topstepx.events import LinkConnecting, LinkDown, LinkLive

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from topstepx.core.backoff import Backoff
    from topstepx.desk.market import MarketData
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.events import Hub

_LOG = logging.getLogger("topstepx.hub")


class Linkage:
    """Listens to both links."""

    def __init__(
        self,
        record: Record,
        recovery: Recovery,
        market: MarketData,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        backoff: Backoff,
        jitter: Callable[[], float],
    ) -> None:
        self._record = record
        self._recovery = recovery
        self._market = market
        self._spawn = spawn
        self._backoff = backoff
        self._jitter = jitter
        self._live: int | None = None

    def user(self, change: Changed) -> None:
        """The user hub's link is in another state."""
        self._tell("user", change)
        if change.state is LinkState.LIVE:
            self._live = change.generation
            if self._recovery.accounts:
                self._spawn(
                    self._recover(change.generation), "recover after the user hub came back"
                )
        elif change.state in {LinkState.WAITING, LinkState.CLOSED}:
            self._live = None
            self._recovery.hub_lost()

    def market(self, change: Changed) -> None:
        """The market hub's link is in another state."""
        self._tell("market", change)
        if change.state is LinkState.WAITING:
            self._market.interrupted()

    def _tell(self, hub: Hub, change: Changed) -> None:
        at, generation = self._record.stamp(), change.generation
        if change.state is LinkState.CONNECTING:
            self._record.commit(LinkConnecting(at=at, hub=hub, generation=generation))
        elif change.state is LinkState.LIVE:
            self._record.commit(LinkLive(at=at, hub=hub, generation=generation))
        elif change.state in {LinkState.WAITING, LinkState.CLOSED}:
            self._record.commit(
                LinkDown(at=at, hub=hub, generation=generation, reason=change.reason)
            )

    async def _recover(self, generation: int) -> None:
        """Read until it succeeds or this life of the hub is over."""
        attempt = 0
        while generation == self._live:
            try:
                await self._recovery.hub_back(lambda: generation == self._live)
            except TopstepxError as error:
                _LOG.warning("reading after a reconnect failed, trying again: %s", error)
                await asyncio.sleep(self._backoff.delay_s(attempt, self._jitter))
                attempt += 1
            else:
                return
