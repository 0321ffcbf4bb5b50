"""One try at getting out: a cancel or a close, sent once on the exit lane, and what it came to.

Whoever insists (`cancelling`, `flatten`, `positions`) repeats it; here is only what one answer means.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from topstepx.core.lanes import Lane
from topstepx.core.outcome import Verdict
from topstepx.desk.write import Intent
from topstepx.errors import (
    AuthBroken,
    GatewayBusy,
    LoginRefused,
    NotSent,
    RecordUnavailable,
    RefusedHere,
    TopstepxError,
)
from topstepx.events import AlarmRaised, ModeCauseAdded
from topstepx.net.rest import error_of
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from topstepx.desk.record import Record
    from topstepx.desk.write import Writer
    from topstepx.events import Action
    from topstepx.net.rest import Sent
    from topstepx.settings import Settings
    from topstepx.wire.routes import Route

PAUSES_S = (1.0, 2.0, 4.0, 5.0)
"""How long to wait before an exit is repeated; the last one goes on for ever."""

_SEND_WITHIN_S = 6.0
"""An exit may wait this long for its turn: longer than the longest pause that a 429 imposes."""


def pause_s(attempt: int) -> float:
    """The wait before repeat number `attempt`, from 0."""
    return PAUSES_S[min(attempt, len(PAUSES_S) - 1)]


class Came(Enum):
    """What one try came to."""

    ACCEPTED = "the gateway took it"
    GONE = "the gateway finds nothing to cancel or close"
    REFUSED = "a definite no"
    FORBIDDEN = "the gateway refuses exits on this account"
    STOPPED = "it certainly did not happen; trying again may help"
    UNKNOWN = "it may have happened"


@dataclass(frozen=True, slots=True)
class Try:
    """One try, with the error that stands for everything but ACCEPTED."""

    came: Came
    error: TopstepxError | None = None

    @property
    def waits_by_itself(self) -> bool:
        """Whether the next try is held back by the request budget anyway."""
        return isinstance(self.error, GatewayBusy)


class Exits:
    """Sends exits."""

    def __init__(self, writer: Writer, record: Record, settings: Settings) -> None:
        self._writer = writer
        self._record = record
        self._settings = settings

    async def cancel(self, account_id: int, order_id: int, contract_id: str | None) -> Try:
        """One cancel."""
        request = models.CancelRequest(account_id=account_id, order_id=order_id)
        return await self._try(
            "cancel", routes.CANCEL, request, account_id, contract_id, order_id=order_id
        )

    async def close(self, account_id: int, contract_id: str) -> Try:
        """One close of a whole position."""
        request = models.CloseContractRequest(account_id=account_id, contract_id=contract_id)
        return await self._try("close", routes.CLOSE_CONTRACT, request, account_id, contract_id)

    async def partial_close(self, account_id: int, contract_id: str, size: int) -> Try:
        """One close of a part of a position."""
        request = models.PartialCloseRequest(
            account_id=account_id, contract_id=contract_id, size=size
        )
        return await self._try(
            "partial_close", routes.PARTIAL_CLOSE, request, account_id, contract_id
        )

    async def _try(
        self,
        action: Action,
        route: Route[Any, Any],
        request: models.Request,
        account_id: int,
        contract_id: str | None,
        *,
        order_id: int | None = None,
    ) -> Try:
        intent = Intent(
            action=action,
            route=route,
            request=request,
            account_id=account_id,
            lane=Lane.EXIT,
            send_within_s=max(_SEND_WITHIN_S, self._settings.timeouts.exit_s),
            timeout_s=self._settings.timeouts.exit_s,
            contract_id=contract_id,
            order_id=order_id,
        )
        try:
            sent = await self._writer.write(intent)
        except (RefusedHere, NotSent, AuthBroken, LoginRefused) as error:
            return Try(Came.STOPPED, error)
        tried = _meaning(route, sent)
        if tried.came is Came.FORBIDDEN:
            await self._forbidden(account_id, action, tried.error)
        return tried

    async def _forbidden(
        self, account_id: int, action: Action, error: TopstepxError | None
    ) -> None:
        """The gateway does not let this account out: nothing more may go in."""
        at, detail = self._record.stamp(), f"{action}: {error}"
        standing = self._record.ledger.modes.causes(account_id)
        if any(cause.reason == "exit_unavailable" for cause in standing):
            return
        self._record.commit(
            AlarmRaised(at=at, name="exit_unavailable", detail=detail, account_id=account_id)
        )
        with contextlib.suppress(RecordUnavailable):  # it stands in memory all the same
            await self._record.commit_durable(
                ModeCauseAdded(
                    at=at, account_id=account_id, reason="exit_unavailable", detail=detail
                )
            )


def _meaning(route: Route[Any, Any], sent: Sent) -> Try:
    outcome = sent.outcome
    if outcome is not None and outcome.verdict is Verdict.ACCEPTED:
        return Try(Came.ACCEPTED)
    error = error_of(route, sent)
    name = outcome.refusal.name if outcome is not None and outcome.refusal is not None else ""
    if name in {"OrderNotFound", "PositionNotFound"}:
        return Try(Came.GONE, error)
    if name == "AccountRejected":
        return Try(Came.FORBIDDEN, error)
    if isinstance(error, NotSent | GatewayBusy):
        return Try(Came.STOPPED, error)
    return Try(Came.REFUSED if error.did_it_happen == "no" else Came.UNKNOWN, error)
