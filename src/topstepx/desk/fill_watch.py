"""After every fill: did the hub tell it, did it tell the position, and do the two agree?

A step or a trade that REST showed while the user hub was trusted is one the hub owes us: if it does not
tell it within seconds, it is deaf, whoever did the reading (a wait for a fill reads too, and must not
hide what it found). A fill changes a position, so the hub owes the position as well. And a position that
does not agree with the fills is looked at soon, before anybody builds upon it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_positions import PositionChanged
from topstepx.core.ledger_trades import TradeChanged
from topstepx.events import (
    Observation,
    OrderObserved,
    PositionObserved,
    PositionsListed,
    TradeObserved,
    TradeVoided,
)

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.core.ledger import Change
    from topstepx.desk.hub_watch import HubWatch
    from topstepx.desk.intake import Intake
    from topstepx.desk.record import Record
    from topstepx.events import Event

AGREES_S: Final = 1.0
"""How long the position may take to agree with the fills before it is read."""

_OWED_S: Final = 5.0
_A_MOMENT_NS: Final = 2 * NANOSECONDS
_EARLY_NS: Final = 5 * NANOSECONDS
"""How much earlier than its fill the word about the position may come."""

_SETTLED_IN: Final = timedelta(seconds=2)
"""What happened so soon after the hub was trusted it may have told before."""


_FACTS = (OrderObserved, TradeObserved, TradeVoided, PositionObserved, PositionsListed)


class FillWatch:
    """Listens to the record; tells `watch` what the hub owes, and has it look."""

    def __init__(self, record: Record, intake: Intake, watch: HubWatch) -> None:
        self._record = record
        self._intake = intake
        self._watch = watch
        self._doubted: dict[tuple[int, str], asyncio.TimerHandle] = {}
        """What does not agree, and when it is looked at."""
        self._is_closed = False
        record.listen(self._on_fact, *_FACTS)

    def _on_fact(self, event: Event, changes: tuple[Change, ...]) -> None:
        if not isinstance(event, Observation) or event.origin == "replayed":
            return
        by_rest = event.source != "hub"
        for change in changes:
            match change:
                case OrderChanged():
                    self._order_moved(change, by_rest=by_rest)
                case TradeChanged():
                    self._traded(change, by_rest=by_rest)
                case PositionChanged():
                    self._doubt(change.account_id, change.contract_id)
                case _:
                    pass

    # -- what the hub owes

    def _order_moved(self, change: OrderChanged, *, by_rest: bool) -> None:
        before, after = change.before, change.after
        order = after.order
        was = (before.status, before.filled) if before is not None else None
        if was == (after.status, after.filled):
            return
        owed = not by_rest or self._is_owed(order.update_timestamp or order.creation_timestamp)
        if by_rest and owed:
            told = partial(self._intake.heard_ns, order.id)
            self._watch.expect(told, f"what REST told of order {order.id}", _OWED_S, _A_MOMENT_NS)
        if after.filled > (before.filled if before is not None else 0):
            self._filled(order.account_id, order.contract_id, owed=owed)

    def _traded(self, change: TradeChanged, *, by_rest: bool) -> None:
        trade = change.after.trade
        if change.before is not None:
            return
        owed = not by_rest or self._is_owed(trade.creation_timestamp)
        if by_rest and owed:
            told = partial(self._intake.heard_trade_ns, trade.id)
            self._watch.expect(
                told, f"trade {trade.id}, which REST told", _OWED_S, _A_MOMENT_NS, "trade"
            )
        self._filled(trade.account_id, trade.contract_id, owed=owed)

    def _filled(self, account_id: int, contract_id: str, *, owed: bool) -> None:
        if owed:
            told = partial(self._intake.heard_position_ns, account_id, contract_id)
            what = f"the position after a fill in {contract_id}"
            self._watch.expect(told, what, _OWED_S, _EARLY_NS, "position")
        self._doubt(account_id, contract_id)

    def _is_owed(self, moment: datetime) -> bool:
        """Whether it happened, by the gateway's clock, while the hub was trusted to tell it."""
        since = self._watch.trusted_since
        return since is not None and moment > since + _SETTLED_IN

    # -- whether the position agrees

    def _doubt(self, account_id: int, contract_id: str) -> None:
        """Look in a moment, unless fills and position agree by then."""
        doubted = account_id, contract_id
        if self._is_closed or doubted in self._doubted or not self._is_unsettled(*doubted):
            return
        loop = asyncio.get_running_loop()
        self._doubted[doubted] = loop.call_later(AGREES_S, self._look, *doubted)

    def close(self) -> None:
        """Look no more. A timer left behind would keep a client that is over alive."""
        self._is_closed = True
        for timer in self._doubted.values():
            timer.cancel()
        self._doubted.clear()

    def _look(self, account_id: int, contract_id: str) -> None:
        self._doubted.pop((account_id, contract_id), None)
        if self._is_unsettled(account_id, contract_id):
            self._watch.look()

    def _is_unsettled(self, account_id: int, contract_id: str) -> bool:
        return contract_id in self._record.ledger.netting.unsettled(account_id)
