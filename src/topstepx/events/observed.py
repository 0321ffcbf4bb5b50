"""What was seen at the gateway: accounts, orders, trades, positions.

These facts feed a merge that does not care about their order or about duplicates, so a hub that
repeats itself and a REST answer that tells the same story again do no harm.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from topstepx.events.fact import Observation, Origin, Source, statement_of
from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel

ListName = Literal["accounts", "orders", "positions", "trades"]
"""The lists the gateway can be asked for."""


class OrderObserved(Observation, frozen=True, kw_only=True):
    """An order as it was seen."""

    order: OrderModel

    def statement(self) -> bytes:
        """What the ``id`` is made of: the record."""
        return statement_of("OrderObserved", "order", self.order)

    @property
    def account(self) -> int:
        """The account of the order."""
        return self.order.account_id


class TradeObserved(Observation, frozen=True, kw_only=True):
    """A trade as it was seen."""

    trade: TradeModel

    def statement(self) -> bytes:
        """What the ``id`` is made of: the record."""
        return statement_of("TradeObserved", "trade", self.trade)

    @property
    def account(self) -> int:
        """The account of the trade."""
        return self.trade.account_id


class TradeVoided(Observation, frozen=True, kw_only=True):
    """A trade was taken back by the exchange; a trade once voided stays voided."""

    trade: TradeModel

    def statement(self) -> bytes:
        """What the ``id`` is made of: the record."""
        return statement_of("TradeVoided", "trade", self.trade)

    @property
    def account(self) -> int:
        """The account of the trade."""
        return self.trade.account_id


class PositionObserved(Observation, frozen=True, kw_only=True):
    """The position in one contract as it was seen; size 0 is flat.

    From the hub it is a hint (positions carry no version), from REST it is the truth of its moment.
    """

    position: PositionModel

    def statement(self) -> bytes:
        """What the ``id`` is made of: the record."""
        return statement_of("PositionObserved", "position", self.position)

    @property
    def account(self) -> int:
        """The account of the position."""
        return self.position.account_id


class PositionsListed(Observation, frozen=True, kw_only=True):
    """A complete list of an account's open positions: every contract that is not in it is flat."""

    account_id: int
    positions: tuple[PositionModel, ...]
    server_at: datetime | None = None
    """When it was asked for, by the gateway's own clock; None where that is not known."""

    _FRAME: ClassVar[frozenset[str]] = Observation._FRAME | {"server_at"}  # noqa: SLF001  its base class

    def __post_init__(self) -> None:
        foreign = sorted({p.account_id for p in self.positions} - {self.account_id})
        if foreign:
            msg = f"a list for account {self.account_id} holds positions of {foreign}"
            raise ValueError(msg)
        super().__post_init__()


class AccountObserved(Observation, frozen=True, kw_only=True):
    """An account as it was seen."""

    account_model: AccountModel

    def statement(self) -> bytes:
        """What the ``id`` is made of: the record."""
        return statement_of("AccountObserved", "account_model", self.account_model)

    @property
    def account(self) -> int:
        """The account's id."""
        return self.account_model.id


class ListRead(Observation, frozen=True, kw_only=True):
    """A list was read completely, so that what is missing from it is known to be missing.

    Its rows are facts of their own. ``account_id`` is None for the list of accounts. A read that
    failed, or a page that did, makes no such fact: absence is not emptiness.
    """

    what: ListName
    account_id: int | None = None


def trade_fact(
    trade: TradeModel,
    *,
    at: datetime,
    source: Source = "rest",
    origin: Origin = "live",
    cause: str = "",
) -> TradeObserved | TradeVoided:
    """The fact that a trade report stands for: a trade, or its reversal."""
    common: dict[str, Any] = {"at": at, "source": source, "origin": origin, "cause": cause}
    if trade.voided:
        return TradeVoided(trade=trade, **common)
    return TradeObserved(trade=trade, **common)
