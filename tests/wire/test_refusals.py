from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import golden
from topstepx.wire.refusals import TABLES, TEXTS, KnownText, explain
from topstepx.wire.routes import ROUTES, ErrorTable

TAG = "Specified custom tag is already in use"


def test_code_two_means_five_different_things() -> None:
    two = {table: explain(table, 2).name for table in ErrorTable if (table, 2) in known()}
    assert two == {
        ErrorTable.LOGIN: "PasswordVerificationFailed",
        ErrorTable.LOGOUT: "UnknownError",
        ErrorTable.VALIDATE: "SessionNotFound",
        ErrorTable.BARS: "UnitInvalid",
        ErrorTable.PLACE: "OrderRejected",
        ErrorTable.MODIFY: "OrderNotFound",
        ErrorTable.CANCEL: "OrderNotFound",
        ErrorTable.CLOSE: "PositionNotFound",
        ErrorTable.PARTIAL_CLOSE: "PositionNotFound",
    }


def known() -> set[tuple[ErrorTable, int | None]]:
    return {(row.table, row.code) for rows in TABLES.values() for row in rows}


@pytest.mark.parametrize(
    ("table", "unknown"),
    [
        (ErrorTable.PLACE, {6, 7}),
        (ErrorTable.CANCEL, {4, 5}),
        (ErrorTable.MODIFY, {4, 5}),
        (ErrorTable.CLOSE, {6, 7}),
        (ErrorTable.PARTIAL_CLOSE, {7, 8}),
        (ErrorTable.LOGIN, {8}),
        (ErrorTable.VALIDATE, {4}),
        (ErrorTable.LOGOUT, {2}),
    ],
)
def test_pending_and_unknown_errors_leave_the_outcome_unknown(
    table: ErrorTable, unknown: set[int]
) -> None:
    assert {row.code for row in TABLES[table] if row.outcome == "unknown"} == unknown


def test_what_locks_the_login() -> None:
    locking = {(row.table, row.code) for rows in TABLES.values() for row in rows if row.locks}
    assert {1, 3, 7, 9, 10} <= {code for table, code in locking if table is ErrorTable.LOGIN}
    assert {table for table, _ in locking} == {ErrorTable.LOGIN}
    assert not explain(ErrorTable.LOGIN, 8).locks


@given(st.sampled_from(ErrorTable), st.none() | st.integers(), st.none() | st.text())
def test_explain_never_raises_and_never_makes_the_unknown_definite(
    table: ErrorTable, code: int | None, text: str | None
) -> None:
    refusal = explain(table, code, text)
    assert refusal.meaning
    assert refusal.next_step
    if (table, code) not in known():
        assert refusal.outcome == "unknown"
        assert not refusal.locks
        if code not in {None, 0}:
            assert refusal.name == f"Unknown{code}"
    elif explain(table, code).outcome == "unknown":
        assert refusal.outcome == "unknown"


@pytest.mark.parametrize("text", [text for text in TEXTS if text.cause != "tag_in_use"])
def test_no_words_make_an_unknown_code_definite(text: KnownText) -> None:
    words = " … ".join(text.parts)
    assert explain(ErrorTable.PLACE, 7, words).outcome == "unknown"
    assert explain(ErrorTable.PLACE, 99, words).outcome == "unknown"
    assert explain(ErrorTable.PLACE, 2, words).outcome == "definite"


def test_a_tag_in_use_is_no_rejection() -> None:
    refusal = explain(ErrorTable.PLACE, 2, TAG)
    assert (refusal.outcome, refusal.cause, refusal.name) == (
        "unknown",
        "tag_in_use",
        "OrderRejected",
    )
    assert explain(ErrorTable.PLACE, 2, TAG.upper() + "!").cause == "tag_in_use"
    assert explain(ErrorTable.PLACE, 2).outcome == "definite"


def test_a_missing_code_and_the_code_of_success_prove_nothing() -> None:
    assert explain(ErrorTable.PLACE, None).name == "NoCode"
    assert explain(ErrorTable.PLACE, 0).name == "Contradiction"
    assert explain(ErrorTable.PLACE, 0, TAG).outcome == "unknown"
    assert explain(ErrorTable.PLACE, 11).name == "Unknown11"


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (
            "Brackets cannot be used with Position Brackets. You must enable Auto OCO Brackets.",
            "bracket_mode",
        ),
        (
            "Invalid stop loss ticks (40). Ticks should be less than zero when longing.",
            "stop_loss_sign",
        ),
        (
            "Invalid take profit ticks (30). Ticks should be less than zero when going short",
            "take_profit_sign",
        ),
        (
            "Invalid stop loss ticks (1). Price should be at least 4 ticks away.",
            "bracket_too_close",
        ),
        (
            "Invalid take profit ticks (2000). Ticks should be 1000 ticks or less.",
            "bracket_too_far",
        ),
        ("Invalid stop price. Price is not aligned to tick size.", "tick_alignment"),
        ("Invalid limit price. Price is not aligned to tick size.", "tick_alignment"),
        ("Invalid trail price. Price is not aligned to tick size.", "tick_alignment"),
        ("Invalid price. Price is outside allowed range.", "price_range"),
        (
            "Order price is outside allowed range. Please set price above best bid.",
            "buy_stop_below_market",
        ),
        (
            "Order price is outside allowed range. Please set price below best ask.",
            "sell_stop_above_market",
        ),
        (
            "Trading is currently unavailable. The instrument is not in an active trading status.",
            "market_closed",
        ),
        ("Outside of trading hours.", "market_closed"),
        ("Invalid order type specified", "order_type"),
        ("Invalid order size specified", "order_size"),
        (TAG, "tag_in_use"),
        ("Trail Distance not set.", "trail_missing"),
        ("Cannot trail without a last price", "trail_without_price"),
        ("Invalid symbol", "symbol"),
        ("Trail Distance exceeds maximum (1000)", "trail_too_far"),
        ("Follower accounts cannot cancel orders", "follower_account"),
        ("Live accounts not supported", "live_account"),
        (
            "Please log into the ProjectX platform and complete the required agreements",
            "agreements",
        ),
        ("User lacks subscription", "subscription"),
        ("something new", None),
    ],
)
def test_the_words_seen_so_far(words: str, cause: str | None) -> None:
    assert explain(ErrorTable.PLACE, 2, words).cause == cause


def test_refused_golden_answers_are_all_explained() -> None:
    tables = {route.name: route.errors for route in ROUTES}
    seen = 0
    for route, case in golden.cases("rest"):
        answer = case.get("answer") or {}
        if answer.get("success") is False:
            refusal = explain(tables[route], answer["errorCode"], answer["errorMessage"])
            assert not refusal.name.startswith("Unknown") or refusal.name == "UnknownError"
            assert answer["errorMessage"] is None or refusal.cause
            seen += 1
    assert seen > 10
