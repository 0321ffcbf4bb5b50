"""The simulated exchange: requests and market data in, answers and events out.

Pure: no input, output, clock or chance of its own. Whoever drives it says what time it is with every
call; time never runs back. Timed steps (a market order's fill, the waking of bracket legs) happen at
their own time as soon as any call tells the venue that it is later; `next_event_at` says when it would
like to be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from topstepx.sim.switches import Switches
from topstepx.sim.venue import changes, closing, entry, interventions, matching, reads
from topstepx.sim.venue.book import Book
from topstepx.sim.venue.floor import Floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from topstepx.sim.venue.accounts import VenueAccount
    from topstepx.sim.venue.contracts import VenueContract
    from topstepx.sim.venue.faults import VenueFaults, Verb
    from topstepx.sim.venue.floor import VenueEvent
    from topstepx.sim.venue.truth import Truth
    from topstepx.wire import models as m
    from topstepx.wire.enums import TradeLogType

    AnswerT = TypeVar("AnswerT", bound=m.Envelope)

FIRST_ORDER_ID = 3_400_000_000
FIRST_TRADE_ID = 3_005_000_000
FIRST_POSITION_ID = 825_000_000


class Venue:
    """One exchange with its accounts and contracts.

    Order ids start above 2**31, as the real ones do since 2026. `truth` is what really happened,
    `faults` what is to go wrong.
    """

    def __init__(
        self,
        accounts: Iterable[VenueAccount],
        contracts: Iterable[VenueContract],
        switches: Switches | None = None,
        *,
        first_order_id: int = FIRST_ORDER_ID,
        first_trade_id: int = FIRST_TRADE_ID,
        first_position_id: int = FIRST_POSITION_ID,
    ) -> None:
        self._floor = Floor(
            accounts,
            contracts,
            switches or Switches(),
            first_order_id=first_order_id,
            first_trade_id=first_trade_id,
            first_position_id=first_position_id,
        )

    @property
    def floor(self) -> Floor:
        """Everything inside, for the house's rules and for saving."""
        return self._floor

    @property
    def switches(self) -> Switches:
        """How the open questions are answered here."""
        return self._floor.switches

    @property
    def faults(self) -> VenueFaults:
        """What goes wrong: change its fields at any time."""
        return self._floor.faults

    @property
    def truth(self) -> Truth:
        """What really happened."""
        return self._floor.truth

    # ---------------------------------------------------------------- requests

    def place(
        self, request: m.PlaceRequest, now: datetime, *, origin: str = "api"
    ) -> m.PlaceAnswer:
        """`Order/place`. `origin` other than "api" is another client, whose orders are not ours."""
        self.advance(now)
        answer = entry.place(self._floor, request, origin)
        return self._answered("place", request, answer, origin)

    def modify(self, request: m.ModifyRequest, now: datetime, *, origin: str = "api") -> m.Envelope:
        """`Order/modify`."""
        self.advance(now)
        answer = changes.modify(self._floor, request, origin)
        return self._answered("modify", request, answer, origin)

    def cancel(self, request: m.CancelRequest, now: datetime, *, origin: str = "api") -> m.Envelope:
        """`Order/cancel`."""
        self.advance(now)
        answer = changes.cancel(self._floor, request, origin)
        return self._answered("cancel", request, answer, origin)

    def close_contract(
        self, request: m.CloseContractRequest, now: datetime, *, origin: str = "api"
    ) -> m.Envelope:
        """`Position/closeContract`."""
        self.advance(now)
        answer = closing.close_contract(self._floor, request, origin)
        return self._answered("close", request, answer, origin)

    def partial_close(
        self, request: m.PartialCloseRequest, now: datetime, *, origin: str = "api"
    ) -> m.Envelope:
        """`Position/partialCloseContract`."""
        self.advance(now)
        answer = closing.partial_close(self._floor, request, origin)
        return self._answered("partial_close", request, answer, origin)

    def _answered(self, verb: Verb, request: m.Request, answer: AnswerT, origin: str) -> AnswerT:
        floor = self._floor
        matching.run_due(floor, floor.now)
        floor.truth.note_request(verb, request, answer, origin, floor.now)
        return answer

    # ---------------------------------------------------------------- reads

    def accounts(self, request: m.AccountSearchRequest, now: datetime) -> m.AccountsAnswer:
        """`Account/search`."""
        self.advance(now)
        return reads.accounts(self._floor, request)

    def orders(self, request: m.OrderSearchRequest, now: datetime) -> m.OrdersAnswer:
        """`Order/search`."""
        self.advance(now)
        return reads.orders(self._floor, request, self._floor.now)

    def open_orders(self, request: m.OrderSearchOpenRequest, now: datetime) -> m.OrdersAnswer:
        """`Order/searchOpen`."""
        self.advance(now)
        return reads.open_orders(self._floor, request, self._floor.now)

    def query(self, request: m.OrderQueryRequest, now: datetime) -> m.OrderPageAnswer:
        """`Order/v2/query`."""
        self.advance(now)
        return reads.query(self._floor, request, self._floor.now)

    def order_by_id(self, request: m.OrderByIdRequest, now: datetime) -> m.OrderAnswer:
        """`Order/searchById`."""
        self.advance(now)
        return reads.order_by_id(self._floor, request, self._floor.now)

    def positions(self, request: m.PositionSearchOpenRequest, now: datetime) -> m.PositionsAnswer:
        """`Position/searchOpen`."""
        self.advance(now)
        return reads.positions(self._floor, request, self._floor.now)

    def trades(self, request: m.TradeSearchRequest, now: datetime) -> m.TradesAnswer:
        """`Trade/search`."""
        self.advance(now)
        return reads.trades(self._floor, request, self._floor.now)

    # ---------------------------------------------------------------- the market

    def quote(  # noqa: PLR0917  a quote is always these five, and `now` comes last
        self,
        contract_id: str,
        bid: Decimal | None,
        bid_size: int,
        ask: Decimal | None,
        ask_size: int,
        now: datetime,
    ) -> None:
        """The touch is this now; None on a side means nobody is there. KeyError: not listed."""
        self.advance(now)
        book = self._floor.books[contract_id]
        book.quote(bid, bid_size, ask, ask_size)
        if not book.is_idle:
            matching.on_quote(self._floor, book)
            matching.run_due(self._floor, self._floor.now)

    def trade(
        self,
        contract_id: str,
        price: Decimal,
        volume: int,
        aggressor: TradeLogType,
        now: datetime,
    ) -> None:
        """Others traded. KeyError: not listed."""
        self.advance(now)
        book = self._floor.books[contract_id]
        book.print_trade(price, volume)
        if not book.is_idle:
            matching.on_trade(self._floor, book, price, volume, aggressor)
            matching.run_due(self._floor, self._floor.now)

    def depth(
        self,
        contract_id: str,
        bids: Sequence[tuple[Decimal, int]],
        asks: Sequence[tuple[Decimal, int]],
        now: datetime,
    ) -> None:
        """The whole book is this now, best first; orders that exceed the touch walk it."""
        self.advance(now)
        self._floor.books[contract_id].deepen(bids, asks)

    def set_session(self, contract_id: str, is_open: bool, now: datetime) -> None:  # noqa: FBT001  `now` comes last everywhere
        """Open or close a contract; while closed nothing is placed and nothing matches."""
        self.advance(now)
        book = self._floor.books[contract_id]
        closes = book.is_open and not is_open
        book.is_open = is_open
        if closes and self._floor.switches.time_in_force == "day":
            interventions.expire(self._floor, contract_id)
        matching.run_due(self._floor, self._floor.now)

    def list_contract(self, contract: VenueContract) -> None:
        """Add a contract, such as the next month, or say anew what is known of a listed one."""
        self._floor.books.setdefault(contract.id, Book(contract)).contract = contract

    # ---------------------------------------------------------------- time and events

    def advance(self, now: datetime) -> None:
        """Let time pass: everything timed happens, each thing at its own time."""
        matching.run_due(self._floor, now)
        self._floor.arrive_at(now)

    def next_event_at(self) -> datetime | None:
        """When the next timed step is due; None when nothing is."""
        return self._floor.next_due()

    def take_events(self) -> list[VenueEvent]:
        """What happened since the last call, in order."""
        return self._floor.take_events()

    # ---------------------------------------------------------------- acts of others

    def void_trade(self, trade_id: int, now: datetime) -> None:
        """The exchange takes a half-turn back. KeyError: there is none."""
        self.advance(now)
        interventions.void_trade(self._floor, trade_id)

    def liquidate(self, account_id: int, now: datetime, *, lock: bool = True) -> None:
        """The firm cancels everything, closes everything and, by default, locks the account."""
        self.advance(now)
        interventions.liquidate(self._floor, account_id, lock=lock)
        matching.run_due(self._floor, self._floor.now)

    def fill(
        self,
        order_id: int,
        size: int,
        price: Decimal,
        now: datetime,
        *,
        beyond_size: bool = False,
    ) -> None:
        """Fill an order by hand, whatever the market is.

        Raises:
            KeyError: no such order.
            ValueError: it does not work or has less left, unless `beyond_size`.
        """
        self.advance(now)
        interventions.fill_by_hand(self._floor, order_id, size, price, beyond_size=beyond_size)
        matching.run_due(self._floor, self._floor.now)

    def set_can_trade(self, account_id: int, can_trade: bool, now: datetime) -> None:  # noqa: FBT001  `now` comes last everywhere
        """The firm locks or unlocks an account."""
        self.advance(now)
        interventions.set_can_trade(self._floor, account_id, can_trade=can_trade)

    def adjust_balance(self, account_id: int, amount: Decimal, now: datetime) -> None:
        """Money comes in, or, negative, goes out."""
        self.advance(now)
        interventions.adjust_balance(self._floor, account_id, amount)

    def expire_orders(self, now: datetime, contract_id: str | None = None) -> None:
        """Every living order, or every one of a contract, expires."""
        self.advance(now)
        interventions.expire(self._floor, contract_id)
        matching.run_due(self._floor, self._floor.now)
