"""One way down: a position made smaller, its stops and targets with it, and a look after every step.

The gateway takes the reduction first and the orders against the position are made smaller right after it:
before it was taken, nothing is taken off that protects. Stops and legs that are larger than the position
already are made to fit it before, because they protect nothing. One that fills in that moment turns the
position; the next look sees that and closes what it opened, as a close does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.netting import BELIEVED_AFTER_S
from topstepx.core.ownership import CLOSES
from topstepx.desk.exits import Came, pause_s
from topstepx.desk.fitting import Fitted, Held
from topstepx.desk.waiting import until
from topstepx.errors import AnswerLost, InvalidRequest, NotFilled, NotFlat, TopstepxError
from topstepx.events import AlarmRaised
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.core.netting import NetRange
    from topstepx.desk.contracts import Contract
    from topstepx.desk.exits import Exits, Try
    from topstepx.desk.fitting import Fitting
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.desk.resolver import Resolver
    from topstepx.desk.room import Room

_VERIFY_S = 10.0
_AGREE_S = BELIEVED_AFTER_S + 3.0
_LATE_S = 3.0
"""How long a list may contradict the fills of a reduction that was seen; then the fills count."""

_EARLIER = timedelta(seconds=300)
_ROUNDS_MAX = 8


@dataclass(frozen=True, slots=True)
class Means:
    """What a reduction works with; `resolve_s` is how long it waits to find out about a lost one."""

    exits: Exits
    reader: Reader
    record: Record
    resolver: Resolver
    room: Room
    fitting: Fitting
    resolve_s: float


class Reduction:
    """One reduction of one position; `fitted` says what became of the orders against it."""

    def __init__(self, means: Means, account_id: int, contract: Contract) -> None:
        self._means = means
        self._record = means.record
        self._account_id = account_id
        self._contract = contract
        self._before = Held(account_id, contract.id, 0)
        self._sent = self._shown = self._turn_told = False
        self._trimmed = self._has_room = False
        self._nothings = 0
        self.fitted = Fitted()

    async def run(self, target: int) -> None:
        """Reduce it to at most `target`; see `Positions.reduce_to`."""
        await self._run(await self.net(), target, None)

    async def run_by(self, size: int) -> None:
        """Take that many contracts off what is held when it is sent; see `Positions.close`."""
        net = await self.net()
        if size > abs(net) > 0:
            rule = f"is more than the {abs(net)} held."
            raise InvalidRequest("size", size, rule, "Use close() for all of it.")
        if net:
            await self._run(net, abs(net) - size, size)

    async def _run(self, net: int, target: int, size: int | None) -> None:
        self._before = Held(self._account_id, self._contract.id, net)
        rounds = 0
        while rounds < _ROUNDS_MAX:
            if size is not None and not self._sent and net * self._before.sign > 0:
                # It may have grown or shrunk since it was looked at: only `size` of it was meant.
                self._before = Held(self._account_id, self._contract.id, net)
                target = max(0, abs(net) - size)
            if net * self._before.sign < 0:
                rounds += 1
                await self._close_turned(net)
            elif abs(net) > target and not self._shown:
                rounds += 1
                await self._step(abs(net) - target, target)
            elif not await self._fit(net):
                await self._until(lambda one: not one.unshown, _VERIFY_S)
                self._means.fitting.tell(self._before, net, self.fitted)
                return
            net = await self._look()
        name = self._contract.name
        msg = f"{name} is still not down to {target} after {_ROUNDS_MAX} tries."
        raise NotFilled(msg, None)

    async def net(self) -> int:
        """The signed size from a fresh look; the gateway is asked, the past is not trusted.

        A list may be seconds old. Where it contradicts the fills that are known, both are asked again until
        they agree or the list is believed: a part that is gone already would else be closed once more.
        """
        net = await self._agreed(_AGREE_S)
        if net is None:
            msg = f"The position in {self._contract.name} has a direction that this version does not know."
            raise NotFlat(msg, (), next_step="Use the web platform.")
        if not (net.is_certain or self._is_turned(net)):
            msg = (
                f"How much of {self._contract.name} is held is not known: {net.low:+d} to {net.high:+d}; "
                "fills and the gateway's word about it do not agree."
            )
            raise NotFlat(msg, (), next_step="close() takes all of it and needs no size.")
        return net.low

    async def _look(self) -> int:
        """`net` again. Once the reduction was seen, fills count for more than a list that is late."""
        if not self._shown:
            return await self.net()
        await self._agreed(_LATE_S)
        position = self._position()
        if position is None or position.net is None:
            return await self.net()
        return position.net + position.unshown

    async def _step(self, excess: int, target: int) -> None:
        """Make room where the limit needs it, or else send one reduction and make its orders fit."""
        sign = self._before.sign
        if not self._trimmed:
            self._trimmed = True
            held = Held(self._account_id, self._contract.id, sign * (excess + target))
            if await self._means.fitting.trim(held, self.fitted):
                return  # a moment has passed, so look again
        if not self._has_room:
            against = Side.SELL if sign > 0 else Side.BUY
            made = await self._means.room.made(
                self._account_id, self._contract.id, sign * target, against
            )
            self.fitted.cancelled |= made
            if made:
                self._has_room = True
                return  # a moment has passed, so look again
        exits, account_id, contract_id = self._means.exits, self._account_id, self._contract.id
        self._sent = True
        if target:
            tried = await exits.partial_close(account_id, contract_id, excess)
        else:
            tried = await exits.close(account_id, contract_id)
        if tried.came is Came.ACCEPTED:
            await self._seen(excess, target)
            return
        if tried.came is Came.GONE:
            await self._found_nothing()
            return
        refused = tried.came in {Came.REFUSED, Came.FORBIDDEN} and not _size_was_wrong(tried)
        if tried.error is not None and (refused or tried.came is Came.STOPPED):
            raise tried.error  # certainly not done, and the trader decides what comes next
        if tried.came is Came.UNKNOWN:
            await self._found_out(tried)

    async def _found_nothing(self) -> None:
        """The gateway finds nothing to reduce, and lists that are late still show it: wait for another word."""
        before = self._range()

        def look() -> bool | None:
            return None if self._range() == before else True

        timeout_s = pause_s(self._nothings)
        self._nothings += 1
        await until(self._record, look, timeout_s=timeout_s, ask=self._ask, every_s=1.0)

    async def _seen(self, excess: int, target: int) -> None:
        """Wait until what the gateway took is seen, in fills or in a position, and fit its orders at once."""
        sign = self._before.sign

        def look() -> NetRange | None:
            net = self._range()
            return net if net is not None and net.nearest * sign <= target else None

        net = await until(self._record, look, timeout_s=_VERIFY_S, ask=self._ask, every_s=1.0)
        if net is None:  # it may still fill: another beside it takes too much
            msg = (
                f"The gateway took a reduction of {self._contract.name} by {excess}, and nothing shows that "
                f"it is down to {target} after {_VERIFY_S:.0f} s."
            )
            raise NotFilled(msg, None)
        self._shown = True
        fits = [size for size in (net.low * sign, net.high * sign) if 0 <= size <= target]
        if fits:
            await self._fit(max(fits) * sign)

    async def _fit(self, net: int) -> bool:
        return await self._means.fitting.fit(self._before, net, self.fitted)

    async def _close_turned(self, net: int) -> None:
        """An order filled beside the reduction: close what it opened, and say so once."""
        detail = (
            f"{self._contract.name}: an order filled beside the reduction, so the position turned to "
            f"{net:+d}; that is being closed"
        )
        if not self._turn_told:
            self._turn_told = True
            self._alarm("position_turned", detail)
        closing = self._means.exits.close(self._account_id, self._contract.id)
        tried, _ = await asyncio.gather(closing, self._fit(0))  # its other orders would add to it
        if tried.came is Came.ACCEPTED:
            await self._until(lambda one: one.is_flat, _VERIFY_S)
        elif tried.came is Came.GONE:
            await self._found_nothing()
        elif tried.error is not None and tried.came in {Came.REFUSED, Came.FORBIDDEN}:
            raise tried.error

    def _alarm(self, name: str, detail: str) -> None:
        at = self._record.stamp()
        self._record.commit(
            AlarmRaised(at=at, name=name, detail=detail, account_id=self._account_id)
        )

    async def _found_out(self, tried: Try) -> None:
        """Wait until it is known what became of a reduction; never send another one blindly.

        A position that is told to have turned meanwhile is not waited with.
        """
        waiting = asyncio.ensure_future(self._decided())
        turned = asyncio.ensure_future(
            self._until(lambda one: (one.net or 0) * self._before.sign < 0, self._means.resolve_s)
        )
        try:
            await asyncio.wait({waiting, turned}, return_when=asyncio.FIRST_COMPLETED)
            if turned.done() and turned.result():
                return
            if not await waiting:
                msg = (
                    f"It is not known yet whether {self._contract.name} was reduced: {tried.error} It is "
                    "looked for, and not sent again; until it is found, only exits pass here."
                )
                raise AnswerLost(msg, next_step="Look at positions.open before you reduce again.")
        finally:
            waiting.cancel()
            turned.cancel()

    async def _decided(self) -> bool:
        """Whether it became known of every close of ours what came of it."""
        for intent in self._record.ledger.open_intents(self._account_id):
            recorded = intent.recorded
            if recorded is None or recorded.action not in CLOSES:
                continue
            if recorded.contract_id == self._contract.id and not await self._means.resolver.wait(
                intent.intent_id, self._means.resolve_s
            ):
                return False
        return True

    # -- looking

    def _position(self) -> PositionBelief | None:
        return self._record.ledger.position(self._account_id, self._contract.id)

    def _range(self) -> NetRange | None:
        """Where the position can be; None: its direction is not known."""
        return self._record.ledger.netting.range(self._account_id, self._contract.id)

    def _is_turned(self, net: NetRange) -> bool:
        """Whether it is on the other side wherever it is."""
        sign = self._before.sign
        return net.low * sign < 0 and net.high * sign < 0

    async def _agreed(self, timeout_s: float) -> NetRange | None:
        """Where the position is, once fills and lists agree; or where it can be, if they do not in time."""
        await self._ask()

        def look() -> NetRange | None:
            net = self._range()
            return net if net is None or net.is_certain or self._is_turned(net) else None

        await until(self._record, look, timeout_s=timeout_s, ask=self._ask, every_s=1.0)
        return self._range()

    async def _ask(self) -> None:
        """Positions, and beside them trades: a hub that is silent does not tell what filled."""
        trades = self._means.reader.late_trades(self._account_id, _EARLIER, lane=Lane.EXIT)
        positions = self._means.reader.positions(self._account_id, lane=Lane.EXIT)
        _, listed = await asyncio.gather(trades, positions, return_exceptions=True)
        if isinstance(listed, BaseException):
            raise listed

    async def _until(self, done: Callable[[PositionBelief], bool], timeout_s: float) -> bool:
        """Wait until the position is as wanted, by the hub or by a list; whether it is."""

        def look() -> bool | None:
            position = self._position()
            if position is None or position.net is None:
                return None
            return True if done(position) else None

        seen = await until(self._record, look, timeout_s=timeout_s, ask=self._ask, every_s=1.0)
        return bool(seen)


def _size_was_wrong(tried: Try) -> bool:
    """Whether the gateway says that there is less to close than we meant: somebody else was faster."""
    error: TopstepxError | None = tried.error
    return getattr(error, "name", "") == "InvalidCloseSize"
