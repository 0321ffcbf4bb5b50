"""What the gateway means when it says no.

`explain` turns an error code, and the words that came with it, into a name, a plain sentence and the
next step. The code decides, the words only refine: nearly every refused order has code 2, and the
reason is in the text (verified). The words come from outside, so that they can make an outcome less
certain but never more: only "custom tag is already in use" counts, since it may mean that an earlier
copy of the very same order is alive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from topstepx.wire.refusal_rows import ROWS, OutcomeKind, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.wire.routes import ErrorTable

__all__ = ["TABLES", "TEXTS", "KnownText", "OutcomeKind", "Refusal", "explain"]


@dataclass(frozen=True, slots=True)
class KnownText:
    """Words seen in `errorMessage`. They match when every part of `parts` occurs, in any case."""

    cause: str
    parts: tuple[str, ...]
    meaning: str
    next_step: str
    outcome: OutcomeKind = "definite"


_SIGNS: Final = "Give bracket distances as positive ticks and let this client put the signs."
_RANGE: Final = "Use a distance of 4 to 1000 ticks."
_GRID: Final = "Round the price to the contract's tick size, with exact decimals."

TEXTS: Final[tuple[KnownText, ...]] = (
    KnownText(
        "tag_in_use",
        ("custom tag", "already in use"),
        "an order with this tag exists or was rejected earlier; tags are never free again",
        "Look the tag up: the order you meant may already be there.",
        "unknown",
    ),
    KnownText(
        "bracket_mode",
        ("position brackets", "auto oco"),
        "the account is set to Position Brackets, so that orders may not bring their own",
        "Switch the account to Auto OCO Brackets in the platform's risk settings, while flat.",
    ),
    KnownText(
        "stop_loss_sign",
        ("invalid stop loss ticks", "zero"),
        "the stop's distance has the wrong sign: negative when buying, positive when selling",
        _SIGNS,
    ),
    KnownText(
        "take_profit_sign",
        ("invalid take profit ticks", "zero"),
        "the target's distance has the wrong sign: positive when buying, negative when selling",
        _SIGNS,
    ),
    KnownText(
        "bracket_too_close",
        ("ticks", "at least", "ticks away"),
        "the bracket is closer to the entry than the gateway allows",
        _RANGE,
    ),
    KnownText(
        "bracket_too_far",
        ("ticks", "ticks or less"),
        "the bracket is farther from the entry than the gateway allows",
        _RANGE,
    ),
    KnownText("tick_alignment", ("not aligned to tick size",), "a price is off the grid", _GRID),
    KnownText(
        "buy_stop_below_market",
        ("outside allowed range", "above best bid"),
        "a buy stop must lie above the market",
        "Use a price above the best bid, or a market order.",
    ),
    KnownText(
        "sell_stop_above_market",
        ("outside allowed range", "below best ask"),
        "a sell stop must lie below the market",
        "Use a price below the best ask, or a market order.",
    ),
    KnownText(
        "price_range",
        ("outside allowed range",),
        "the price is too far from the market",
        "Use a price nearer to the market.",
    ),
    KnownText(
        "market_closed",
        ("not in an active trading status",),
        "the market is closed or halted",
        "Wait for the market to open.",
    ),
    KnownText(
        "market_closed",
        ("outside of trading hours",),
        "the market is closed",
        "Wait for the session to open.",
    ),
    KnownText(
        "order_type",
        ("invalid order type",),
        "the gateway does not take orders of this type",
        "Use limit, market, stop, trailing stop, join bid or join ask.",
    ),
    KnownText(
        "order_size",
        ("invalid order size",),
        "the size is not a number of contracts that may be traded",
        "Use a whole number of at least 1, within the account's limit.",
    ),
    KnownText(
        "trail_missing",
        ("trail distance not set",),
        "a trailing stop needs a trail price",
        "Give the trail price.",
    ),
    KnownText(
        "trail_without_price",
        ("cannot trail without a last price",),
        "the contract has not traded yet, so that nothing can be trailed",
        "Wait for the first trade, or use a plain stop.",
    ),
    KnownText(
        "trail_too_far",
        ("trail distance exceeds maximum",),
        "the trail is longer than 1000 ticks",
        "Use at most 1000 ticks.",
    ),
    KnownText(
        "symbol",
        ("invalid symbol",),
        "the gateway does not know the contract",
        "Search the contract; ids change with every expiry.",
    ),
    KnownText(
        "follower_account",
        ("follower accounts cannot",),
        "a follower account copies its leader and may not act by itself",
        "Act on the leader's account, or on the web platform.",
    ),
    KnownText(
        "live_account",
        ("live accounts not supported",),
        "live funded accounts may not be traded through the API",
        "Use the web platform for this account.",
    ),
    KnownText(
        "agreements",
        ("complete the required agreements",),
        "agreements of the platform are waiting for your signature",
        "Log in to the platform's web page and complete them.",
    ),
    KnownText(
        "subscription",
        ("user lacks subscription",),
        "this user has no (paid) API subscription",
        "Subscribe to API access on the platform.",
    ),
)
"""Every text known, the more specific before the more general."""

TABLES: Final[Mapping[ErrorTable, tuple[Refusal, ...]]] = {
    table: tuple(
        Refusal(table, code, row.name, row.meaning, row.next_step, row.outcome, locks=row.locks)
        for code, row in sorted(rows.items())
    )
    for table, rows in ROWS.items()
}
"""Every code known, by table; code 0, success, is in none of them."""

_BY_CODE: Final = {
    (refusal.table, refusal.code): refusal for rows in TABLES.values() for refusal in rows
}


def explain(table: ErrorTable, code: int | None, gateway_text: str | None = None) -> Refusal:
    """The meaning of a refusal. Never raises.

    A number that the table does not have keeps itself in its name and leaves the outcome unknown, and
    so do a missing code and a refusal with the code of success.
    """
    known = _BY_CODE.get((table, code))
    if known is None:
        return _unknown(table, code)
    text = _text_of(gateway_text)
    if text is None or known.outcome == "unknown":
        return known
    return replace(
        known,
        meaning=text.meaning,
        next_step=text.next_step,
        outcome=text.outcome,
        cause=text.cause,
    )


def _unknown(table: ErrorTable, code: int | None) -> Refusal:
    name, meaning = f"Unknown{code}", "the gateway used a code that this client does not know"
    if code is None:
        name, meaning = "NoCode", "the gateway gave no error code"
    elif code == 0:
        name, meaning = "Contradiction", "the gateway said no and gave the code of success"
    return Refusal(
        table,
        code,
        name,
        meaning,
        "Find out what happened before you act: nothing is proven either way.",
        "unknown",
    )


def _text_of(gateway_text: str | None) -> KnownText | None:
    if not gateway_text:
        return None
    words = gateway_text.casefold()
    for text in TEXTS:
        if all(part in words for part in text.parts):
            return text
    return None
