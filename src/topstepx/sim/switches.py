"""Named switches for everything about the real gateway that nobody has proven yet.

Each field is one question that public evidence leaves open. Its default is the answer that fits the
evidence best (or, without any, the plainest one); the other answers are there so that a client can be
tried against all of them. What *is* proven has no switch: the simulator simply does it.

The text under each field is its documentation, also at run time: see `switch_docs`.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the simulated gateway answers the open questions; every default is described below it."""

    # ---------------------------------------------------------------- time on the venue

    market_fill_ms: int = 8
    """Milliseconds a market order stays Pending before it fills. 8 was observed; 0 fills at once."""

    bracket_wake_ms: int = 18
    """Milliseconds between the entry's fill and its legs' waking (observed: 18 and 19); 0 is at once."""

    cancel_ms: int = 0
    """Milliseconds a cancel stays PendingCancellation, in which the order can still fill. Status 7
    exists but was never caught on a stream, so the default is an immediate cancel."""

    trade_visible_ms: int = 150
    """Milliseconds until a fill shows in `Trade/search`. Clients report "a short delay" and poll; the
    length is assumed."""

    # ---------------------------------------------------------------- matching

    stop_trigger: Literal["trade_or_quote", "trade", "quote"] = "trade_or_quote"
    """What wakes a stop: a print at or through it, the opposite quote at or through it, or either. The
    live refusals compare a stop with best bid and best ask, so quotes count by default (assumed)."""

    marketable_limit: Literal["accept", "refuse"] = "accept"
    """Whether a limit that crosses the market is taken. Sources disagree; every logged refusal that
    names its order type was a stop, so it is taken."""

    stop_limit_placeable: bool = True
    """Whether type 3 may be placed. The enum has it, the place page leaves it out; it is taken so
    that clients can be tried on it."""

    price_band_percent: Decimal = Decimal(20)
    """How far from the last price a price may be, in percent, before "outside allowed range". The text
    was observed, the width is assumed."""

    trailing_moves_sent: bool = False
    """Whether each move of a trailing stop is an order event. Unknown; quiet by default."""

    time_in_force: Literal["gtc", "day"] = "gtc"
    """What closing the session does to working orders: nothing, or Expired (4). Requests have no time
    in force and nobody saw an order expire."""

    # ---------------------------------------------------------------- refusals

    refusal_codes: Literal["order_rejected", "specific"] = "order_rejected"
    """Whether a refused place answers code 2 for everything (observed nearly always) or the code its
    enum has for the case (3, 4, 5, 9, 10: never observed)."""

    closed_text: Literal["halted", "hours"] = "halted"
    """The text for a closed market: "... not in an active trading status." (2026) or "Outside of
    trading hours." (2025)."""

    duplicate_tag_order: Literal["untagged", "tagged", "none"] = "untagged"
    """What the refusal of a used `customTag` leaves behind: a Rejected order without the tag, one with
    it, or none. Tags are unique, so the second order cannot carry it (assumed)."""

    tags_unique: bool = True
    """Whether a used `customTag` is refused. Verified that it is; False plays a venue that stopped
    doing so, which a client must survive."""

    # ---------------------------------------------------------------- modify and cancel

    modify_size_means: Literal["total", "rest"] = "total"
    """Whether `size` in modify is the whole order or what is still unfilled. Unknown; total is how
    orders are read back."""

    modify_suspended: Literal["refuse", "accept"] = "refuse"
    """Whether a sleeping bracket leg may be modified (the new price then replaces the distance).
    Unknown; a leg without prices has nothing to modify."""

    # ---------------------------------------------------------------- brackets

    bracket_wakes: Literal["complete", "each_fill"] = "complete"
    """When the legs of a partially filled entry wake: once it is done, for what was filled, or at the
    first fill, growing with each further one. No partial fill was ever captured."""

    oco_on_partial: Literal["reduce", "cancel", "keep"] = "reduce"
    """What a partial fill of one leg does to the other: shrink it by as much, cancel it, or nothing
    until the fill is complete. Unknown; shrinking never turns a position around."""

    cancel_leg_cancels_sibling: bool = False
    """Whether cancelling one leg cancels the other. Unknown; modifying one leaves the other alone."""

    resize_leg_resizes_sibling: bool = False
    """Whether a new size of one leg is given to the other too. Unknown; see above."""

    legs_die_with_entry: bool = True
    """Whether the sleeping legs of an entry that ends unfilled are cancelled (assumed)."""

    exit_cancels_legs: Literal["never", "when_flat", "long_only"] = "never"
    """Whether an exit by a separate market order cancels the working legs: never, when it leaves the
    position flat, or only for long positions (one author's captures: a long exit did, a short did not)."""

    close_cancels_orders: bool = False
    """Whether closeContract cancels the contract's working orders. Verified that it does not; True
    is for comparison."""

    # ---------------------------------------------------------------- positions and accounts

    max_position_counts_working: bool = False
    """Whether working orders count towards an account's position limit. Unknown."""

    final_order_action: Literal[1, 2] = 1
    """The `action` number of an order event in a final status: 1 was observed on a rejection, 2 on
    "some orders"; the meaning is undocumented."""

    # ---------------------------------------------------------------- reads

    query_contract_filters: bool = False
    """Whether v2/query obeys `filter.contractId`. Observed that it does not."""

    query_default_page_size: int = 100
    """Rows of v2/query without `pageSize`. Unknown; the cap of 100 is verified."""

    query_default_direction: Literal["ascending", "descending"] = "ascending"
    """Order of v2/query without `sortDirection`. Unknown."""

    window_by: Literal["creation", "update"] = "creation"
    """Which time `Order/search` compares with its window. Unknown; the window's ends are inclusive."""

    bars_end_inclusive: bool = False
    """Whether retrieveBars includes a bar that opens exactly at `endTime`. Unknown; left out, so that
    two windows that meet give each bar once. Clients must de-duplicate anyway."""

    tick_bars: bool = False
    """Whether bar unit 7 (Tick) is served, N trades to a bar. It came in 2026; behaviour unknown."""

    bars_extra_fields: bool = False
    """Whether bars carry the members `d` and `k` of 2026, whose meaning is unknown."""

    # ---------------------------------------------------------------- sessions, limits, hubs

    ping_as_json: bool = False
    """Whether Status/ping answers its string as JSON (in quotes) or as plain text. Unknown."""

    validate_gives: Literal["new", "same", "null"] = "new"
    """What `newToken` of Auth/validate is: a new token, the same one, or null. Not documented."""

    logout_scope: Literal["token", "user"] = "token"
    """What Auth/logout ends: this token, or all of the user's. Unknown."""

    second_login: Literal["keeps", "evicts"] = "keeps"
    """What a second login does to the first session: nothing (documentation), or GatewayLogout and an
    invalid token (three clients). The document is followed."""

    logout_argument: Literal["none", "text", "object"] = "none"
    """The argument of GatewayLogout: nothing, a text, or an object. Unknown."""

    expired_hub: Literal["stays", "logout", "close"] = "stays"
    """What happens to an open hub when its token expires: nothing (ASP.NET's default), GatewayLogout,
    or a close."""

    limiter_window: Literal["sliding", "fixed"] = "sliding"
    """Kind of the rate limit's window. Unknown; sliding is the stricter one."""

    retry_after: Literal["none", "seconds", "date"] = "none"
    """Whether a 429 carries Retry-After, and in which form. Nobody recorded one."""

    hub_calls_limited: bool = False
    """Whether hub invocations count as requests. Unknown."""

    user_events: Literal["wrapped", "flat", "mixed"] = "wrapped"
    """Shape of user events: `{action, data}` (observed by three), flat (one dissent: positions and
    trades), or both by turns."""

    order_ids_as_text: bool = False
    """Whether an order's `id` arrives as a numeric string on the stream; seen once in July 2026."""

    depth_on_subscribe: bool = True
    """Whether subscribing to depth sends Reset and the whole book first. Unknown; without it no client
    could build a book."""

    quote_on_subscribe: bool = True
    """Whether subscribing to quotes sends a full quote first. A first full message was observed, its
    cause is assumed."""

    keep_alive_s: Decimal = Decimal(15)
    """Seconds between the hubs' pings (ASP.NET's default, assumed)."""

    client_timeout_s: Decimal = Decimal(30)
    """Seconds of silence after which a hub drops a client (ASP.NET's default, assumed)."""

    @classmethod
    def from_pairs(cls, pairs: Iterable[str]) -> Switches:
        """Switches from texts such as `stop_trigger=trade`; what is not named keeps its default.

        Raises:
            ConfigurationError: an unknown name, or a value that the switch does not have.
        """
        known = {doc.name: doc for doc in switch_docs()}
        chosen: dict[str, Any] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            name = name.strip().replace("-", "_")
            if not equals or name not in known:
                raise ConfigurationError(
                    f"switch {pair!r}: write name=value with one of these names: "
                    + ", ".join(sorted(known))
                )
            chosen[name] = _read(known[name], text.strip())
        return cls(**chosen)


