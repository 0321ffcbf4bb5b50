"""Contracts whose market data is known to be missing: no entry on them until it comes again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.events import ModeCauseAdded, ModeCauseCleared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.desk.record import Record

CAUSE: Final = "market_stale"


class StaleContracts:
    """Holds the cause for each contract that is streamed and not heard."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._stale: set[str] = set()

    def tell(self, stale: Mapping[str, str]) -> None:
        """These and no others are stale now; for each of them why."""
        for contract_id in sorted(stale.keys() - self._stale):
            self._record.commit(
                ModeCauseAdded(
                    at=self._record.stamp(),
                    account_id=None,
                    contract_id=contract_id,
                    reason=CAUSE,
                    detail=stale[contract_id],
                )
            )
        for contract_id in sorted(self._stale - stale.keys()):
            self._record.commit(
                ModeCauseCleared(
                    at=self._record.stamp(),
                    account_id=None,
                    contract_id=contract_id,
                    reason=CAUSE,
                )
            )
        self._stale = set(stale)
