"""Trades: every half-turn of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.moments import aware
from topstepx.errors import AnswerUnusable
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.desk.accounts import AccountLike, Accounts
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings


class Trades:
    """`tsx.trades`."""

    def __init__(self, accounts: Accounts, rest: Rest, settings: Settings) -> None:
        self._accounts = accounts
        self._rest = rest
        self._settings = settings

    async def search(
        self, account: AccountLike, *, start: datetime, end: datetime | None = None
    ) -> tuple[models.TradeModel, ...]:
        """Trades in a time span, oldest first, as the gateway lists them now.

        `profit_and_loss` is gross of fees and None for an opening trade (verified). A trade shows up
        here a moment after its fill (observed live).
        """
        aware("start", start)
        if end is not None:
            aware("end", end)
        account_ = await self._accounts.exact(account)
        answer = await self._rest.call(
            routes.TRADE_SEARCH,
            models.TradeSearchRequest(
                account_id=account_.id, start_timestamp=start, end_timestamp=end
            ),
            lane=Lane.READ,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.trades, list):
            msg = "Trade/search answered without trades."
            raise AnswerUnusable(msg, route="Trade/search", status=200, did_it_happen="no")
        return tuple(sorted(answer.trades, key=lambda one: (one.creation_timestamp, one.id)))