@dataclass(frozen=True, slots=True)
class SwitchDoc:
    """One switch for people: its default, its possible values (empty: any number) and its text."""

    name: str
    default: Any
    choices: tuple[Any, ...]
    text: str


def switch_docs() -> tuple[SwitchDoc, ...]:
    """Every switch with its documentation, in the order of the source."""
    body = ast.parse(inspect.getsource(Switches)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101  true of every class statement
    texts: dict[str, str] = {}
    for field, following in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            texts[field.target.id] = " ".join(str(following.value.value).split())
    hints = get_type_hints(Switches)
    return tuple(
        SwitchDoc(field.name, field.default, _choices(hints[field.name]), texts.get(field.name, ""))
        for field in dataclasses.fields(Switches)
    )


def changed(switches: Switches) -> dict[str, str]:
    """The switches that are not at their default, as `from_pairs` reads them."""
    return {
        field.name: str(getattr(switches, field.name))
        for field in dataclasses.fields(switches)
        if getattr(switches, field.name) != field.default
    }


def _choices(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401  a type form has no type of its own
    return (True, False) if hint is bool else get_args(hint)


def _read(doc: SwitchDoc, text: str) -> Any:  # noqa: ANN401  a bool, an int, a Decimal or a text
    for choice in doc.choices:
        if str(choice).lower() == text.lower():
            return choice
    if not doc.choices:
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and number >= 0:
            if isinstance(doc.default, Decimal):
                return number
            if number == number.to_integral_value():
                return int(number)
    allowed = ", ".join(str(choice) for choice in doc.choices) or "a number from 0 up"
    raise ConfigurationError(f"switch {doc.name}={text!r}: it takes {allowed}")
