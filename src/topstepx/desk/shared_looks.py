"""One reading for every close of a contract whose fate is not known.

A gateway that takes closes and holds them back is asked again every few seconds, and each try is looked for
until it is known what became of it. Closes carry no tag, so all of them look at the same lists: read once
for each, a dozen would use up the request budget that everything else needs.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane
from topstepx.core.ownership import CLOSES
from topstepx.core.searches import looks_from

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.evidence import Evidence, Reading
    from topstepx.desk.record import Record

ALONE_MAX: Final = 2
"""So many closes of a contract are looked for each on its own, and as soon as each wants to."""

SPREAD_S: Final = 4.0
"""Seconds from one reading to the next for more of them: fifteen readings in a minute, however many."""

_ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC)


class SharedLooks:
    """Readings of contracts on which several closes are looked for."""

    def __init__(self, record: Record, evidence: Evidence) -> None:
        self._record = record
        self._evidence = evidence
        self._latest: dict[tuple[int, str], Reading] = {}
        self._turns: dict[tuple[int, str], asyncio.Lock] = {}

    def rivals(self, intent: IntentBelief) -> tuple[IntentBelief, ...]:
        """The closes of a contract that are looked for together, this one too; empty: each on its own."""
        recorded = intent.recorded
        if recorded is None or recorded.action not in CLOSES:
            return ()
        closes = tuple(
            one
            for one in self._record.ledger.open_intents(intent.account_id)
            if one.recorded is not None
            and one.recorded.action in CLOSES
            and one.recorded.contract_id == recorded.contract_id
        )
        return closes if len(closes) > ALONE_MAX else ()

    def next_ns(self, intent: IntentBelief, contract_id: str, seen_ns: int) -> int:
        """When there is something that one of several has not seen: now (0), or the next common reading."""
        latest = self._latest.get((intent.account_id, contract_id))
        if latest is None or latest.began_ns > seen_ns or not self.rivals(intent):
            return 0
        return latest.began_ns + round(SPREAD_S * NANOSECONDS)

    async def read(self, intent: IntentBelief, contract_id: str, seen_ns: int) -> Reading:
        """A reading that began after `seen_ns` and reaches back far enough, new or another one's."""
        key = intent.account_id, contract_id
        together = self.rivals(intent)
        if not together:
            lane = Lane.EXIT if intent.cancel_wanted else Lane.RESOLVE
            return await self._evidence.read(*key, _since(intent), lane=lane)
        async with self._turns.setdefault(key, asyncio.Lock()):
            since = min(_since(one) for one in together)
            latest = self._latest.get(key)
            if latest is None or latest.began_ns <= seen_ns or latest.since > since:
                latest = await self._evidence.read(*key, since)
                self._latest[key] = latest
            return latest


def _since(intent: IntentBelief) -> datetime:
    return looks_from(intent.recorded) if intent.recorded is not None else _ALWAYS
