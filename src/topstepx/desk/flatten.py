"""Flat, shown and not hoped: of an account, or of one contract of it.

Everything here runs on the exit lane, past an open breaker and a drained budget, and needs neither hub
nor lock. Entries on what is being flattened are refused meanwhile.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from topstepx.clock import NANOSECONDS
from topstepx.core.asked import place_of
from topstepx.core.flatten import VERIFY_S, Flattening, Move, State
from topstepx.core.given import check_time
from topstepx.core.lanes import Lane
from topstepx.desk.exits import Came, Exits
from topstepx.desk.flat_look import FLAT, FlatLook
from topstepx.desk.waiting import until
from topstepx.errors import TopstepxError
from topstepx.events import (
    AlarmRaised,
    Flattened,
    FlattenFailed,
    FlattenStarted,
    ModeCauseAdded,
    ModeCauseCleared,
    Remaining,
)
from topstepx.wire.enums import OrderType

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from topstepx.clock import Clock
    from topstepx.desk.exits import Try
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.wire.models import OrderModel

FLATTEN_S = 60.0
"""How long a flatten goes on before it says what remains."""

_CANCEL_S = 1.0
"""How long cancels are waited for until everything is looked at again."""

_ASK_EVERY_S, _ASKS_A_WAIT = 0.5, 3
"""How often the list of positions is read while a close is on its way, in case the hub is deaf; and how
often between two tries at most, because a gateway that holds closes back for minutes would else be asked
until the request budget is gone."""

Result = Flattened | FlattenFailed


class Flattener:
    """Flattens accounts and contracts; one effort per account and contract."""

    def __init__(
        self,
        exits: Exits,
        reader: Reader,
        record: Record,
        clock: Clock,
        *,
        spawn: Callable[[Coroutine[Any, Any, Result], str], asyncio.Task[Result]],
        give_up: Callable[[str, int], object],
        most: int | None = None,
    ) -> None:
        """`most` is `limits.contracts_max`: no more protection than that stays beside a close.

        `give_up` has an order cancelled on sight of which it is not known whether it exists; nothing
        waits for that, because the disk may hang.
        """
        self.most, self.give_up = most, give_up
        self._exits = exits
        self._reader = reader
        self._record = record
        self._clock = clock
        self._spawn = spawn
        self._efforts: dict[tuple[int, str | None], asyncio.Task[Result]] = {}

    async def flatten(
        self, account_id: int, contract_id: str | None = None, *, timeout_s: float = FLATTEN_S
    ) -> Result:
        """Take the account, or one contract of it, flat; see `Client.flatten`.

        Cancelling the caller does not stop it. A second call joins the first.
        """
        check_time("timeout_s", timeout_s)
        key = (account_id, contract_id)
        effort = self._efforts.get(key)
        if effort is None or effort.done():
            run = _Run(self, account_id, contract_id, timeout_s)
            effort = self._spawn(run.run(), f"flatten {account_id}")
            self._efforts[key] = effort
            effort.add_done_callback(lambda _: self._efforts.pop(key, None))
        return await asyncio.shield(effort)

    @property
    def parts(self) -> tuple[Exits, Reader, Record, Clock]:
        """What a run works with."""
        return self._exits, self._reader, self._record, self._clock


class _Run:
    """One effort."""

    def __init__(
        self, flattener: Flattener, account_id: int, contract_id: str | None, timeout_s: float
    ) -> None:
        self._exits, self._reader, self._record, self._clock = flattener.parts
        self._give_up = flattener.give_up
        self._account_id, self._contract_id = account_id, contract_id
        ends_ns = self._clock.monotonic_ns() + round(timeout_s * NANOSECONDS)
        self._machine = Flattening(ends_ns, flattener.most)
        self._looking = FlatLook(
            self._reader, self._record, self._machine, account_id, self._concerns
        )
        self._signs: dict[str, int] = {}
        self._cancelling: dict[int, asyncio.Future[None]] = {}
        self._closed: list[str] = []
        self._cancelled: list[int] = []
        self._errors: dict[int | str, str] = {}

    async def run(self) -> Result:
        at = self._record.stamp()
        account_id, contract_id = self._account_id, self._contract_id
        self._record.commit(FlattenStarted(at=at, account_id=account_id, contract_id=contract_id))
        self._fence(raised=True)
        try:
            self._give_up_unresolved()
            state = await self._steps()
        finally:
            for effort in list(self._cancelling.values()):
                effort.cancel()
            self._fence(raised=False)
        return self._ended(state)

    def _give_up_unresolved(self) -> None:
        """An order that is on its way, or lost, would open a position once this is over: it goes on sight."""
        for intent in self._record.ledger.open_intents(self._account_id):
            asked = place_of(intent)
            if asked is not None and self._concerns(asked.contract_id) and not intent.cancel_wanted:
                self._give_up(intent.intent_id, self._account_id)

    async def _steps(self) -> State:
        while True:
            move = await self._next()
            if move.state is not State.GOING:
                return move.state
            # Entries end before positions are closed; what both leave is seen at the next look.
            await self._cancel_all(move.cancel)
            if move.close:
                await asyncio.gather(*(self._close(one, move.wait_s) for one in move.close))
            else:
                await asyncio.sleep(move.wait_s)

    async def _next(self) -> Move:
        try:
            look = await self._looking.now()
        except TopstepxError as error:
            self._errors["read"] = str(error)
            now_ns = self._clock.monotonic_ns()
            return self._machine.blind(self._believed(), now_ns, self._looking.unneeded())
        self._errors.pop("read", None)
        for contract_id, net in look.positions.items():
            self._turned(contract_id, net)
        return self._machine.looked(look, self._clock.monotonic_ns())

    def _turned(self, contract_id: str, net: int) -> None:
        """Say it when a position is the opposite of what was to be closed."""
        sign = (net > 0) - (net < 0)
        before = self._signs.setdefault(contract_id, sign)
        if sign * before >= 0:
            return
        self._signs[contract_id] = sign
        detail = (
            f"{contract_id}: an order filled beside the close, so the position turned to {net:+d}; "
            "that is being closed"
        )
        at = self._record.stamp()
        self._record.commit(
            AlarmRaised(at=at, name="position_turned", detail=detail, account_id=self._account_id)
        )

    def _concerns(self, contract_id: str) -> bool:
        return self._contract_id in {None, contract_id}

    def _believed(self) -> tuple[str, ...]:
        held = [belief.contract_id for belief in self._record.ledger.positions(self._account_id)]
        if self._contract_id is not None:
            belief = self._record.ledger.position(self._account_id, self._contract_id)
            return () if belief is not None and belief.is_flat else (self._contract_id,)
        return tuple(held)

    async def _cancel_all(self, orders: Iterable[OrderModel]) -> None:
        """Cancel them, and look again after a moment also when answers are missing."""
        for order in orders:
            if order.id not in self._cancelling:
                effort = asyncio.ensure_future(self._cancel(order))
                self._cancelling[order.id] = effort
                effort.add_done_callback(partial(self._cancel_ended, order.id))
        if self._cancelling:
            efforts = set(self._cancelling.values())
            ended, _ = await asyncio.wait(efforts, timeout=_CANCEL_S)
            for one in ended:
                one.result()

    def _cancel_ended(self, order_id: int, _effort: asyncio.Future[None]) -> None:
        self._cancelling.pop(order_id, None)

    async def _cancel(self, order: OrderModel) -> None:
        tried = await self._exits.cancel(self._account_id, order.id, order.contract_id)
        if tried.came is Came.ACCEPTED:
            self._cancelled.append(order.id)
        if tried.came in {Came.ACCEPTED, Came.GONE}:
            self._looking.let_go(order.id)
        self._note(order.id, tried)

    async def _close(self, contract_id: str, wait_s: float) -> None:
        """Close, and the moment it is told flat take off what would open the opposite position."""
        closing = asyncio.ensure_future(self._exits.close(self._account_id, contract_id))
        flat = asyncio.ensure_future(self._flat(contract_id, wait_s))
        try:
            await asyncio.wait({closing, flat}, return_when=asyncio.FIRST_COMPLETED)
            if not (closing.done() and closing.result().came is Came.GONE):
                await asyncio.wait({flat}, timeout=wait_s if closing.done() else None)
            if flat.done():
                await self._clear(contract_id)
            tried = await closing
        finally:
            flat.cancel()
            closing.cancel()
        if tried.came is Came.ACCEPTED and contract_id not in self._closed:
            self._closed.append(contract_id)
        self._note(contract_id, tried)
        found = tried.came is not Came.GONE
        self._machine.close_came(contract_id, self._looking.doubt(contract_id), found=found)
        belief = self._record.ledger.position(self._account_id, contract_id)
        if tried.came is Came.GONE:
            # A late list shows what is closed already: no hurry then.
            is_listed = belief is not None and belief.net != 0
            await asyncio.sleep(wait_s if is_listed else VERIFY_S)
        elif tried.came is not Came.ACCEPTED and flat.done():  # nothing was waited for
            await asyncio.sleep(wait_s)

    async def _flat(self, contract_id: str, wait_s: float) -> None:
        """Return once the contract is flat by all that is told: fills, the hub's words and lists.

        Fills alone do not do: where those of the entry are not known yet, the sum of none is flat.
        """

        async def ask() -> None:
            await self._reader.positions(self._account_id, lane=Lane.EXIT)

        def look() -> bool | None:
            where = self._record.ledger.netting.range(self._account_id, contract_id)
            return True if where == FLAT else None

        every_s = max(_ASK_EVERY_S, wait_s / _ASKS_A_WAIT)
        await until(self._record, look, timeout_s=None, ask=ask, every_s=every_s)

    async def _clear(self, contract_id: str) -> None:
        """Cancel what the position leaves behind; what fails is seen at the next look."""
        working = self._record.ledger.working(self._account_id, contract_id)
        await self._cancel_all(
            belief.order for belief in working if belief.order.type is not OrderType.MARKET
        )

    def _note(self, what: int | str, tried: Try) -> None:
        if tried.error is not None:
            self._errors[what] = str(tried.error)
        if tried.came in {Came.REFUSED, Came.FORBIDDEN}:
            self._machine.was_refused(what)

    # -- telling

    def _fence(self, *, raised: bool) -> None:
        kind = ModeCauseAdded if raised else ModeCauseCleared
        self._record.commit(
            kind(
                at=self._record.stamp(),
                account_id=self._account_id,
                contract_id=self._contract_id,
                reason="flattening",
            )
        )

    def _ended(self, state: State) -> Result:
        at = self._record.stamp()
        common: dict[str, Any] = {
            "account_id": self._account_id,
            "contract_id": self._contract_id,
            "closed": tuple(self._closed),
            "cancelled": tuple(sorted(set(self._cancelled))),
            "rounds": self._machine.rounds,
        }
        if state is State.FLAT:
            done = Flattened(at=at, **common)
            self._record.commit(done)
            return done
        remaining = self._remaining()
        failed = FlattenFailed(at=at, reason=state.value, remaining=remaining, **common)
        self._record.commit(failed)
        left = "; ".join(_said(one) for one in remaining)
        self._record.commit(
            AlarmRaised(
                at=self._record.stamp(),
                name="flatten_failed",
                detail=f"{state.value}; use the web platform now. May remain: {left}",
                account_id=self._account_id,
            )
        )
        return failed

    def _remaining(self) -> tuple[Remaining, ...]:
        """What the last look found; without any, what is believed, and that it is not known."""
        look, why = self._machine.last, self._errors
        if look is None or "read" in why:
            unknown = why.get("read", "the gateway could not be read")
            contracts = self._believed() or (self._contract_id or "every contract",)
            return tuple(Remaining(contract_id=one, reason=unknown) for one in contracts)
        positions = [
            Remaining(contract_id=contract_id, net=net, reason=why.get(contract_id, ""))
            for contract_id, net in look.positions.items()
        ]
        orders = [
            Remaining(contract_id=one.contract_id, order_id=one.id, reason=why.get(one.id, ""))
            for one in look.orders
        ]
        return (*positions, *orders)


def _said(one: Remaining) -> str:
    if one.order_id is not None:
        return f"order {one.order_id} on {one.contract_id}"
    return f"position {one.net if one.net is not None else 'unknown'} in {one.contract_id}"
