"""A desk: one account and one contract, so that the words between them stay short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.desk.contracts import Contract
from topstepx.errors import InvalidRequest
from topstepx.wire.enums import Side
from topstepx.wire.models import AccountModel

if TYPE_CHECKING:
    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.core.terms import Bracket, CancelRest
    from topstepx.desk.accounts import Account
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.positions import Closed, Positions
    from topstepx.desk.state import State


class Desk:
    """`tsx.desk(account, contract)`."""

    def __init__(
        self,
        account: Account,
        contract: Contract,
        orders: Orders,
        positions: Positions,
        state: State,
    ) -> None:
        if not isinstance(account, AccountModel):
            raise InvalidRequest(
                "account", account, "must be an Account.", "Get one: await tsx.accounts.one(…)."
            )
        if not isinstance(contract, Contract):
            raise InvalidRequest(
                "contract",
                contract,
                "must be a Contract.",
                "Get one: await tsx.contracts.front(…).",
            )
        self.account = account
        self.contract = contract
        self._orders = orders
        self._positions = positions
        self._state = state

    async def buy(
        self,
        size: int,
        *,
        at: object,
        bracket: Bracket | None = None,
        key: str | None = None,
        label: str | None = None,
        remainder: CancelRest | None = None,
        allow_duplicate: bool = False,
    ) -> Order:
        """Buy; see `Orders.place` for what it raises and what each part does."""
        return await self._orders.place(
            self.account,
            self.contract,
            Side.BUY,
            size,
            at=at,
            bracket=bracket,
            key=key,
            label=label,
            remainder=remainder,
            allow_duplicate=allow_duplicate,
        )

    async def sell(
        self,
        size: int,
        *,
        at: object,
        bracket: Bracket | None = None,
        key: str | None = None,
        label: str | None = None,
        remainder: CancelRest | None = None,
        allow_duplicate: bool = False,
    ) -> Order:
        """Sell; see `Orders.place` for what it raises and what each part does."""
        return await self._orders.place(
            self.account,
            self.contract,
            Side.SELL,
            size,
            at=at,
            bracket=bracket,
            key=key,
            label=label,
            remainder=remainder,
            allow_duplicate=allow_duplicate,
        )

    async def close(self, size: int | None = None) -> Closed:
        """Close the position and cancel what is left on the contract; `close(1)` only reduces by one."""
        return await self._positions.close(self.account, self.contract, size)

    async def reduce_to(self, target: int) -> Closed:
        """Reduce the position to at most `target` contracts; see `Positions.reduce_to`."""
        return await self._positions.reduce_to(self.account, self.contract, target)

    @property
    def position(self) -> PositionBelief | None:
        """What is believed of the position; None: unknown, which is not flat."""
        return self._state.position(self.account, self.contract)

    @property
    def working(self) -> tuple[Order, ...]:
        """Orders that may still do something on this contract; `NotReady` before `ready(account)`."""
        return tuple(
            order
            for order in self._orders.working(self.account)
            if order.contract_id == self.contract.id
        )

    def __repr__(self) -> str:
        return f"<Desk {self.account.name} {self.contract.name}>"
