"""Positions: read, reduced and closed, each with a look at what is left."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.netting import BELIEVED_AFTER_S
from topstepx.core.ownership import CLOSES
from topstepx.core.prices import whole_contracts
from topstepx.desk.exits import Came
from topstepx.desk.waiting import until
from topstepx.errors import AnswerLost, InvalidRequest, NotFilled, NotFlat, TopstepxError
from topstepx.events import Flattened
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.core.netting import NetRange
    from topstepx.desk.accounts import AccountLike, Accounts
    from topstepx.desk.contracts import Contract, Contracts
    from topstepx.desk.exits import Exits, Try
    from topstepx.desk.flatten import Flattener
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.desk.resolver import Resolver
    from topstepx.desk.room import Room
    from topstepx.settings import Settings
    from topstepx.wire import models

_VERIFY_S = 10.0
_AGREE_S = BELIEVED_AFTER_S + 3.0
_EARLIER = timedelta(seconds=300)
_ROUNDS_MAX = 8


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
        exits: Exits,
        reader: Reader,
        flattener: Flattener,
        resolver: Resolver,
        room: Room,
        settings: Settings,
    ) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._orders = orders
        self._record = record
        self._exits = exits
        self._reader = reader
        self._flattener = flattener
        self._resolver = resolver
        self._room = room
        self._settings = settings
        self._locks: dict[tuple[int, str], asyncio.Lock] = {}

    async def open(self, account: AccountLike) -> tuple[models.PositionModel, ...]:
        """The account's open positions as the gateway lists them now."""
        account_ = await self._accounts.exact(account)
        return await self._reader.positions(account_.id, lane=Lane.RECONCILE)

    async def close(
        self, account: AccountLike, contract: Contract | str, size: int | None = None
    ) -> Closed:
        """Close the position in a contract and cancel what is left working on it; verified by reading.

        It is repeated until two fresh looks find neither position nor order; already flat is success.
        With `size` only that many contracts go, and orders stay, as with `reduce_to`, but for those for which
        the limits then have no room.
        Raises `NotFlat`, with what remains, when the gateway refuses or time runs out.
        """
        account_ = await self._accounts.exact(account)
        contract_ = await self._contracts.one(contract)
        self._orders.check_may_trade()
        if size is not None:
            return await self._reduce_by(account_.id, contract_, whole_contracts("size", size))
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
        """Reduce the position to at most `target` contracts, long or short as it is; never turns it.

        What is to go is computed from a fresh look each time; entries wait meanwhile, and an order that could
        then pass `limits.contracts_max` is cancelled first (`Closed.cancelled`). 0 closes it, as `close` does. Raises
        `AnswerLost` when it is not known what became of a reduction: it is not repeated blindly, and the
        contract takes no entries until that is known. `NotFilled` when the gateway took it and nothing
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
        async with self._reducing(account_.id, contract_.id):
            return await self._reduced(account_.id, contract_, target)

    async def _reduce_by(self, account_id: int, contract: Contract, size: int) -> Closed:
        async with self._reducing(account_id, contract.id):
            held = abs(await self._net(account_id, contract))
            if held == 0:
                return self._left(account_id, contract, set())
            if size > held:
                raise InvalidRequest(
                    "size", size, f"is more than the {held} held.", "Use close() for all of it."
                )
            return await self._reduced(account_id, contract, held - size)

    async def _reduced(self, account_id: int, contract: Contract, target: int) -> Closed:
        side: int | None = None
        cancelled: set[int] = set()
        for _ in range(_ROUNDS_MAX):
            net = await self._net(account_id, contract)
            if side is None:
                side = _sign(net)
            excess = abs(net) - target
            if excess <= 0 or _sign(net) != side:
                return self._left(account_id, contract, cancelled)
            against = Side.SELL if side > 0 else Side.BUY
            if not cancelled:
                cancelled = await self._room.made(account_id, contract.id, side * target, against)
                if cancelled:
                    continue  # a moment has passed, so look again
            tried, shown = await self._one_reduction(account_id, contract, excess, target)
            refused = tried.came in {Came.REFUSED, Came.FORBIDDEN} and not _size_was_wrong(tried)
            if tried.error is not None and (refused or tried.came is Came.STOPPED):
                raise tried.error  # certainly not done, and the trader decides what comes next
            if tried.came is Came.UNKNOWN:
                await self._found_out(account_id, contract, tried)
            if shown:
                await self._told(account_id, contract)
                return self._left(account_id, contract, cancelled)
            if tried.came is Came.ACCEPTED:  # it may still fill: another beside it takes too much
                msg = (
                    f"The gateway took a reduction of {contract.name} by {excess}, and nothing shows that "
                    f"it is down to {target} after {_VERIFY_S:.0f} s."
                )
                raise NotFilled(msg, None)
        msg = f"{contract.name} is still not down to {target} after {_ROUNDS_MAX} tries."
        raise NotFilled(msg, None)

    async def _one_reduction(
        self, account_id: int, contract: Contract, excess: int, target: int
    ) -> tuple[Try, bool]:
        """One request, and whether what the gateway took was then seen: in fills or in a position."""
        if target == 0:
            tried = await self._exits.close(account_id, contract.id)
        else:
            tried = await self._exits.partial_close(account_id, contract.id, excess)
        if tried.came is not Came.ACCEPTED:
            return tried, False

        def look() -> bool | None:
            net = self._range(account_id, contract)
            return True if net is not None and abs(net.nearest) <= target else None

        async def ask() -> None:
            await self._reader.positions(account_id, lane=Lane.EXIT)

        seen = await until(self._record, look, timeout_s=_VERIFY_S, ask=ask, every_s=1.0)
        return tried, seen is not None

    async def _found_out(self, account_id: int, contract: Contract, tried: Try) -> None:
        """Wait until it is known what became of a reduction; never send another one blindly."""
        open_now = [
            intent
            for intent in self._record.ledger.open_intents(account_id)
            if intent.recorded is not None
            and intent.recorded.action in CLOSES
            and intent.recorded.contract_id == contract.id
        ]
        for intent in open_now:
            finding = await self._resolver.wait(intent.intent_id, self._settings.timeouts.resolve_s)
            if finding is None:
                msg = (
                    f"It is not known yet whether {contract.name} was reduced: {tried.error} It is "
                    "looked for, and not sent again; until it is found, only exits pass here."
                )
                raise AnswerLost(msg, next_step="Look at positions.open before you reduce again.")

    def _left(self, account_id: int, contract: Contract, cancelled: set[int]) -> Closed:
        ledger = self._record.ledger
        beliefs = (ledger.order(order_id) for order_id in sorted(cancelled))
        gone = tuple(
            self._orders.handle(one.order) for one in beliefs if one is not None and one.is_terminal
        )
        return Closed(ledger.position(account_id, contract.id), gone)

    async def _net(self, account_id: int, contract: Contract) -> int:
        """The signed size from a fresh look; the gateway is asked, the past is not trusted.

        A list may be seconds old. Where it contradicts the fills that are known, both are asked again until
        they agree or the list is believed: a part that is gone already would else be closed once more.
        """
        await self._ask(account_id)
        net = self._range(account_id, contract)
        if net is not None and not net.is_certain:
            net = await self._agreed(account_id, contract) or self._range(account_id, contract)
        if net is None:
            msg = (
                f"The position in {contract.name} has a direction that this version does not know."
            )
            raise NotFlat(msg, (), next_step="Use the web platform.")
        if not net.is_certain:
            msg = (
                f"How much of {contract.name} is held is not known: {net.low:+d} to {net.high:+d}; fills "
                "and the gateway's word about it do not agree."
            )
            raise NotFlat(msg, (), next_step="close() takes all of it and needs no size.")
        return net.low

    async def _agreed(self, account_id: int, contract: Contract) -> NetRange | None:
        """Where the position is, once fills and lists agree; None when they do not in time."""

        def look() -> NetRange | None:
            net = self._range(account_id, contract)
            return net if net is None or net.is_certain else None

        ask = partial(self._ask, account_id)
        return await until(self._record, look, timeout_s=_AGREE_S, ask=ask, every_s=1.0)

    async def _told(self, account_id: int, contract: Contract) -> None:
        """Wait for the word about the position that agrees with the fills, so that nobody is shown an old one."""

        def look() -> bool | None:
            position = self._record.ledger.position(account_id, contract.id)
            return None if position is not None and position.unshown else True

        ask = partial(self._ask, account_id)
        await until(self._record, look, timeout_s=_VERIFY_S, ask=ask, every_s=1.0)

    async def _ask(self, account_id: int) -> None:
        """Positions, and beside them trades: a hub that is silent does not tell what filled."""
        since = self._record.stamp() - _EARLIER
        trades = self._reader.trades_since(account_id, since, lane=Lane.EXIT)
        positions = self._reader.positions(account_id, lane=Lane.EXIT)
        _, listed = await asyncio.gather(trades, positions, return_exceptions=True)
        if isinstance(listed, BaseException):
            raise listed

    def _range(self, account_id: int, contract: Contract) -> NetRange | None:
        """Where the position can be; None: its direction is not known."""
        return self._record.ledger.netting.range(account_id, contract.id)

    @asynccontextmanager
    async def _reducing(self, account_id: int, contract_id: str) -> AsyncIterator[None]:
        """One reduction at a time, and no entry beside it."""
        lock = self._locks.setdefault((account_id, contract_id), asyncio.Lock())
        async with lock, self._room.fenced(account_id, contract_id):
            yield


def _sign(net: int) -> int:
    return (net > 0) - (net < 0)


def _size_was_wrong(tried: Try) -> bool:
    """Whether the gateway says that there is less to close than we meant: somebody else was faster."""
    error: TopstepxError | None = tried.error
    return getattr(error, "name", "") == "InvalidCloseSize"
