"""What the venue refuses, in the gateway's own words where they were ever seen.

Nearly every refused place was code 2, whatever the cause; the switch `refusal_codes` plays the codes
that the enum has for each case instead. Texts without a known original are marked assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.sim.venue.accounts import VenueAccount
    from topstepx.sim.venue.book import Book
    from topstepx.sim.venue.contracts import VenueContract
    from topstepx.sim.venue.floor import Floor
    from topstepx.wire.models import BracketModel, PlaceRequest

# Codes of Order/place.
ORDER_REJECTED = 2
ACCOUNT_VIOLATION = 4
OUTSIDE_TRADING_HOURS = 5
CONTRACT_NOT_ACTIVE = 9
ACCOUNT_REJECTED = 10

MIN_BRACKET_TICKS = 4
MAX_BRACKET_TICKS = 1000
MAX_TRAIL_TICKS = 1000
MICROS_PER_MINI = 10

STOP_SUFFIX = "-SL"
TARGET_SUFFIX = "-TP"

# Observed.
POSITION_BRACKETS = (
    "Brackets cannot be used with Position Brackets. You must enable Auto OCO Brackets."
)
BAD_TYPE = "Invalid order type specified"
BAD_SIZE = "Invalid order size specified"
TAG_IN_USE = "Specified custom tag is already in use"
OUT_OF_RANGE = "Invalid price. Price is outside allowed range."
ABOVE_BID = "Order price is outside allowed range. Please set price above best bid."
BELOW_ASK = "Order price is outside allowed range. Please set price below best ask."
HALTED = "Trading is currently unavailable. The instrument is not in an active trading status."
OUTSIDE_HOURS = "Outside of trading hours."
# Documented.
LIVE_ACCOUNT = "Live accounts not supported"
FOLLOWER_ACCOUNT = "Follower accounts cannot cancel orders"
NO_TRAIL = "Trail Distance not set."
NO_LAST_PRICE = "Cannot trail without a last price"
TRAIL_TOO_FAR = "Trail Distance exceeds maximum (1000)"
# Assumed: no original was ever recorded.
BAD_SIDE = "Invalid order side specified"
BAD_LEG_TYPE = "Invalid {leg} type specified"
NO_PRICE = "Invalid {field} price specified"
NOT_ELIGIBLE = "Account is not eligible to trade."
MAX_POSITION = "Maximum position exceeded."
NOT_ACTIVE = "Contract is not active."


def off_grid(field: str) -> str:
    """The text for a price between two ticks; `field` is limit, stop or trail (observed)."""
    return f"Invalid {field} price. Price is not aligned to tick size."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no: the enum's own code for the case, and the text. Most answers carry code 2 instead."""

    text: str
    code: int = ORDER_REJECTED


def refusal_of_place(
    floor: Floor, account: VenueAccount, book: Book, request: PlaceRequest
) -> Refusal | None:
    """Why this order is refused, or None; account and contract are known to exist."""
    return (
        _shape(floor, request)
        or _standing(floor, account, book)
        or _tag(floor, request)
        or _brackets(account, request)
        or _prices(floor, book, request)
        or _exposure(floor, account, book, request)
    )


def _shape(floor: Floor, request: PlaceRequest) -> Refusal | None:
    kind = request.type
    if not kind.is_known or kind is OrderType.UNKNOWN:
        return Refusal(BAD_TYPE)
    if kind is OrderType.STOP_LIMIT and not floor.switches.stop_limit_placeable:
        return Refusal(BAD_TYPE)
    if not request.side.is_known:
        return Refusal(BAD_SIDE)
    if request.size <= 0:
        return Refusal(BAD_SIZE)
    return None


def _standing(floor: Floor, account: VenueAccount, book: Book) -> Refusal | None:
    if not account.simulated:
        return Refusal(LIVE_ACCOUNT, ACCOUNT_REJECTED)
    if not account.can_trade:
        return Refusal(NOT_ELIGIBLE, ACCOUNT_VIOLATION)
    if not book.contract.active:
        return Refusal(NOT_ACTIVE, CONTRACT_NOT_ACTIVE)
    if not book.is_open:
        return Refusal(closed_text(floor), OUTSIDE_TRADING_HOURS)
    return None


def closed_text(floor: Floor) -> str:
    """What a closed market says (switch `closed_text`)."""
    return HALTED if floor.switches.closed_text == "halted" else OUTSIDE_HOURS


def _tag(floor: Floor, request: PlaceRequest) -> Refusal | None:
    """A tag is used for ever; a bracket also needs its legs' tags to be free (assumed)."""
    tag = request.custom_tag
    if not floor.switches.tags_unique or tag is None:
        return None
    wanted = [tag]
    if request.stop_loss_bracket is not None:
        wanted.append(tag + STOP_SUFFIX)
    if request.take_profit_bracket is not None:
        wanted.append(tag + TARGET_SUFFIX)
    used = any((request.account_id, name) in floor.tags for name in wanted)
    return Refusal(TAG_IN_USE) if used else None


# -------------------------------------------------------------------- brackets


def _brackets(account: VenueAccount, request: PlaceRequest) -> Refusal | None:
    stop, target = request.stop_loss_bracket, request.take_profit_bracket
    if stop is None and target is None:
        return None
    if account.bracket_mode == "position":
        return Refusal(POSITION_BRACKETS)
    sign = request.side.sign
    problem = None
    if stop is not None:
        problem = _leg(stop, "stop loss", -sign, request.side)
        if problem is None and stop.type not in {OrderType.STOP, OrderType.TRAILING_STOP}:
            problem = BAD_LEG_TYPE.format(leg="stop loss")
    if problem is None and target is not None:
        problem = _leg(target, "take profit", sign, request.side)
        if problem is None and target.type is not OrderType.LIMIT:
            problem = BAD_LEG_TYPE.format(leg="take profit")
    return Refusal(problem) if problem else None


