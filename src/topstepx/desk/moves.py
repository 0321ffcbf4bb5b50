"""Moving an order's price again and again without eating the request budget.

A trailing strategy may ask for a new stop at every tick. Only the latest price matters: while one
change is under way, and for a second after it, newer wishes replace each other, and then the last one
leaves. Whoever asked for a replaced one waits for that. A `modify` of the price is a newer word as well:
a move that still waits is replaced by it, unless it is refused.

A move that may only tighten is measured against what is wanted already, and once more in the moment
before it leaves: by then the order may stand elsewhere than when it was asked for.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from topstepx.core.modifying import is_closer
from topstepx.errors import RateLimited, TopstepxError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from decimal import Decimal

    from topstepx.wire.enums import Side

MOVE_EVERY_S = 1.0
"""At most one change per order leaves in this time."""

_BUDGET_WAIT_MAX_S = 10.0


@dataclass(slots=True)
class _Wish:
    """The latest price wanted, and everybody who waits for it or for one that it replaced."""

    price: Decimal
    tighten_only: bool
    waiting: list[asyncio.Future[None]] = field(default_factory=list)


class Moves:
    """Coalesces the moves of each order; `change(order_id, price, tighten_only)` sends one."""

    def __init__(
        self,
        change: Callable[[int, Decimal, bool], Awaitable[None]],
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self._change = change
        self._spawn = spawn
        self._wishes: dict[int, _Wish] = {}
        self._working: set[int] = set()
        self._overruled: set[int] = set()
        """Orders whose change that is under way is older than a modify."""

    def is_under_way(self, order_id: int) -> bool:
        """Whether a move of this order is on its way, or was a second ago."""
        return order_id in self._working

    async def move(self, order_id: int, price: Decimal, *, tightens: Side | None = None) -> None:
        """Done when this price, or a later one, is in force; raises what its change raised.

        With `tightens`, the side of a stop that may only come closer to the market, a price further off
        than the one that waits to leave joins that one. Cancelling the wait does not take the wish back.
        """
        wish = self._wishes.setdefault(order_id, _Wish(price, tightens is not None))
        if tightens is None or is_closer(tightens, price, wish.price):
            # What replaces a wish that may loosen, from closer to the market, may loosen as well.
            wish.price = price
            wish.tighten_only = tightens is not None and wish.tighten_only
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wish.waiting.append(done)
        self._begin(order_id)
        await done

    @asynccontextmanager
    async def overruled(self, order_id: int) -> AsyncIterator[None]:
        """Inside, another change of the price is made: no move asked for before leaves afterwards."""
        wish = self._wishes.pop(order_id, None)
        if order_id in self._working:
            self._overruled.add(order_id)
        try:
            yield
        except TopstepxError as error:
            if error.did_it_happen != "no":
                _tell(wish, error)
                raise
            self._overruled.discard(order_id)
            if wish is not None:
                self._put_back(order_id, wish)
                self._begin(order_id)
            raise
        except BaseException:
            _tell(wish, None)  # who asked has left, and the change goes on
            raise
        _tell(wish, None)

    def _begin(self, order_id: int) -> None:
        if order_id not in self._working:
            self._working.add(order_id)
            task = self._spawn(self._work(order_id), f"move {order_id}")
            task.add_done_callback(lambda ended: self._ended(order_id, ended))

    async def _work(self, order_id: int) -> None:
        while (wish := self._wishes.pop(order_id, None)) is not None:
            self._overruled.discard(order_id)
            try:
                await self._change(order_id, wish.price, wish.tighten_only)
            except RateLimited as limited:
                if order_id in self._overruled:
                    _tell(wish, None)
                    continue
                self._put_back(order_id, wish)
                await asyncio.sleep(min(_BUDGET_WAIT_MAX_S, limited.retry_after_s or MOVE_EVERY_S))
                continue
            except TopstepxError as error:
                _tell(wish, error)
            except BaseException:
                self._put_back(order_id, wish)  # whoever waits hears that it ended
                raise
            else:
                _tell(wish, None)
            await asyncio.sleep(MOVE_EVERY_S)
        self._overruled.discard(order_id)
        self._working.discard(order_id)  # in the step that found no wish: none can slip in between

    def _put_back(self, order_id: int, wish: _Wish) -> None:
        """No room now: the wish waits, unless a newer one came; then its waiters wait for that."""
        newer = self._wishes.get(order_id)
        if newer is None:
            self._wishes[order_id] = wish
        else:
            newer.waiting += wish.waiting

    def _ended(self, order_id: int, task: asyncio.Task[None]) -> None:
        """If the work was cut short, nobody must wait for ever."""
        if not task.cancelled() and task.exception() is None:
            return  # it ended by itself, and another may have begun since
        self._overruled.discard(order_id)
        self._working.discard(order_id)
        wish = self._wishes.pop(order_id, None)
        for done in wish.waiting if wish is not None else ():
            done.cancel()


def _tell(wish: _Wish | None, error: TopstepxError | None) -> None:
    for done in wish.waiting if wish is not None else ():
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
