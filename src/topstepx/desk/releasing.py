"""A person's release of accounts: what is latched on them, and the right to trade them where it is free.

The right cannot be released while another process holds it: that is said, with its name and what to do.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from topstepx.core.mode import rule_of
from topstepx.errors import ModeRefused

if TYPE_CHECKING:
    from topstepx.desk.authority import Authority
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.wire.models import AccountModel

_LOG = logging.getLogger("topstepx")
_HELD: Final = "held_elsewhere"


class Releasing:
    """`release` one account, or all."""

    def __init__(self, record: Record, authority: Authority, recovery: Recovery) -> None:
        self._record = record
        self._authority = authority
        self._recovery = recovery

    async def release(self, account: AccountModel | None, released_by: str) -> None:
        """Release what a person may release; then read whole what this process may trade from now on.

        Raises `ModeRefused` where another process trades `account`; of all accounts the log says which.
        """
        account_id = account.id if account is not None else None
        await self._authority.resume(account_id)
        for release in self._record.ledger.modes.releases(
            account_id, released_by=released_by, at=self._record.stamp()
        ):
            await self._record.commit_durable(release)
        for model in (account,) if account is not None else self._recovery.readied:
            if self._holder(model.id) is not None:
                await self._recovery.ensure(model)  # whoever held it may have ended
            holder = self._holder(model.id)
            if holder is None:
                continue
            refused = ModeRefused(
                f"Account {model.id} is not released for entries: {rule_of(_HELD).meaning} ({holder}).",
                mode="REDUCE_ONLY",
                causes=(_HELD,),
                next_step="End that process, then resume or await ready(account); or go on in it. "
                "Cancels and closes pass here.",
            )
            if account is not None:
                raise refused
            _LOG.warning("%s", refused)

    def _holder(self, account_id: int) -> str | None:
        """Who holds the right to trade it; None: nobody else."""
        causes = self._record.ledger.modes.causes(account_id)
        return next((cause.detail for cause in causes if cause.reason == _HELD), None)
