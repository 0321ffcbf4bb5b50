"""Who uses which stream of a hub, and who waits for the hub to confirm it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.link_effects import Subscription


Confirmation = asyncio.Future[None]
"""Done when the hub has confirmed, or with why it will not."""


class HubUsers:
    """Counts users; a stream is given up with its last one."""

    def __init__(self) -> None:
        self._users: dict[Subscription, int] = {}
        self._waiting: dict[Subscription, list[Confirmation]] = {}

    def join(self, subscriptions: Iterable[Subscription]) -> dict[Subscription, Confirmation]:
        """One user more for each, and what tells each confirmation."""
        loop = asyncio.get_running_loop()
        joined: dict[Subscription, Confirmation] = {}
        for one in subscriptions:
            self._users[one] = self._users.get(one, 0) + 1
            joined[one] = loop.create_future()
            self._waiting.setdefault(one, []).append(joined[one])
        return joined

    def leave(self, subscription: Subscription) -> bool:
        """One user less; True: it was the last one."""
        left = self._users.get(subscription, 0) - 1
        if left > 0:
            self._users[subscription] = left
            return False
        return self._users.pop(subscription, None) is not None

    async def confirmed(self, joined: dict[Subscription, Confirmation]) -> None:
        """Until all are confirmed, or one of them never will be."""
        if len(joined) == 1:
            await next(iter(joined.values()))
            return
        await asyncio.wait(joined.values(), return_when=asyncio.FIRST_EXCEPTION)
        for one in joined.values():
            if one.done():
                one.result()

    def waits_no_longer(self, joined: dict[Subscription, Confirmation]) -> None:
        """Nobody is interested in these confirmations any more."""
        for subscription, one in joined.items():
            waiting = self._waiting.get(subscription, [])
            if one in waiting:
                waiting.remove(one)
            if not one.cancel() and not one.cancelled():
                one.exception()  # else asyncio would log that nobody asked

    def settle(self, subscription: Subscription, error: Exception | None) -> None:
        """The hub confirmed it, or with `error` refused it: then nobody uses it."""
        if error is not None:
            self._users.pop(subscription, None)
        self._end(self._waiting.pop(subscription, []), error)

    def fail(self, error: Exception) -> None:
        """Nothing will be confirmed any more."""
        for waiting in self._waiting.values():
            self._end(waiting, error)

    @staticmethod
    def _end(waiting: Iterable[Confirmation], error: Exception | None) -> None:
        for one in waiting:
            if one.done():
                continue
            if error is None:
                one.set_result(None)
            else:
                one.set_exception(error)
