"""From what was believed to what was found: the story in between, told once and in causal order.

A look at the gateway shows how things are, not what happened. Most of what happened follows all the
same: an order that is filled was placed before, each of its trades was one fill, and a trade comes after
its order's report of it. `bridge` tells that story of one order, `story` that of a whole look, oldest
first. What cannot be known (whether a stop slept or worked before it was cancelled) is not made up.

The steps in between are reports with the content that the gateway would have sent, so the same gap found
twice, or by two programs, gives facts with the same ids, and the ledger drops those it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from topstepx.events import Observation, OrderObserved, TradeObserved, TradeVoided
from topstepx.wire.enums import OrderStatus, OrderType
from topstepx.wire.models import OrderModel, TradeModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from topstepx.core.ledger import Ledger
    from topstepx.events import Origin, Source

_DIGITS: Final = timedelta(milliseconds=1)

Step = OrderModel | TradeModel
"""One report of an order, or one trade."""

StepT = TypeVar("StepT", OrderModel, TradeModel, Step)


def bridge(
    before: OrderModel | None, after: OrderModel, trades: Sequence[TradeModel], filled: int = 0
) -> tuple[Step, ...]:
    """The steps from `before` (None: never seen) to `after`, with the `trades` that are news.

    `filled` is how much the trades that are known already account for.
    """
    steps: list[Step] = []
    if before is None and (after.fill_volume or _was_alive(after)):
        steps.append(_placed(after))
    elif not trades:
        return (after,)
    told = before.fill_volume if before is not None else 0
    # A cancel comes after the last fill; a last fill, and a report of a living order, before its trade.
    ends_with_fill = after.status is OrderStatus.FILLED or not after.status.is_terminal
    done = False
    for fill in _fills(trades):
        filled += sum(trade.size for trade in fill)
        # Of a fill of several trades some may not be known yet: its moment says that it was the last.
        with_end = ends_with_fill and _near(fill[-1].creation_timestamp, after.update_timestamp)
        last = with_end or filled >= after.fill_volume
        if told < filled <= after.fill_volume and not (last and ends_with_fill):
            steps.append(_filled(after, filled, fill[-1]))
        elif last and not done and (ends_with_fill or filled > after.fill_volume):
            steps.append(after)
            done = True
        steps += [_unvoided(trade) for trade in fill]
        told = max(told, filled)
    if not done:
        steps.append(after)
    return (*steps, *(trade for trade in trades if trade.voided))


def _fills(trades: Sequence[TradeModel]) -> list[list[TradeModel]]:
    """Trades of one moment are one step of their order: it took several prices or counterparties."""
    fills: list[list[TradeModel]] = []
    for trade in sorted(trades, key=_oldest_first):
        if fills and _near(fills[-1][-1].creation_timestamp, trade.creation_timestamp):
            fills[-1].append(trade)
        else:
            fills.append([trade])
    return fills


def _was_alive(order: OrderModel) -> bool:
    return order.status.is_terminal and order.status is not OrderStatus.REJECTED


def _placed(after: OrderModel) -> OrderModel:
    """The order as it must have been when it was new."""
    status = OrderStatus.OPEN
    if after.parent_order_id is not None:
        status = OrderStatus.SUSPENDED
    elif after.type is OrderType.MARKET:
        status = OrderStatus.PENDING
    return _earlier(after, status, 0, after.creation_timestamp)


def _filled(after: OrderModel, filled: int, trade: TradeModel) -> OrderModel:
    return _earlier(after, OrderStatus.OPEN, filled, trade.creation_timestamp)


def _earlier(after: OrderModel, status: OrderStatus, filled: int, at: datetime) -> OrderModel:
    return msgspec.structs.replace(
        after, status=status, fill_volume=filled, filled_price=None, update_timestamp=at
    )


def _unvoided(trade: TradeModel) -> TradeModel:
    return msgspec.structs.replace(trade, voided=False) if trade.voided else trade


def _oldest_first(trade: TradeModel) -> tuple[datetime, int]:
    return trade.creation_timestamp, trade.id


@dataclass(frozen=True, slots=True)
class Found:
    """What one look showed of an account: orders and trades, whole as far as the look went."""

    orders: tuple[OrderModel, ...]
    trades: tuple[TradeModel, ...]

    def ahead(self, ledger: Ledger) -> tuple[int, ...]:
        """Orders whose report is older than their trades, or missing: ask for them by id."""
        reported = {order.id: order.fill_volume for order in self.orders}
        sizes: dict[int, int] = {}
        for trade in _news(ledger, self.trades):
            if not _is_known(ledger, trade):
                sizes[trade.order_id] = sizes.get(trade.order_id, 0) + trade.size
        late = []
        for order_id, size in sizes.items():
            belief = ledger.order(order_id)
            known = max(reported.get(order_id, 0), belief.filled if belief is not None else 0)
            if known < size + told_by_trades(ledger, order_id):
                late.append(order_id)
        return tuple(sorted(late))

    def lacks_trades(self, ledger: Ledger) -> bool:
        """Whether an order filled by several contracts and its trades are not shown yet."""
        fresh: dict[int, int] = {}
        for trade in _news(ledger, self.trades):
            if not _is_known(ledger, trade):
                fresh[trade.order_id] = fresh.get(trade.order_id, 0) + trade.size
        for order in self.orders:
            belief = ledger.order(order.id)
            if order.fill_volume - (belief.filled if belief is not None else 0) <= 1:
                continue
            if told_by_trades(ledger, order.id) + fresh.get(order.id, 0) < order.fill_volume:
                return True
        return False


def told_by_trades(ledger: Ledger, order_id: int) -> int:
    """How much of an order the trades that are known account for, voided ones too: they filled it."""
    return sum(belief.trade.size for belief in ledger.trades_of(order_id))


def _is_known(ledger: Ledger, trade: TradeModel) -> bool:
    return any(belief.id == trade.id for belief in ledger.trades_of(trade.order_id))


def _news(ledger: Ledger, trades: Iterable[TradeModel]) -> list[TradeModel]:
    """Trades that are not known, or not known to be void."""
    known = {}
    for order_id in {trade.order_id for trade in trades}:
        known.update({belief.id: belief.is_void for belief in ledger.trades_of(order_id)})
    return [
        trade for trade in trades if trade.id not in known or (trade.voided and not known[trade.id])
    ]


def story(
    ledger: Ledger, found: Found, *, at: datetime, origin: Origin, source: Source = "rest"
) -> tuple[Observation, ...]:
    """Everything in `found` as facts, what is news among it in causal order, oldest first."""
    fresh: dict[int, list[TradeModel]] = {}
    steps: list[tuple[datetime, int, int, Step]] = []
    for trade in sorted(_news(ledger, found.trades), key=_oldest_first):
        if _is_known(ledger, trade):  # known, and void now: one way
            steps.append((trade.creation_timestamp, trade.order_id, 0, trade))
        else:
            fresh.setdefault(trade.order_id, []).append(trade)
    orders = {order.id: same_moments(ledger, order) for order in found.orders}
    for order_id in {*orders, *fresh}:
        belief = ledger.order(order_id)
        before = belief.order if belief is not None else None
        mine: list[TradeModel] = fresh.get(order_id, [])
        after = orders.get(order_id, before)
        told: tuple[Step, ...] = tuple(mine)
        if after is not None:
            if before is not None and before.fill_volume > after.fill_volume:
                after = before  # the look is older than what is known
            told = bridge(before, after, mine, told_by_trades(ledger, order_id))
        moment: datetime | None = None
        for number, step in enumerate(told):
            moment = _when(step) if moment is None else max(moment, _when(step))
            steps.append((moment, order_id, number, step))
    steps.sort(key=lambda one: one[:3])
    return tuple(fact_of(step, at=at, origin=origin, source=source) for *_, step in steps)


def same_moments(ledger: Ledger, step: StepT) -> StepT:
    """The step with the moments that are known already, where it only prints them with other digits.

    Stream and REST print one moment differently; without this each would seem to tell something new.
    """
    if isinstance(step, TradeModel):
        known = next((one for one in ledger.trades_of(step.order_id) if one.id == step.id), None)
        if known is None or not _near(known.trade.creation_timestamp, step.creation_timestamp):
            return step
        created = known.trade.creation_timestamp
        if created == step.creation_timestamp:
            return step
        return msgspec.structs.replace(step, creation_timestamp=created)
    belief = ledger.order(step.id)
    if belief is None:
        return step
    was = belief.order
    if (
        was.creation_timestamp == step.creation_timestamp
        and was.update_timestamp == step.update_timestamp
    ):
        return step
    moments: dict[str, datetime | None] = {}
    if _near(was.creation_timestamp, step.creation_timestamp):
        moments["creation_timestamp"] = was.creation_timestamp
    same_step = (step.status, step.fill_volume) == (was.status, was.fill_volume)
    is_late = step.fill_volume < was.fill_volume or (
        was.status.is_terminal and not step.status.is_terminal
    )
    if (same_step or is_late) and _near(was.update_timestamp, step.update_timestamp):
        moments["update_timestamp"] = was.update_timestamp
    return msgspec.structs.replace(step, **moments) if moments else step


def _near(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) < _DIGITS


def _when(step: Step) -> datetime:
    if isinstance(step, TradeModel):
        return step.creation_timestamp
    return step.update_timestamp or step.creation_timestamp


def fact_of(
    step: Step, *, at: datetime, origin: Origin = "live", source: Source = "rest"
) -> OrderObserved | TradeObserved | TradeVoided:
    """A step as the fact that it is."""
    if isinstance(step, OrderModel):
        return OrderObserved(order=step, at=at, origin=origin, source=source)
    kind = TradeVoided if step.voided else TradeObserved
    return kind(trade=step, at=at, origin=origin, source=source)
