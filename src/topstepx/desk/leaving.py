"""The end of a client: what is on its way arrives, what is open is waited for, what is left is said.

Leaving by an exception, Ctrl-C or SIGTERM also takes back your own resting entries, because nobody would watch
them. What protects a position stays: stops, targets and every other order against the position, but for limits for
which others leave no room in it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from topstepx.core import tags
from topstepx.core.asked import place_of
from topstepx.core.brackets import STOPS, only_reduces
from topstepx.core.moot import settled_by
from topstepx.desk.waiting import until
from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.settings import Settings

_LOG = logging.getLogger("topstepx")
_TIDY_S = 15.0


class Leaving:
    """Ends what this client began. `flatten` takes one account flat."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        recovery: Recovery,
        settings: Settings,
        flatten: Callable[[int], Awaitable[object]],
    ) -> None:
        self._record = record
        self._orders = orders
        self._recovery = recovery
        self._settings = settings
        self._flatten = flatten

    async def tidy(self) -> None:
        """After an exception or Ctrl-C: do what `on_exit` says, within seconds; never raises for it.

        What stays is said in the log: the program that would look at `left_behind` is ending.
        """
        if not self._settings.may_trade:
            return
        self._orders.end_entries()  # other tasks of the program may go on trading meanwhile
        if self._settings.on_exit != "keep":
            await self._tidy_all()
        for line in self.left():
            _LOG.warning("left behind: %s", line)

    async def _tidy_all(self) -> None:
        try:
            async with asyncio.timeout(_TIDY_S):
                await asyncio.gather(*(self._tidy(account) for account in self._recovery.accounts))
        except TimeoutError:
            _LOG.warning("not everything could be taken back within %.0f s", _TIDY_S)

    async def _tidy(self, account_id: int) -> None:
        try:
            if self._settings.on_exit == "flatten":
                await self._flatten(account_id)
                return
        except TopstepxError as error:
            _LOG.warning("account %s is not flat: %s", account_id, error)
        await asyncio.gather(*(_take_back(order) for order in self.entries(account_id)))

    def entries(self, account_id: int) -> tuple[Order, ...]:
        """Our own orders that would open or enlarge a position: working, or not shown by anybody yet."""
        ledger = self._record.ledger
        found = []
        taken: dict[str, int] = {}
        for belief in ledger.working(account_id):
            order = belief.order
            if order.parent_order_id is not None or order.custom_tag is None:
                continue
            tag = tags.canonical(order.custom_tag)
            if ledger.intent_by_tag(account_id, tag) is None:
                continue
            # Limits share the position: what fills once others have taken it opens the opposite one.
            before = 0 if order.type in STOPS else taken.get(order.contract_id, 0)
            if not only_reduces(ledger, order, max(belief.remaining, before + 1)):
                found.append(self._orders.handle(order))
            elif order.type not in STOPS:
                taken[order.contract_id] = before + belief.remaining
        for intent in ledger.unsettled_intents(account_id):
            asked = None if intent.state == "presumed_absent" else place_of(intent)
            if asked is None or only_reduces(ledger, asked, asked.size):
                continue
            unseen = self._orders.of_intent(intent.intent_id)
            if unseen is not None and unseen.belief is None:
                found.append(unseen)
        return tuple(found)

    async def settle(self, wait_s: float) -> tuple[str, ...]:
        """Wait for the resolver, for so long at most; what is still open then, a line each.

        What has reached its end is settled and not waited for, such as a cancel whose order is over or a
        close whose position was read and is flat.
        """
        if wait_s > 0 and self._open():
            await until(
                self._record,
                lambda: None if self._open() else True,
                timeout_s=wait_s,
            )
        return tuple(_line(intent) for intent in self._open())

    def _open(self) -> tuple[IntentBelief, ...]:
        """Of the accounts that were used here: others' intents in one journal are theirs."""
        ledger = self._record.ledger
        accounts = self._recovery.accounts
        mine = (one for one in ledger.open_intents() if one.account_id in accounts)
        return tuple(one for one in mine if settled_by(ledger, one) is None)

    def left(self) -> tuple[str, ...]:
        """Positions and working orders that stay behind, a line each."""
        ledger = self._record.ledger
        lines = []
        for account_id in self._recovery.accounts:
            lines += [
                f"account {account_id} holds {position.net} {position.contract_id}"
                for position in ledger.positions(account_id)
            ]
            for belief in ledger.working(account_id):
                order = belief.order
                lines.append(
                    f"account {account_id}: order {belief.id} ({order.type.name} {order.side.name}"
                    f" {belief.remaining} {order.contract_id}) works"
                )
        return tuple(lines)


async def _take_back(order: Order) -> None:
    try:
        await order.cancel()
    except TopstepxError as error:
        _LOG.warning("%s was not cancelled: %s", order.describe(), error)


def _line(intent: IntentBelief) -> str:
    recorded = intent.recorded
    what = recorded.action if recorded is not None else "an intent"
    where = recorded.contract_id if recorded is not None and recorded.contract_id else "?"
    name = (recorded.key or recorded.tag) if recorded is not None else None
    return f"{what} on {where}, account {intent.account_id} ({name or intent.intent_id})"
