"""Before a position is made smaller: no entry crosses it, and what the limit then has no room for goes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.core.overhang import overhang
from topstepx.desk.resolver import WATCH_S
from topstepx.desk.waiting import until
from topstepx.events import ModeCauseAdded, ModeCauseCleared
from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topstepx.desk.cancelling import Cancelling
    from topstepx.desk.record import Record
    from topstepx.settings import Settings

_IN_FLIGHT_S = 2.0
"""How long a reduction waits for orders on their way, and for the cancels that make room."""

_WATCHED = timedelta(seconds=WATCH_S)


class Room:
    """Makes room for reductions."""

    def __init__(self, record: Record, cancelling: Cancelling, settings: Settings) -> None:
        self._record = record
        self._cancelling = cancelling
        self._most = settings.limits.contracts_max

    @asynccontextmanager
    async def fenced(self, account_id: int, contract_id: str) -> AsyncIterator[None]:
        """Entries on the contract are refused inside, and those under way have had a moment to land."""
        self._fence(account_id, contract_id, raised=True)
        try:
            await until(
                self._record,
                lambda: None if self._is_under_way(account_id, contract_id) else True,
                timeout_s=_IN_FLIGHT_S,
            )
            yield
        finally:
            self._fence(account_id, contract_id, raised=False)

    async def made(self, account_id: int, contract_id: str, net_after: int, side: Side) -> set[int]:
        """Cancel the orders on `side` for which a position of `net_after` leaves no room; which ones.

        The cancels go on until they are done, but the reduction does not wait for a slow one.
        """
        if self._most is None:
            return set()
        now, ledger = self._record.stamp(), self._record.ledger
        gone = overhang(ledger, account_id, contract_id, net_after, side, self._most, _WATCHED, now)
        efforts = {self._cancelling.insist(account_id, one.id, contract_id) for one in gone}
        if efforts:
            await asyncio.wait(efforts, timeout=_IN_FLIGHT_S)
        return {one.id for one in gone}

    def _is_under_way(self, account_id: int, contract_id: str) -> bool:
        """Whether an order was sent and not answered yet, or is about to fill at the market."""
        ledger = self._record.ledger
        for intent in ledger.open_intents(account_id):
            recorded = intent.recorded
            if recorded is None or recorded.contract_id != contract_id:
                continue
            if recorded.action == "place" and intent.state != "unknown":
                return True
        working = ledger.working(account_id, contract_id)
        return any(belief.order.type is OrderType.MARKET for belief in working)

    def _fence(self, account_id: int, contract_id: str, *, raised: bool) -> None:
        kind = ModeCauseAdded if raised else ModeCauseCleared
        at = self._record.stamp()
        self._record.commit(
            kind(at=at, account_id=account_id, contract_id=contract_id, reason="reducing")
        )
