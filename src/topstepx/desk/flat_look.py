"""One look at what stands between an account, or one contract of it, and flat.

Lists may be seconds late, so a look asks for what they should show and do not, counts a position that fills
leave in doubt as one that is held, and where nothing is left asks the other list of orders as well.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.core.asked import accepted_unseen
from topstepx.core.flatten import Look, protection
from topstepx.core.lanes import Lane
from topstepx.core.netting import NetRange
from topstepx.errors import TopstepxError
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.flatten import Doubt, Flattening
    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.wire.models import OrderModel

FLAT = NetRange(0, 0)
_NO_DOUBT = (0, 0)
_EARLIER = timedelta(seconds=300)


class FlatLook:
    """Looks for one effort to flatten."""

    def __init__(
        self,
        reader: Reader,
        record: Record,
        machine: Flattening,
        account_id: int,
        concerns: Callable[[str], bool],
    ) -> None:
        self._reader, self._record, self._machine = reader, record, machine
        self._account_id, self._concerns = account_id, concerns
        self._let_go: set[int] = set()

    def let_go(self, order_id: int) -> None:
        """The gateway said of this order that it is cancelled, or that there is nothing to cancel."""
        self._let_go.add(order_id)

    async def now(self) -> Look:
        """Orders and positions now. A position that the hub told since counts as well."""
        orders = await self._reader.live_orders(self._account_id, lane=Lane.EXIT)
        rows = await self._reader.positions(self._account_id, lane=Lane.EXIT)
        wanted = {row.contract_id for row in rows} | {
            belief.contract_id for belief in self._record.ledger.positions(self._account_id)
        }
        wanted |= set(self._record.ledger.netting.unsettled(self._account_id))
        await self._account_for(wanted)
        positions: dict[str, int] = {}
        for contract_id in wanted:
            belief = self._record.ledger.position(self._account_id, contract_id)
            if self._concerns(contract_id) and not self._is_flat(contract_id, belief):
                positions[contract_id] = (belief.net or 0) if belief is not None else 0
        live = self._live((*orders, *await self._unshown({order.id for order in orders})))
        if not (live or positions):
            with contextlib.suppress(TopstepxError):  # the first list has said what it knows
                live = self._live(await self._reader.open_orders(self._account_id, lane=Lane.EXIT))
        return Look(live, positions)

    def unneeded(self) -> tuple[OrderModel, ...]:
        """What works as far as is known, where the gateway cannot be read; what may protect is left out."""
        ledger = self._record.ledger
        found: list[OrderModel] = []
        working = [belief.order for belief in ledger.working(self._account_id)]
        for contract_id in sorted({order.contract_id for order in working}):
            if not self._concerns(contract_id):
                continue
            there = [order for order in working if order.contract_id == contract_id]
            net = ledger.netting.range(self._account_id, contract_id)
            sure = net.low if net is not None and net.is_certain else 0
            stays = {order.id for order in protection(there, sure)}
            found += [one for one in there if one.id not in stays | self._let_go]
        return tuple(found)

    def _live(self, orders: tuple[OrderModel, ...]) -> tuple[OrderModel, ...]:
        """Those that matter here and are not known to be over."""
        here = (order for order in orders if self._concerns(order.contract_id))
        return tuple(order for order in here if not self._is_over(order))

    def _is_flat(self, contract_id: str, belief: PositionBelief | None) -> bool:
        """Whether nothing is held, or only in doubt and the gateway finds nothing to close, again and again.

        A list that says flat may be older than a fill, whether it was known before the list or after it.
        """
        doubt = self.doubt(contract_id)
        told = belief is not None and belief.net == 0
        return told and (doubt == _NO_DOUBT or self._machine.is_empty(contract_id, doubt))

    def doubt(self, contract_id: str) -> Doubt:
        """Between what the position can be, by all that was told; None: anything."""
        net = self._record.ledger.netting.range(self._account_id, contract_id)
        return None if net is None else (net.low, net.high)

    async def _unshown(self, listed: set[int]) -> list[OrderModel]:
        """Orders that work as far as is known, and that the list does not show: it may be seconds late.

        Each is asked for by its id. One of which the gateway said that it is cancelled, or that there is
        nothing to cancel, is let go; not so one that is told to be on its way there, which may still fill.
        """
        ledger, account_id = self._record.ledger, self._account_id
        known = {belief.id: belief.order for belief in ledger.working(account_id)}
        known |= {one.id: one for one in accepted_unseen(ledger, account_id)}
        found = []
        for order_id in sorted(known.keys() - listed):
            if order_id in self._let_go and not self._is_going(order_id):
                continue
            if not self._concerns(known[order_id].contract_id):
                continue
            with contextlib.suppress(TopstepxError):  # then it is taken for what it was
                await self._reader.order(account_id, order_id, lane=Lane.EXIT)
            belief = ledger.order(order_id)
            found.append(known[order_id] if belief is None else belief.order)
        return found

    def _is_going(self, order_id: int) -> bool:
        belief = self._record.ledger.order(order_id)
        return belief is not None and belief.status is OrderStatus.PENDING_CANCELLATION

    async def _account_for(self, contracts: set[str]) -> None:
        """Ask for trades where fills contradict the list: without a hub nobody tells what a close filled.

        Until that is known the position may be there, and its legs stay while nothing is held.
        """
        ledger = self._record.ledger
        beliefs = [ledger.position(self._account_id, one) for one in contracts]
        if not any(belief is not None and belief.unshown for belief in beliefs):
            return
        with contextlib.suppress(TopstepxError):  # then the lists are believed a little later
            await self._reader.late_trades(self._account_id, _EARLIER, lane=Lane.EXIT)

    def _is_over(self, order: OrderModel) -> bool:
        belief = self._record.ledger.order(order.id)
        return belief is not None and belief.is_terminal
