"""A trader who trades on whatever happens, and writes down what he was told."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING, Any

from topstepx.core.order_life import Stage
from topstepx.errors import TopstepxError
from topstepx.testing.storm.habits import HABITS
from topstepx.testing.storm.notebook import Saying

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from topstepx.desk.accounts import Account
    from topstepx.desk.desk import Desk
    from topstepx.desk.order import Order
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.notebook import Said, Wish

_AT_ONCE = 8
_FIRST_SHARE = 0.6
# What a used key came to is raised again, so a handle that `place` gives is of an order that exists.
_NO_ORDER = frozenset(
    {
        Stage.RECORDED,
        Stage.SENT,
        Stage.UNKNOWN,
        Stage.NOT_SENT,
        Stage.REFUSED,
        Stage.PRESUMED_ABSENT,
    }
)


class Trader:
    """One trader's program in one run of the client; dies with it."""

    def __init__(
        self,
        life: Life,
        habits: Mapping[str, float] | None = None,
        pace_s: float | None = None,
    ) -> None:
        """Habits and pace are those of the storm's options unless given."""
        self.life, self.world = life, life.world
        self.book = life.book
        options = life.world.options
        self.chance = random.Random(f"trader {options.seed} {life.number}")  # noqa: S311  repeatable chance
        habits = habits if habits is not None else options.habits
        self._names, self._weights = list(habits), list(habits.values())
        self._pace_s = pace_s or options.pace_s
        self._acts: set[asyncio.Task[None]] = set()
        self._desks = [life.client.desk(account, life.contract) for account in life.accounts]

    def which(self) -> int:
        """The account of the next act, counted from 0: mostly the first."""
        if len(self._desks) == 1 or self.chance.random() < _FIRST_SHARE:
            return 0
        return self.chance.randrange(1, len(self._desks))

    @property
    def desk(self) -> Desk:
        """The desk of the next act."""
        return self._desks[self.which()]

    @property
    def account(self) -> Account:
        """The account of the next act."""
        return self.life.accounts[self.which()]

    async def trade(self) -> None:
        """Act again and again, several things at once; cancel it to end it."""
        for wish in self._left_open():
            self.do("ask again", partial(self.place, wish))
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / self._pace_s))
            if len(self._acts) < _AT_ONCE:
                name = self.chance.choices(self._names, self._weights)[0]
                self.do(name, partial(HABITS[name], self))

    async def rest(self) -> None:
        """Let what was begun come to its end."""
        if self._acts:
            await asyncio.wait(self._acts)

    def do(self, name: str, act: Callable[[], Awaitable[Any]]) -> asyncio.Task[None]:
        """Begin an act."""
        task = asyncio.get_running_loop().create_task(self._done(name, act), name=f"trader {name}")
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)
        return task

    async def _done(self, name: str, act: Callable[[], Awaitable[Any]]) -> None:
        """An act from its beginning to what it came to; only errors of this library may come."""
        began_at = self.world.memory.now()
        error: TopstepxError | None = None
        subject: object = None
        try:
            subject = await act()
            what = "done"
        except TopstepxError as raised:
            error, what = raised, f"{type(raised).__name__}[{raised.did_it_happen}]"
        except asyncio.CancelledError:
            what = "cancelled"
        # boundary: anything else that a client raises is itself a finding
        except Exception as raised:  # noqa: BLE001  whatever it is
            what = f"{type(raised).__name__}"
            if not self.life.over:
                self.book.foreign.append(f"{name} raised {raised!r}")
        if self.life.over:
            return
        ended_at = self.world.memory.now()
        self.book.sayings.append(
            Saying(began_at, ended_at, self.life.number, name, what, subject, error)
        )
        self.world.trace.note(
            "trader", f"{name}: {what} {error or ''}".rstrip(), count=f"did {name}"
        )

    def _left_open(self) -> list[Wish]:
        """What an earlier run did not answer definitely: a careful trader asks again by its key."""
        return [wish for wish in self.book.wishes.values() if wish.may_ask_again]

    async def place(self, wish: Wish) -> Order:
        """Ask for a wish, and write down what was said about it."""
        number = len(wish.said)
        wish.said.append("nothing")
        said: Said = "nothing"
        try:
            order = await self.life.client.orders.place(
                self.life.accounts[wish.account], self.life.contract, key=wish.key, **wish.terms
            )
            said = "accepted"
            if order.stage in _NO_ORDER and not self.life.over:
                self.book.hollow.append(
                    f"{wish.key} got the handle of an order {order.stage.value}"
                )
            if order.tag is not None:
                wish.tags.append(order.tag)
        except TopstepxError as error:
            said = "no" if error.did_it_happen == "no" else "unknown"
            raise
        finally:
            if not self.life.over:
                wish.said[number] = said
                self.world.trace.counts[f"told {said}"] += 1
        return order

    def working(self) -> list[Order]:
        """Handles of what the client believes to work."""
        return [one for one in self.desk.working if not one.is_over]
