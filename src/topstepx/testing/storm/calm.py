"""The second phase of a storm: no trouble any more; what was held arrives, everything open is decided."""

from __future__ import annotations

import asyncio
import contextlib
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from topstepx.core.breaker import State
from topstepx.core.lanes import Lane
from topstepx.core.link import LinkState
from topstepx.core.token import Session
from topstepx.errors import TopstepxError
from topstepx.testing.eventually import eventually
from topstepx.testing.storm.auditors import Convergence
from topstepx.testing.storm.auditors.books import DECIDED_WITHIN_S, SESSION_WITHIN_S
from topstepx.testing.storm.others import one_more_order

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from topstepx.events import Flattened, FlattenFailed
    from topstepx.testing.storm.auditors import Auditor
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.world import World

_FREE_WITHIN_S: Final = 75.0
"""A window of the request budget, which the trader may have used up, and a moment."""
_REST_S: Final = 150.0
_SPEAKS_WITHIN_S: Final = 5.0
_EARLY_S: Final = 20.0


class Calm:
    """`life` is the trader's run; `others` are runs of a second client, which see the same account."""

    def __init__(self, world: World, auditors: Sequence[Auditor], life: Life) -> None:
        self.world, self.life = world, life
        self._auditors = auditors
        self._convergence = next((one for one in auditors if isinstance(one, Convergence)), None)

    async def run(
        self, others: Sequence[Life], rests: Iterable[Callable[[], Awaitable[None]]]
    ) -> None:
        """Until level, decided, judged and flat; `rests` let the traders' acts come to their end."""
        lives = (self.life, *others)
        for life in lives:
            await self._release_session(life)
        await self._level(*lives)
        await self._hears(*lives)
        for rest in rests:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REST_S):
                    await rest()
        await until(lambda: not any(one.ledger.open_intents() for one in lives), DECIDED_WITHIN_S)
        await asyncio.sleep(5.0)
        await self._level(*lives)  # a report that came late may have put it out of level again
        for auditor in self._auditors:
            for life in lives:
                auditor.calm(life)
        await self._way_out()
        await self._level(*lives)

    async def _release_session(self, life: Life) -> None:
        """A session that others fought over stays down until a person releases it: one does.

        Without that a token that ended in the fight is not renewed, and nothing can be read.
        """
        if life.client.health().session is not Session.CONTESTED:
            return
        self.world.trace.note("director", "a person releases the contested session", count="fights")
        with contextlib.suppress(TopstepxError):
            await life.client.resume(released_by="the storm's person")

    async def _level(self, *lives: Life) -> None:
        """Wait until the books are level; the clock of the promise runs while the session is good."""
        if self._convergence is None:
            return
        began_s = self.world.now_s()
        for life in lives:
            await until(lambda life=life: _reaches(life), SESSION_WITHIN_S)  # type: ignore[misc]  # bound now
            since_s = self.world.now_s()
            while not self._convergence.level(life, since_s):
                await asyncio.sleep(0.5)
                if not _reaches(life) and self.world.now_s() < began_s + SESSION_WITHIN_S:
                    since_s = self.world.now_s()
        took_s = self.world.now_s() - began_s
        self.world.trace.note("director", f"level after {took_s:.1f} s")
        self.world.peak("seconds until level", round(took_s))

    async def _hears(self, *lives: Life) -> None:
        """Somebody else acts once more in the calm: a client whose hub is back hears of it."""
        if self._convergence is None:
            return
        for life in lives:
            await until(lambda life=life: _is_live(life), _FREE_WITHIN_S)  # type: ignore[misc]  # bound now
            await until(lambda life=life: _reaches(life), SESSION_WITHIN_S)  # type: ignore[misc]  # the same
        were_live = [life for life in lives if _is_live(life)]
        order_id = one_more_order(self.world)
        if not order_id:  # shut, or locked: money comes in all the same
            now = self.world.memory.now()
            self.world.gateway.venue.adjust_balance(self.world.account_id, Decimal(7), now)
            self.world.moved()
        await self._level(*lives)
        for life in were_live if order_id else ():
            await until(lambda life=life: life.hub_spoke_of(order_id), _SPEAKS_WITHIN_S)  # type: ignore[misc]  # bound now
            if _is_live(life):
                self._convergence.heard_of(life, order_id)

    async def _way_out(self) -> None:
        """Flat now; where the exchange is shut, as far as that goes, and again when it opens."""
        await self._flatten()
        if self.world.is_open:
            return
        self.world.trace.note("director", "sleeps until the exchange opens", count="nights")
        self.world.sleep(max(0.0, self.world.opens_in_s() - _EARLY_S))
        await until(lambda: self.world.is_open, 2 * _EARLY_S)
        await self._level(self.life)
        await self._hears(self.life)
        await self._flatten()

    async def _flatten(self) -> None:
        """A person looks, releases what is latched, and takes every account flat."""
        client = self.life.client
        for account in self.life.accounts:
            result: Flattened | FlattenFailed | None = None
            try:
                await client.resume(account, released_by="the storm's person")
                result = await client.flatten(account)
            except TopstepxError as error:
                self.world.trace.note("director", f"the flatten raised {error!r}")
            for auditor in self._auditors:
                auditor.flattened(self.life, result)
            if not self.world.is_open:
                continue  # nobody is free to trade, and what is held keeps its warnings
            await until(lambda: not self._causes(account.id), _FREE_WITHIN_S)  # noqa: B023  awaited here
            if self._convergence is not None and (causes := self._causes(account.id)):
                self._convergence.found(f"not free to trade in the calm: {causes}")

    def _causes(self, account_id: int) -> list[str]:
        """What keeps the account from trading, or should and does not; a locked one says that, and only that."""
        stand = {
            str(one.reason) for one in self.life.ledger.modes.causes(account_id, everything=True)
        }
        locked = set() if self.world.may_trade(account_id) else {"account_cannot_trade"}
        return sorted(stand ^ locked)


def _reaches(life: Life) -> bool:
    """Whether the client has a session, and neither breaker nor budget keeps it from reading."""
    health = life.client.health()
    lanes = [bucket.lanes.get(Lane.RECONCILE) for bucket in health.budgets]
    dry = any(lane is not None and lane.reason for lane in lanes)
    shut = any(one.state is not State.CLOSED for one in health.breakers)
    return health.session is Session.GOOD and not shut and not dry


def _is_live(life: Life) -> bool:
    return life.client.health().user_hub is LinkState.LIVE


async def until(check: Callable[[], bool], within_s: float, *, every_s: float = 0.5) -> None:
    """Wait until something holds, or for so long."""
    with contextlib.suppress(AssertionError):
        await eventually(check, timeout_s=within_s, every_s=every_s)


FOREVER: Final = math.inf