def _leg(leg: BracketModel, name: str, sign: int, side: Side) -> str | None:
    """What is wrong with a leg's ticks. Two of the four sign texts were observed, full stop or not."""
    head = f"Invalid {name} ticks ({leg.ticks})."
    if leg.ticks * sign <= 0:
        relation = "less" if sign < 0 else "greater"
        way = "longing." if side is Side.BUY else "going short"
        return f"{head} Ticks should be {relation} than zero when {way}"
    if abs(leg.ticks) < MIN_BRACKET_TICKS:
        return f"{head} Price should be at least {MIN_BRACKET_TICKS} ticks away."
    if abs(leg.ticks) > MAX_BRACKET_TICKS:
        return f"{head} Ticks should be {MAX_BRACKET_TICKS} ticks or less."
    return None


# -------------------------------------------------------------------- prices


def _prices(floor: Floor, book: Book, request: PlaceRequest) -> Refusal | None:
    kind, side = request.type, request.side
    problem: str | None = None
    if kind in {OrderType.STOP, OrderType.STOP_LIMIT}:
        problem = stop_problem(floor, book, side, request.stop_price)
    if problem is None and kind in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        resting = kind is OrderType.LIMIT
        problem = limit_problem(floor, book, side, request.limit_price, resting=resting)
    if kind is OrderType.TRAILING_STOP:
        problem = trail_problem(book, request.trail_price, capped=True)
    elif kind in _TOUCH_NEEDED and _touch(book, kind, side) is None:
        problem = HALTED  # assumed: what trades at the touch needs one
    return Refusal(problem) if problem else None


_TOUCH_NEEDED = frozenset({OrderType.MARKET, OrderType.JOIN_BID, OrderType.JOIN_ASK})


def _touch(book: Book, kind: OrderType, side: Side) -> Decimal | None:
    if kind is OrderType.MARKET:
        return book.opposite(side)
    return book.bid if kind is OrderType.JOIN_BID else book.ask


def _range_problem(floor: Floor, book: Book, field: str, price: Decimal) -> str | None:
    contract = book.contract
    if not contract.is_plausible(price):
        return OUT_OF_RANGE
    if not contract.is_aligned(price):
        return off_grid(field)
    reference = book.reference
    if reference is not None:
        width = abs(reference) * floor.switches.price_band_percent / 100
        if abs(price - reference) > width:
            return OUT_OF_RANGE
    return None


def limit_problem(
    floor: Floor, book: Book, side: Side, price: Decimal | None, *, resting: bool
) -> str | None:
    """What is wrong with a limit price; `resting` False for one that waits behind a stop."""
    if price is None:
        return NO_PRICE.format(field="limit")
    problem = _range_problem(floor, book, "limit", price)
    refuses = resting and floor.switches.marketable_limit == "refuse"
    if problem is None and refuses and book.crosses(side, price):
        return BELOW_ASK if side is Side.BUY else ABOVE_BID
    return problem


def stop_problem(floor: Floor, book: Book, side: Side, price: Decimal | None) -> str | None:
    """What is wrong with a stop price: buys must be above the best bid, sells below the best ask."""
    if price is None:
        return NO_PRICE.format(field="stop")
    problem = _range_problem(floor, book, "stop", price)
    if problem is None:
        if side is Side.BUY and book.bid is not None and price <= book.bid:
            return ABOVE_BID
        if side is Side.SELL and book.ask is not None and price >= book.ask:
            return BELOW_ASK
    return problem


def trail_problem(book: Book, price: Decimal | None, *, capped: bool) -> str | None:
    """What is wrong with an absolute trail price; only place has the cap (documented)."""
    if price is None:
        return NO_TRAIL
    if not book.contract.is_plausible(price):
        return OUT_OF_RANGE
    if not book.contract.is_aligned(price):
        return off_grid("trail")
    if book.last is None:
        return NO_LAST_PRICE
    distance = trail_ticks(book, price)
    too_far = capped and distance > MAX_TRAIL_TICKS
    return NO_TRAIL if distance == 0 else TRAIL_TOO_FAR if too_far else None


def trail_ticks(book: Book, price: Decimal) -> int:
    """The distance the venue derives: |last - price| in ticks, fractions dropped (documented)."""
    assert book.last is not None  # noqa: S101  checked by `trail_problem`
    return book.contract.ticks_in(abs(book.last - price))


# -------------------------------------------------------------------- exposure


def _exposure(
    floor: Floor, account: VenueAccount, book: Book, request: PlaceRequest
) -> Refusal | None:
    """The account's position limit, in tenths of a mini; only what adds exposure is refused."""
    if account.max_minis is None:
        return None
    contract_id = book.contract.id
    held = floor.truth.net_size(account.id, contract_id)
    after = held + request.side.sign * request.size
    if floor.switches.max_position_counts_working:
        same_side = (
            order.left
            for order in floor.live_of[account.id].values()
            if order.contract_id == contract_id
            and order.side is request.side
            and order.parent_order_id is None
        )
        after += request.side.sign * sum(same_side)
    if abs(after) <= abs(held):
        return None
    others = sum(
        abs(position.size) * weight(position.contract)
        for (owner, other_id), position in floor.positions.items()
        if owner == account.id and other_id != contract_id
    )
    total = others + abs(after) * weight(book.contract)
    if total > account.max_minis * MICROS_PER_MINI:
        return Refusal(MAX_POSITION, ACCOUNT_VIOLATION)
    return None


def weight(contract: VenueContract) -> int:
    """How many micros a contract counts for."""
    return 1 if contract.micro else MICROS_PER_MINI
