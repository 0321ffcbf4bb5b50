"""Positions: read, reduced and closed, each with a look at what is left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topstepx.core.lanes import Lane
from topstepx.core.prices import whole_contracts
from topstepx.desk.reducing import Means, Reduction
from topstepx.errors import InvalidRequest, NotFlat
from topstepx.events import Flattened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.desk.accounts import AccountLike, Accounts
    from topstepx.desk.contracts import Contract, Contracts
    from topstepx.desk.fitting import Fitted
    from topstepx.desk.flatten import Flattener
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.wire import models


@dataclass(frozen=True, slots=True)
class Closed:
    """What a close left behind: the position (flat unless `size` was given) and the orders cancelled.

    `resized` are the stops and targets that a reduction made smaller, because the position is. `too_large`
    are those that it could not, and those of other software: a fill of one would turn the position.
    """

    position: PositionBelief | None
    cancelled: tuple[Order, ...]
    resized: tuple[Order, ...] = ()
    too_large: tuple[Order, ...] = ()


class Positions:
    """`tsx.positions`."""

    def __init__(  # noqa: PLR0917  the parts that an exit passes through
        self,
        accounts: Accounts,
        contracts: Contracts,
        orders: Orders,
        record: Record,
        flattener: Flattener,
        means: Means,
        *,
        spawn: Callable[[Coroutine[Any, Any, Closed], str], asyncio.Task[Closed]],
    ) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._orders = orders
        self._record = record
        self._reader = means.reader
        self._flattener = flattener
        self._room = means.room
        self._means = means
        self._spawn = spawn
        self._locks: dict[tuple[int, str], asyncio.Lock] = {}

    async def open(self, account: AccountLike) -> tuple[models.PositionModel, ...]:
        """The account's open positions as the gateway lists them now."""
        account_ = await self._accounts.exact(account)
        return await self._reader.positions(account_.id, lane=Lane.READ)

    async def close(
        self, account: AccountLike, contract: Contract | str, size: int | None = None
    ) -> Closed:
        """Close the position in a contract and cancel what is left working on it; verified by reading.

        It is repeated until two fresh looks find neither position nor order; already flat is success.
        With `size` only that many contracts go, and entries stay, as with `reduce_to`, but for those for
        which the limits then have no room.
        Raises `NotFlat`, with what remains, when the gateway refuses or time runs out.
        """
        account_ = await self._accounts.exact(account)
        contract_ = await self._contracts.one(contract)
        self._orders.check_may_trade()
        if size is not None:
            work = self._reduce_by(account_.id, contract_, whole_contracts("size", size))
            return await self._to_the_end(work, contract_.name)
        result = await self._flattener.flatten(account_.id, contract_.id)
        if not isinstance(result, Flattened):
            reasons = "; ".join(dict.fromkeys(one.reason for one in result.remaining if one.reason))
            msg = f"{contract_.name} is not shown to be flat: {result.reason}. {reasons}"
            raise NotFlat(
                msg.strip(),
                result.remaining,
                next_step="Look at positions.open; close it on the web platform if it is still there.",
            )
        cancelled = [self._orders.get(account_, order_id=one) for one in result.cancelled]
        position = self._record.ledger.position(account_.id, contract_.id)
        return Closed(position, tuple(order for order in cancelled if order is not None))

    async def reduce_to(
        self, account: AccountLike, contract: Contract | str, target: int
    ) -> Closed:
        """Reduce the position to at most `target` contracts, long or short as it is.

        What is to go is computed from a fresh look each time; entries wait meanwhile, and an order that could
        then pass `limits.contracts_max` is cancelled first (`Closed.cancelled`). Your stops and targets are
        made as small as the position right after it (`Closed.resized`). One that fills in that moment turns
        the position: what it opened is closed, so that less than `target` is left. Entries that work stay, and
        one that fills beside it adds to the position again: `Closed.position` says what is held. 0 closes it,
        as `close` does.
        Raises `AnswerLost` when it is not known what became of a reduction: it is not repeated blindly, and
        the contract takes no entries until that is known. `NotFilled` when the gateway took it and nothing
        shows it within ten seconds (it is not sent again beside that), `NotFlat` when fills and lists do not
        agree on how much is held, `GatewayRefused` when it refused.
        """
        account_ = await self._accounts.exact(account)
        contract_ = await self._contracts.one(contract)
        self._orders.check_may_trade()
        given: object = target
        if isinstance(given, bool) or not isinstance(given, int) or given < 0:
            raise InvalidRequest(
                "target",
                target,
                "is a whole number of contracts, at least 0.",
                "Give for example 1.",
            )
        if target == 0:
            return await self.close(account_, contract_)
        work = self._reduce_to(account_.id, contract_, target)
        return await self._to_the_end(work, contract_.name)

    async def _reduce_by(self, account_id: int, contract: Contract, size: int) -> Closed:
        async with self._reducing(account_id, contract.id):
            reduction = Reduction(self._means, account_id, contract)
            await reduction.run_by(size)
            return self._left(account_id, contract, reduction.fitted)

    async def _reduce_to(self, account_id: int, contract: Contract, target: int) -> Closed:
        async with self._reducing(account_id, contract.id):
            reduction = Reduction(self._means, account_id, contract)
            await reduction.run(target)
            return self._left(account_id, contract, reduction.fitted)

    async def _to_the_end(self, work: Coroutine[Any, Any, Closed], name: str) -> Closed:
        """A caller that is cancelled stops nothing: orders that are too large would be left behind."""
        return await asyncio.shield(self._spawn(work, f"reduce {name}"))

    def _left(self, account_id: int, contract: Contract, fitted: Fitted) -> Closed:
        ledger = self._record.ledger

        def handles(order_ids: set[int], *, over: bool) -> tuple[Order, ...]:
            beliefs = (ledger.order(order_id) for order_id in sorted(order_ids))
            return tuple(
                self._orders.handle(one.order)
                for one in beliefs
                if one is not None and one.is_terminal is over
            )

        return Closed(
            ledger.position(account_id, contract.id),
            handles(fitted.cancelled, over=True),
            handles(fitted.resized, over=False),
            handles(set(fitted.too_large), over=False),
        )

    @asynccontextmanager
    async def _reducing(self, account_id: int, contract_id: str) -> AsyncIterator[None]:
        """One reduction at a time, and no entry beside it."""
        lock = self._locks.setdefault((account_id, contract_id), asyncio.Lock())
        async with lock, self._room.fenced(account_id, contract_id):
            yield
