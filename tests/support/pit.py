"""A venue with one account, one contract and a hand on the clock: what the venue's tests stand in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from topstepx.sim.switches import Switches
from topstepx.sim.venue import Venue, VenueAccount, VenueContract, VenueEvent
from topstepx.wire.enums import OrderStatus, OrderType, Side, TradeLogType
from topstepx.wire.models import (
    BracketModel,
    CancelRequest,
    CloseContractRequest,
    Envelope,
    ModifyRequest,
    OrderModel,
    OrderQueryFilter,
    OrderQueryRequest,
    OrderSearchOpenRequest,
    OrderSearchRequest,
    PartialCloseRequest,
    PlaceAnswer,
    PlaceRequest,
    PositionModel,
    PositionSearchOpenRequest,
    TradeModel,
    TradeSearchRequest,
)

MNQ = VenueContract(
    id="CON.F.US.MNQ.U26",
    symbol_id="F.US.MNQ",
    display_name="MNQU26",
    tick_size=Decimal("0.25"),
    tick_value=Decimal("0.5"),
    fees=Decimal("0.36"),
    commissions=Decimal("0.25"),
    micro=True,
)
ES = VenueContract(
    id="CON.F.US.EP.U26",
    symbol_id="F.US.EP",
    display_name="ESU26",
    tick_size=Decimal("0.25"),
    tick_value=Decimal("12.5"),
    fees=Decimal("1.40"),
)
ACCOUNT_ID = 26282001
OTHER_ID = 25775001
START = datetime(2026, 8, 19, 14, 0, tzinfo=UTC)


def d(number: str | int | Decimal) -> Decimal:
    """A decimal, short to write."""
    return Decimal(number)


class Pit:
    """The venue, its time, and short words for what tests do all day."""

    def __init__(
        self,
        *,
        quoted: bool = True,
        account: VenueAccount | None = None,
        **switches: Any,  # noqa: ANN401  passed through by name
    ) -> None:
        self.account = account or VenueAccount(
            ACCOUNT_ID, "PRAC-V2-600001-47190001", d("150000.00")
        )
        other = VenueAccount(OTHER_ID, "50KTC-V2-600001-97590001", d("50000.00"))
        self.venue = Venue([self.account, other], [MNQ, ES], Switches(**switches))
        self.now = START
        if quoted:
            self.trade(100, 1)
            self.quote(100, "100.25", size=10)
        self.events()

    # ---------------------------------------------------------------- time and market

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now += timedelta(milliseconds=milliseconds)
        self.venue.advance(self.now)

    def quote(
        self, bid: str | int | None, ask: str | int | None, *, size: int = 10, on: str = MNQ.id
    ) -> None:
        """A new touch with `size` on both sides."""
        prices = [None if price is None else d(price) for price in (bid, ask)]
        self.venue.quote(on, prices[0], size, prices[1], size, self.now)

    def trade(
        self, price: str | int, volume: int, aggressor: TradeLogType = TradeLogType.BUY
    ) -> None:
        """A print on the tape."""
        self.venue.trade(MNQ.id, d(price), volume, aggressor, self.now)

    def hit(self, price: str | int, volume: int) -> None:
        """A seller hits the bid."""
        self.trade(price, volume, TradeLogType.SELL)

    def lift(self, price: str | int, volume: int) -> None:
        """A buyer lifts the offer."""
        self.trade(price, volume, TradeLogType.BUY)

    # ---------------------------------------------------------------- requests

    def request(
        self,
        kind: OrderType,
        side: Side,
        size: int = 1,
        *,
        limit: str | int | Decimal | None = None,
        stop: str | int | Decimal | None = None,
        trail: str | int | Decimal | None = None,
        tag: str | None = None,
        stop_ticks: int | None = None,
        target_ticks: int | None = None,
        stop_type: OrderType = OrderType.STOP,
        on: str = MNQ.id,
        account_id: int = ACCOUNT_ID,
    ) -> PlaceRequest:
        """A place request."""
        return PlaceRequest(
            account_id=account_id,
            contract_id=on,
            type=kind,
            side=side,
            size=size,
            limit_price=None if limit is None else d(limit),
            stop_price=None if stop is None else d(stop),
            trail_price=None if trail is None else d(trail),
            custom_tag=tag,
            stop_loss_bracket=BracketModel(ticks=stop_ticks, type=stop_type)
            if stop_ticks is not None
            else None,
            take_profit_bracket=BracketModel(ticks=target_ticks, type=OrderType.LIMIT)
            if target_ticks is not None
            else None,
        )

    def place(self, kind: OrderType, side: Side, size: int = 1, **parts: Any) -> PlaceAnswer:  # noqa: ANN401  passed through by name
        """Place and give the answer."""
        return self.venue.place(self.request(kind, side, size, **parts), self.now)

    def accepted(self, kind: OrderType, side: Side, size: int = 1, **parts: Any) -> int:  # noqa: ANN401  passed through by name
        """Place an order that must be accepted; its id."""
        answer = self.place(kind, side, size, **parts)
        assert answer.success, answer
        assert answer.order_id is not None
        return answer.order_id

    def buy(self, size: int = 1, **parts: Any) -> int:  # noqa: ANN401  passed through by name
        """A market buy."""
        return self.accepted(OrderType.MARKET, Side.BUY, size, **parts)

    def sell(self, size: int = 1, **parts: Any) -> int:  # noqa: ANN401  passed through by name
        """A market sell."""
        return self.accepted(OrderType.MARKET, Side.SELL, size, **parts)

    def modify(self, order_id: int, **parts: Any) -> Envelope:  # noqa: ANN401  passed through by name
        """Modify an order."""
        given: dict[str, Any] = {k: v if k == "size" else d(v) for k, v in parts.items()}
        request = ModifyRequest(account_id=self.account.id, order_id=order_id, **given)
        return self.venue.modify(request, self.now)

    def cancel(self, order_id: int, account_id: int = ACCOUNT_ID) -> Envelope:
        """Cancel an order."""
        return self.venue.cancel(CancelRequest(account_id=account_id, order_id=order_id), self.now)

    def close(self, on: str = MNQ.id) -> Envelope:
        """Close the contract."""
        request = CloseContractRequest(account_id=self.account.id, contract_id=on)
        return self.venue.close_contract(request, self.now)

    def close_part(self, size: int, on: str = MNQ.id) -> Envelope:
        """Close a part of the contract."""
        request = PartialCloseRequest(account_id=self.account.id, contract_id=on, size=size)
        return self.venue.partial_close(request, self.now)

    # ---------------------------------------------------------------- looking

    def events(self) -> list[VenueEvent]:
        """What happened since the last look."""
        return self.venue.take_events()

    def story(self) -> list[str]:
        """The events as short texts: `order 0 2` is the first id's status 2, ids counted from 0."""
        return [told(event) for event in self.events()]

    def order(self, order_id: int) -> OrderModel:
        """An order as it is."""
        return self.venue.truth.order(order_id)

    def status(self, order_id: int) -> OrderStatus:
        """An order's status."""
        return self.order(order_id).status

    @property
    def net(self) -> int:
        """The signed position in MNQ."""
        return self.venue.truth.net_size(self.account.id, MNQ.id)

    @property
    def balance(self) -> Decimal:
        """The account's cash."""
        return self.venue.truth.balance(self.account.id)

    def search(self) -> list[OrderModel]:
        """Order/search over everything."""
        request = OrderSearchRequest(account_id=self.account.id, start_timestamp=START)
        rows = self.venue.orders(request, self.now).orders
        assert isinstance(rows, list)
        return rows

    def search_open(self) -> list[OrderModel]:
        """Order/searchOpen."""
        request = OrderSearchOpenRequest(account_id=self.account.id)
        rows = self.venue.open_orders(request, self.now).orders
        assert isinstance(rows, list)
        return rows

    def query(self, *statuses: int) -> list[OrderModel]:
        """v2/query, by status."""
        wanted = tuple(OrderStatus(s) for s in statuses) or None
        asked = OrderQueryFilter(account_id=self.account.id, statuses=wanted)
        rows = self.venue.query(OrderQueryRequest(filter=asked), self.now).orders
        assert isinstance(rows, list)
        return rows

    def positions(self) -> list[PositionModel]:
        """Position/searchOpen."""
        request = PositionSearchOpenRequest(account_id=self.account.id)
        rows = self.venue.positions(request, self.now).positions
        assert isinstance(rows, list)
        return rows

    def trades(self) -> list[TradeModel]:
        """Trade/search over everything."""
        request = TradeSearchRequest(account_id=self.account.id, start_timestamp=START)
        rows = self.venue.trades(request, self.now).trades
        assert isinstance(rows, list)
        return rows


def told(event: VenueEvent) -> str:
    """One event in a few letters."""
    model = event.model
    if isinstance(model, OrderModel):
        return f"order {model.id - 3_400_000_000} {model.status.value}"
    if isinstance(model, TradeModel):
        return f"trade {model.side.name} {model.size} @ {model.price}"
    if isinstance(model, PositionModel):
        return f"position {model.type.name} {model.size}"
    return f"account {model.balance}"
