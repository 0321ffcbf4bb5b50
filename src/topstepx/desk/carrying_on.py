"""What an earlier run had begun with its orders goes on in this one.

The parts that care for orders listen to what is new. What the journal tells and the gateway confirms is not
new, so nobody would hear of it: an order that was half filled before the crash, a leg that stands where the
gateway put it, a position whose stop is gone, a cancel that was wanted and not sent. So when an account was
read whole, each part is shown what concerns it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.ownership import intent_of

if TYPE_CHECKING:
    from topstepx.desk.large_exits import LargeExits
    from topstepx.desk.left_legs import LeftLegs
    from topstepx.desk.legs import LegPrices
    from topstepx.desk.protection import Protection
    from topstepx.desk.record import Record
    from topstepx.desk.remainder import Remainders
    from topstepx.desk.resolver import Resolver


class CarryingOn:
    """Shows the parts what they would have heard of before."""

    def __init__(
        self,
        record: Record,
        resolver: Resolver,
        remainders: Remainders,
        legs: LegPrices,
        protection: Protection,
        *,
        left_legs: LeftLegs,
        large_exits: LargeExits,
    ) -> None:
        self._record = record
        self._resolver = resolver
        self._remainders = remainders
        self._legs = legs
        self._protection = protection
        self._left_legs = left_legs
        self._large_exits = large_exits

    def carry_on(self, account_id: int) -> None:
        """Take up what is there, after the account was read whole by the process that trades it."""
        ledger = self._record.ledger
        for belief in ledger.working(account_id):
            self._remainders.recall(belief)
            self._legs.look(belief)
            self._left_legs.recall(belief)
            self._large_exits.look(account_id, belief.order.contract_id)
            intent = intent_of(ledger, belief.order)
            if intent is not None and intent.cancel_wanted and intent.order_id == belief.id:
                self._resolver.cancel_wanted(belief.order)
        held = {position.contract_id for position in ledger.positions(account_id)}
        held |= set(ledger.netting.unsettled(account_id))  # a late list may not show it yet
        for belief in ledger.orders(account_id) if held else ():
            if belief.order.contract_id in held:
                self._protection.recall(belief)
