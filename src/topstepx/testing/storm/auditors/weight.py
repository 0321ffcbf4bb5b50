"""What a client weighs in the calm: objects, tasks and sockets, against what it has to remember."""

from __future__ import annotations

import gc
from collections import Counter
from typing import TYPE_CHECKING, Final

from topstepx.testing.storm.auditors.judge import Auditor

if TYPE_CHECKING:
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.world import World

_OF_A_LINK: Final = (
    "topstepx.net.hub",
    "topstepx.core.link",
    "topstepx.core.signalr.",
    "topstepx.testing.memory_hubs",
)
"""Where the kinds are of which a client needs a few for each connection, however often it is made anew."""

_OF_A_CLIENT: Final = ("topstepx.desk.", "topstepx.core.")
_LINK_EACH: Final = 10
_CLIENT_EACH: Final = 64
_TASKS_EACH: Final = 60
_SOCKETS_EACH: Final = 4  # both hubs, and a second line of each while it moves to a new token
_PER_FACT: Final = 4
_ONE_IN: Final = 3
"""Weighing takes as long as a tenth of a storm, so not every storm is weighed."""


def living() -> Counter[str]:
    """How many objects of each kind of ours are alive now, by module and name; garbage is taken out first."""
    gc.collect()
    kinds = Counter(map(type, gc.get_objects()))
    return Counter(
        {
            f"{kind.__module__}.{kind.__qualname__}": count
            for kind, count in kinds.items()
            if str(kind.__module__).startswith(
                "topstepx."
            )  # some classes of others have no text there
        }
    )


class Weight(Auditor):
    """Nothing is kept that nobody needs any more: no line that was left, no order that is over twice."""

    promise = (
        "what a client holds grows with neither reconnects nor requests: a few objects for each line, a few"
        " for each order and intent, a few tasks and at most four sockets"
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._weighs = world.options.seed % _ONE_IN == 0
        self._before = living() if self._weighs else Counter[str]()

    def look(self) -> None:
        """Once a second: sockets are descriptors."""
        for life in (self.world.life, *self.world.beside[-1:]):
            sockets = life.hubs.count if life is not None else 0
            if sockets > _SOCKETS_EACH:
                self.found(f"{sockets} hub sockets are open at once")
            self.world.peak("sockets", sockets)

    def calm(self, life: Life) -> None:
        """Weigh; with two clients they are weighed together, once."""
        world = self.world
        tasks = len(world.strangers())
        if tasks > _TASKS_EACH * (1 + len(world.beside)):
            self.found(f"{tasks} tasks in the calm")
        world.peak("tasks in the calm", tasks)
        if self._weighs and not life.is_beside:
            self._weigh()

    def _weigh(self) -> None:
        world = self.world
        runs = len(world.everyone)
        remembered = sum(
            len(one.ledger.intents()) + len(one.ledger.orders()) + len(one.ledger.trades())
            for one in world.everyone
        )
        # What the trader's notebook keeps of an error holds on to the call that raised it.
        remembered += sum(len(book.sayings) + len(book.wishes) for book in world.books)
        for kind, count in (living() - self._before).items():
            if kind.startswith(_OF_A_LINK):
                most = _LINK_EACH * runs * len(world.account_ids)
            elif kind.startswith(_OF_A_CLIENT):
                most = _CLIENT_EACH * runs + _PER_FACT * remembered
            else:
                continue
            if count > most:
                self.found(f"{count} {kind} are alive, of {runs} runs and {remembered} facts")
