"""Sending a lost order once more under its own tag: a setting, off by default (`send_lost_again`).

It rests on one thing that nobody has shown for every case: that the gateway refuses a tag that was used
(assumed; seen for tags of accepted orders). If that holds, whichever copy arrives first is the order
and the others bounce, so that a lost request costs no trade. If it does not hold, a copy is a second
order: twice the size that was asked for. Sightings then notice two orders under one tag and halt.

A copy leaves only inside the order's own deadline, after a complete look found nothing under its tag,
while nobody wants it cancelled, and past everything that the first one had to pass. This process sends it
or nobody: after a restart an open order is only looked for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from topstepx.core.asked import place_of
from topstepx.core.resolve import Fate, Finding
from topstepx.errors import DeadlinePassed, NotSent, TopstepxError

if TYPE_CHECKING:
    from topstepx.core.resolve import PlaceSearch, Round
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.desk.write import Intent, Writer

_LOG = logging.getLogger("topstepx.orders")

SENDS_MAX: Final = 3
"""How often one order may leave: the first time, every copy, and repeats across a 401 all count."""

_MAY_GO_ON: Final = frozenset({"unknown", "not_sent", None})


class Resending:
    """Keeps the orders whose answers were lost, and sends copies of them while that is allowed."""

    def __init__(self, orders: Orders, record: Record, writer: Writer) -> None:
        self._orders = orders
        self._record = record
        self._writer = writer
        self._kept: dict[str, tuple[Intent, int]] = {}

    def lost(self, intent: Intent, send_by_ns: int) -> None:
        """An order left and its answer was lost; nothing of it may leave after `send_by_ns`."""
        now_ns = self._record.now_ns()
        self._kept = {one: kept for one, kept in self._kept.items() if kept[1] > now_ns}
        self._kept[intent.intent_id] = (intent, send_by_ns)

    async def consider(self, intent_id: str, search: PlaceSearch, seen: Round) -> None:
        """After a look that did not find it: send it again, if everything allows it."""
        kept = self._kept.get(intent_id)
        if kept is None:
            return
        intent, send_by_ns = kept
        if not seen.complete or seen.unexplained or not seen.tags_shown:
            return  # not found is not yet "not there"
        try:
            self._check_count(intent_id)
            self._check(intent, search, send_by_ns)
        except TopstepxError as error:
            _LOG.info("%s is not sent again: %s", intent.tag, error)
            self._kept.pop(intent_id, None)
            return
        outcome = await self._writer.send_again(
            intent, send_by_ns, lambda: self._check(intent, search, send_by_ns)
        )
        belief = self._record.ledger.intent(intent_id)
        if belief is not None and belief.copies > search.copies:
            search.sent_again(self._record.now_ns())
        if belief is not None and belief.state == "accepted":
            search.decide(
                Finding(Fate.ACCEPTED, ("accepted when it was sent again under its tag",))
            )
        if outcome not in _MAY_GO_ON:
            self._kept.pop(intent_id, None)

    def _check_count(self, intent_id: str) -> None:
        belief = self._record.ledger.intent(intent_id)
        if belief is None or belief.attempts >= SENDS_MAX:
            raise NotSent(f"It left {SENDS_MAX} times.")

    def _check(self, intent: Intent, search: PlaceSearch, send_by_ns: int) -> None:
        """Nothing, if a copy may leave at this very moment; raises what forbids it."""
        if self._record.now_ns() >= send_by_ns:
            raise DeadlinePassed("The deadline of the order has passed.")
        belief = self._record.ledger.intent(intent.intent_id)
        request = place_of(belief)
        if belief is None or request is None or not belief.is_open or search.finding is not None:
            raise NotSent("It is known by now what became of the first copy.")
        if belief.cancel_wanted:
            raise NotSent("It is wanted cancelled.")
        if self._record.ledger.order_by_tag(intent.account_id, search.tag) is not None:
            raise NotSent("An order with its tag was seen.")
        self._orders.check_may_trade()
        self._orders.check_again(request, intent.intent_id)
