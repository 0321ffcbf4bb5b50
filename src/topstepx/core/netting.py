"""How far a position may be from what was last told of it, given every fill that is known.

Theory of operation. The gateway tells positions apart from fills, by the hub and by lists, and neither
carries a version: the word about a position may come before its fill, seconds after it, or never. So the
net position of a contract is kept as an *account*: a base that everything agreed on, plus every fill
told since. While the words about the position agree with that sum, it is settled. While they do not,
both are possible, and a limit has to hold for either: the range reaches from the one to the other.

A word that equals the sum settles it. A list that goes on contradicting the sum for `BELIEVED_AFTER_S`
without a further fill is right, and the sum was not: trades of other software were never told, or an
account was reset. A fill that the base is old enough to contain (by the gateway's own clock) is history
that was read late, and counts for nothing. One from about the moment of a list that was believed alone (the
first of a run, or one that went on contradicting), or from before it, is counted, and is *questioned*: the
list may have had it, and a limit has to hold for that as well, until a word or a quiet list settles it.

For our own orders the sum alone is already enough: what they filled without our knowing is still counted
as what they may yet fill. The words about the position add what other software did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from topstepx.wire.enums import PositionType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from topstepx.core.ledger_trades import TradeBelief
    from topstepx.events import PositionObserved, PositionsListed
    from topstepx.wire.models import OrderModel, PositionModel

BELIEVED_AFTER_S: Final = 15.0
"""How long lists must contradict the known fills until they are believed (assumed: lists may lag)."""

OVERTAKES_S: Final = 3.0
"""How much earlier than its fill the word about a position may come and still be about that fill."""

_CLOCKS_DIFFER: Final = timedelta(seconds=10)
_STREAM_IS_LATE: Final = timedelta(seconds=60)
_READ_LATE: Final = timedelta(seconds=0.9)
"""How much later than its stamp a list may have been read: the gateway's clock tells whole seconds."""
_EARLY_MAX: Final = 256
_SECOND_NS: Final = 1_000_000_000
_SIGN: Final = {PositionType.LONG: 1, PositionType.SHORT: -1}


@dataclass(frozen=True, slots=True)
class Heard:
    """When something was told: our stamp, which only ascends, and the monotonic clock if it ran."""

    at: datetime
    ns: int | None = None

    def since_s(self, earlier: Heard) -> float:
        """Seconds since `earlier`; by the stamps only where no clock ran, because that of the wall is set."""
        if self.ns is None or earlier.ns is None:
            return (self.at - earlier.at).total_seconds()
        return (self.ns - earlier.ns) / _SECOND_NS


@dataclass(frozen=True, slots=True)
class Fill:
    """Contracts that changed hands, signed; `moment` is when, by the gateway's clock."""

    net: int
    moment: datetime
    heard: Heard
    by_hub: bool = False


@dataclass(frozen=True, slots=True)
class NetRange:
    """Where the net position can be; `low` and `high` are the same when it is settled."""

    low: int
    high: int

    @property
    def is_certain(self) -> bool:
        """Whether everything that was told agrees."""
        return self.low == self.high

    @property
    def nearest(self) -> int:
        """The end nearest to flat, and 0 where the direction itself is open: what is surely held."""
        if self.low <= 0 <= self.high:
            return 0
        return self.low if self.low > 0 else self.high


@dataclass(frozen=True, slots=True)
class _Rival:
    """A word about the position that the known fills contradict, and since when there is one."""

    net: int
    heard: Heard
    since: Heard
    by_hub: bool


