"""Positions: read, reduced and closed, each with a look at what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.outcome import Verdict
from topstepx.core.prices import whole_contracts
from topstepx.desk.authority import check_may_trade
from topstepx.desk.waiting import until
from topstepx.desk.write import Intent
from topstepx.errors import NotFilled
from topstepx.net.rest import error_of
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.desk.accounts import AccountLike, Accounts
    from topstepx.desk.contracts import Contract, Contracts
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.desk.write import Writer
    from topstepx.net.rest import Sent
    from topstepx.settings import Settings
    from topstepx.wire.routes import Route

_VERIFY_S = 10.0
_ROUNDS_MAX = 3
_ALREADY_FLAT = 2
"""`PositionNotFound` of closeContract and partialCloseContract (verified)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What a close left behind: the position (flat unless `size` was given) and the orders cancelled."""

    position: PositionBelief | None
    cancelled: tuple[Order, ...]


class Positions:
    """`tsx.positions`."""

    def __init__(  # noqa: PLR0917  the parts that an exit passes through
        self,
        accounts: Accounts,
        contracts: Contracts,
        orders: Orders,
        record: Record,
        recovery: Recovery,
        writer: Writer,
        settings: Settings,
    ) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._orders = orders
        self._record = record
        self._recovery = recovery
        self._writer = writer
        self._settings = settings

    async def open(self, account: AccountLike) -> tuple[models.PositionModel, ...]:
        """The account's open positions as the gateway lists them now."""
        account_ = await self._accounts.exact(account)
        return await self._recovery.read_positions(account_.id)

    async def close(
        self, account: AccountLike, contract: Contract | str, size: int | None = None
    ) -> Closed:
        """Close the position in a contract and cancel what is left working on it; verified by reading.

        With `size` only that many contracts go and orders stay. Already flat is success. Raises
        `NotFilled` when the gateway took it and the position is still there, `GatewayRefused` when it
        refused, `AnswerLost` when it is not known; then look at `positions.open`.
        """
        check_may_trade(self._settings)
        account_ = await self._accounts.exact(account)
        contract_ = await self._contracts.one(contract)
        if size is not None:
            return await self._reduce(account_.id, contract_, whole_contracts("size", size))
        cancelled: list[Order] = []
        for _ in range(_ROUNDS_MAX):
            await self._close_once(account_.id, contract_)
            cancelled += await self._cancel_rest(account_, contract_)
            position = await self._fresh(account_.id, contract_)
            if position is not None and position.is_flat:
                return Closed(position, tuple(cancelled))
        msg = f"{contract_.name} is still not flat after {_ROUNDS_MAX} closes."
        raise NotFilled(msg, None)

    async def _close_once(self, account_id: int, contract: Contract) -> None:
        sent = await self._write(
            account_id,
            contract,
            routes.CLOSE_CONTRACT,
            models.CloseContractRequest(account_id=account_id, contract_id=contract.id),
        )
        self._check(routes.CLOSE_CONTRACT, sent)
        await self._settled(account_id, contract, lambda net: net == 0)

    async def _reduce(self, account_id: int, contract: Contract, size: int) -> Closed:
        before = await self._fresh(account_id, contract)
        held = abs(before.net or 0) if before is not None else 0
        sent = await self._write(
            account_id,
            contract,
            routes.PARTIAL_CLOSE,
            models.PartialCloseRequest(account_id=account_id, contract_id=contract.id, size=size),
        )
        self._check(routes.PARTIAL_CLOSE, sent)
        wanted = max(0, held - size)
        await self._settled(account_id, contract, lambda net: abs(net) == wanted)
        return Closed(await self._fresh(account_id, contract), ())

    async def _write(
        self,
        account_id: int,
        contract: Contract,
        route: Route[models.CloseContractRequest, models.Envelope]
        | Route[models.PartialCloseRequest, models.Envelope],
        request: models.CloseContractRequest | models.PartialCloseRequest,
    ) -> Sent:
        return await self._writer.write(
            Intent(
                action="close" if route is routes.CLOSE_CONTRACT else "partial_close",
                route=route,
                request=request,
                account_id=account_id,
                lane=Lane.EXIT,
                send_within_s=self._settings.timeouts.exit_s,
                timeout_s=self._settings.timeouts.exit_s,
                contract_id=contract.id,
            )
        )

    def _check(
        self,
        route: Route[models.CloseContractRequest, models.Envelope]
        | Route[models.PartialCloseRequest, models.Envelope],
        sent: Sent,
    ) -> None:
        outcome = sent.outcome
        if outcome is not None and outcome.verdict is Verdict.ACCEPTED:
            return
        refusal = outcome.refusal if outcome is not None else None
        if route is routes.CLOSE_CONTRACT and refusal is not None and refusal.code == _ALREADY_FLAT:
            return
        raise error_of(route, sent)

    async def _cancel_rest(self, account: models.AccountModel, contract: Contract) -> list[Order]:
        """Cancel what still works on the contract: a leg left behind would open a position again."""
        cancelled = []
        for row in await self._recovery.live_orders(account.id):
            if row.contract_id != contract.id:
                continue
            order = self._orders.get(account, order_id=row.id)
            if order is not None and not order.is_done:
                cancelled.append(await order.cancel())
        return cancelled

    async def _settled(
        self, account_id: int, contract: Contract, done: Callable[[int], bool]
    ) -> None:
        def look() -> bool | None:
            position = self._record.ledger.position(account_id, contract.id)
            if position is None or position.net is None:
                return None
            return True if done(position.net) else None

        async def ask() -> None:
            await self._recovery.read_positions(account_id)

        await until(self._record, look, timeout_s=_VERIFY_S, ask=ask, every_s=1.0)

    async def _fresh(self, account_id: int, contract: Contract) -> PositionBelief | None:
        await self._recovery.read_positions(account_id)
        return self._record.ledger.position(account_id, contract.id)