class ContractNet:
    """The account of one contract's net position."""

    def __init__(self) -> None:
        self._base: int | None = None
        self._based_at: datetime | None = None
        self._unproven_at: datetime | None = None
        """When the list was read that was believed without a sum that agreed: fills of then may be in it."""
        self._ahead: Heard | None = None
        self._fills: list[Fill] = []
        self._questioned: list[Fill] = []
        self._doubtful: list[Fill] = []
        self._early: deque[Fill] = deque(maxlen=_EARLY_MAX)
        self._rival: _Rival | None = None
        self._told: Heard | None = None

    @property
    def expected(self) -> int | None:
        """The base and every fill since; None while no list was ever read."""
        return None if self._base is None else self._base + _sum(self._fills)

    @property
    def _whole(self) -> int:
        """The same with what was known before the first list, if that list had none of it."""
        return (self.expected or 0) + _sum(self._doubtful)

    @property
    def is_settled(self) -> bool:
        """Whether the last word about the position agrees with every known fill."""
        return self._base is not None and not (self._fills or self._rival or self._doubtful)

    def range(self) -> NetRange | None:
        """Where the net position can be; None: it is not known."""
        expected = self.expected
        if expected is None:
            return None
        either_way = [fill.net for fill in self._doubtful] + [-one.net for one in self._questioned]
        low = expected + sum(min(0, net) for net in either_way)
        high = expected + sum(max(0, net) for net in either_way)
        if self._rival is not None:
            rival = self._by_rival(self._rival)
            low, high = min(low, rival.low), max(high, rival.high)
        return NetRange(low, high)

    def _by_rival(self, rival: _Rival) -> NetRange:
        """Where the position is if the word is right that the known fills contradict.

        What filled after it comes on top of it. What filled shortly before a list may as well: lists may be
        late, and one that is believed of another program's trades need not have the newest fill of ours.
        """
        low = high = rival.net
        for fill in self._fills:
            if fill.heard.at > rival.heard.at:
                low, high = low + fill.net, high + fill.net
            elif not rival.by_hub and rival.heard.since_s(fill.heard) < BELIEVED_AFTER_S:
                low, high = low + min(0, fill.net), high + max(0, fill.net)
        return NetRange(low, high)

    def filled(self, fill: Fill) -> None:
        """A fill became known."""
        if self._base is None:
            self._early.append(fill)
            return
        if self._contains(fill):
            return
        self._fills.append(fill)
        if self._is_questioned(fill):
            self._questioned.append(fill)
        rival = self._rival
        if rival is None or rival.net != self.expected:
            return
        if fill.heard.since_s(rival.since) < OVERTAKES_S:
            self._settle(rival.net)

    def told(self, net: int | None, heard: Heard) -> None:
        """The hub's word about the position; None: a direction that is not known."""
        if net is None:
            self.forget()
        elif self._base is not None:
            self._told = heard
            if net in {self.expected, self._whole}:
                self._agreed(net, heard)
            else:
                self._contradict(net, heard, by_hub=True)

    def listed(self, net: int | None, heard: Heard, server_at: datetime | None) -> None:
        """A list's word, which it was asked for at `heard`, `server_at` by the gateway's clock."""
        if net is None:
            self.forget()
            return
        if self._base is None:
            self._base, self._based_at, self._told = net, server_at, heard
            self._unproven_at = server_at or heard.at
            left = (fill for fill in self._early if not self._contains(fill))
            self._doubtful = [replace(fill, heard=heard) for fill in left]
            self._early.clear()
            return
        agrees = net == self.expected
        if not agrees and self._told is not None and heard.at < self._told.at:
            return  # what was told since it was asked for is newer
        self._told = heard
        self._doubtful = [
            fill for fill in self._doubtful if heard.since_s(fill.heard) < BELIEVED_AFTER_S
        ]
        if agrees and self._is_told_otherwise(heard):
            return
        if agrees:
            self._agreed(net, heard, server_at)
            return
        since = self._contradict(net, heard)
        newest = max([since, *(fill.heard for fill in self._fills)], key=lambda one: one.at)
        if heard.since_s(newest) >= BELIEVED_AFTER_S:
            self._settle(net, server_at)
            self._unproven_at = server_at or heard.at

    def forget(self) -> None:
        """Nothing is known any more until the next list; the fills so far may or may not be in it."""
        self._early.extend(self._fills)
        self._base = self._based_at = self._unproven_at = self._rival = None
        self._told = self._ahead = None
        self._fills, self._questioned, self._doubtful = [], [], []

    def _agreed(self, net: int, heard: Heard, server_at: datetime | None = None) -> None:
        """A word equals the sum; with fills in question it may have been about one that is yet to come."""
        if net != self.expected:
            self._doubtful, self._ahead = [], heard
        if self._questioned:
            self._ahead = heard
        self._settle(net, server_at)

    def _settle(self, net: int, server_at: datetime | None = None) -> None:
        self._base, self._fills, self._questioned, self._rival = net, [], [], None
        self._based_at = server_at or self._based_at

    def _contradict(self, net: int, heard: Heard, *, by_hub: bool = False) -> Heard:
        since = heard if self._rival is None else self._rival.since
        self._rival = _Rival(net, heard, since, by_hub)
        return since

    def _is_told_otherwise(self, heard: Heard) -> bool:
        """Whether the hub said lately what the sum denies: then a late list may equal it by chance."""
        rival = self._rival
        return rival is not None and rival.by_hub and heard.since_s(rival.heard) < BELIEVED_AFTER_S

    def _is_questioned(self, fill: Fill) -> bool:
        """Whether the base may contain it: as a list that was believed, or by a word that came before it."""
        if self._ahead is not None and fill.heard.since_s(self._ahead) < OVERTAKES_S:
            return True
        return self._unproven_at is not None and fill.moment <= self._unproven_at + _READ_LATE

    def _contains(self, fill: Fill) -> bool:
        """Whether the base was read so long after the fill that it must be part of it."""
        if self._based_at is None:
            return False
        margin = _STREAM_IS_LATE if fill.by_hub else _CLOCKS_DIFFER
        return fill.moment < self._based_at - margin


class Netting:
    """The accounts of every contract, fed by the ledger with what is news to it."""

    def __init__(self) -> None:
        self._nets: dict[tuple[int, str], ContractNet] = {}
        self._lists: dict[int, tuple[Heard, datetime | None]] = {}
        self._first: dict[int, datetime] = {}
        self._filled: dict[int, int] = {}
        self._traded: dict[int, int] = {}

    def range(self, account_id: int, contract_id: str) -> NetRange | None:
        """Where the net position can be; None: it is not known."""
        return self._net(account_id, contract_id).range()

    def unshown(self, account_id: int, contract_id: str, told: int) -> int:
        """By how much the known fills differ from the position as it was told; 0 when they agree."""
        net = self._nets.get((account_id, contract_id))
        expected = None if net is None or net.is_settled else net.expected
        return 0 if expected is None else expected - told

    def filled(self, order_id: int) -> int:
        """How much of an order is known to have filled, by its own word or by its trades."""
        return self._filled.get(order_id, 0)

    def counts_from(self, account_id: int) -> datetime | None:
        """When this run's first list was asked for: what filled before it is in it, known or not."""
        return self._first.get(account_id)

    def unsettled(self, account_id: int) -> Iterator[str]:
        """The contracts whose fills and last word about the position do not agree (yet)."""
        for (account, contract_id), net in self._nets.items():
            if account == account_id and not net.is_settled:
                yield contract_id

    # -- fed

    def begin(self) -> None:
        """A new run: what an earlier one knew of positions is no base to count from."""
        self._lists.clear()
        self._first.clear()
        for net in self._nets.values():
            net.forget()

    def order(self, order: OrderModel, at: datetime, now_ns: int | None, *, by_hub: bool) -> None:
        """An order as it is believed now, and when that was heard (see `Heard`)."""
        grown = self._grown(order.id, order.fill_volume)
        if grown:
            moment = order.update_timestamp or order.creation_timestamp
            fill = Fill(order.side.sign * grown, moment, Heard(at, now_ns), by_hub)
            self._net(order.account_id, order.contract_id).filled(fill)

    def trade(
        self, before: TradeBelief | None, after: TradeBelief, heard: Heard, *, by_hub: bool
    ) -> None:
        """A trade that is new, was completed, or was taken back."""
        trade = after.trade
        net = self._net(trade.account_id, trade.contract_id)
        more = trade.size - (before.trade.size if before is not None else 0)
        self._traded[trade.order_id] = self._traded.get(trade.order_id, 0) + more
        grown = self._grown(trade.order_id, self._traded[trade.order_id])
        if after.is_void and (before is None or not before.is_void):
            grown -= trade.size
        if grown:
            sign = trade.side.sign
            net.filled(Fill(sign * grown, trade.creation_timestamp, heard, by_hub))

    def told(self, event: PositionObserved, heard: Heard) -> None:
        """One position, by the hub."""
        position = event.position
        self._net(position.account_id, position.contract_id).told(_signed(position), heard)

    def listed(self, event: PositionsListed, heard: Heard) -> None:
        """All positions of an account: a contract that is not among them is flat."""
        account_id, server_at = event.account_id, _earlier(event.server_at, heard.at)
        rows = {row.contract_id: _signed(row) for row in event.positions}
        known = {contract_id for account, contract_id in self._nets if account == account_id}
        for contract_id in known | rows.keys():
            net = self._net(account_id, contract_id)  # not in the list before: it was flat then
            net.listed(rows.get(contract_id, 0), heard, server_at)
        self._lists[account_id] = heard, server_at
        self._first.setdefault(account_id, heard.at)

    def _grown(self, order_id: int, size: int) -> int:
        grown = size - self._filled.get(order_id, 0)
        if grown > 0:
            self._filled[order_id] = size
        return max(0, grown)

    def _net(self, account_id: int, contract_id: str) -> ContractNet:
        net = self._nets.get((account_id, contract_id))
        if net is None:
            net = self._nets[account_id, contract_id] = ContractNet()
            if account_id in self._lists:
                net.listed(0, *self._lists[account_id])
        return net


def _earlier(server_at: datetime | None, ours: datetime) -> datetime | None:
    """When a list was read, at the earliest: a gateway whose clock runs ahead would swallow new fills."""
    return None if server_at is None else min(server_at, ours)


def _signed(position: PositionModel) -> int | None:
    if not position.size:
        return 0
    sign = _SIGN.get(position.type)
    return None if sign is None else sign * position.size


def _sum(fills: Iterable[Fill]) -> int:
    return sum(fill.net for fill in fills)
