"""The tree of errors: each says whether it happened, what to do next, and nothing it must not say."""

from __future__ import annotations

import inspect
import re
from decimal import Decimal
from typing import Any

import pytest

import topstepx
from topstepx import errors
from topstepx.errors import (
    AccountUnknown,
    AnswerLost,
    AnswerUnusable,
    ConfigurationError,
    ContractUnknown,
    GatewayBusy,
    GatewayRefused,
    InvalidRequest,
    LimitRefused,
    ModeRefused,
    NotSent,
    OrderRefused,
    PriceOffGrid,
    StreamLagged,
    TopstepxError,
    UpgradeRefused,
    sanitised,
)

ALL = sorted(
    (
        one
        for one in vars(errors).values()
        if inspect.isclass(one)
        and issubclass(one, TopstepxError)
        and not one.__name__.startswith("_")
    ),
    key=lambda one: one.__name__,
)
REFUSED: dict[str, Any] = {
    "route": "Order/place",
    "code": 2,
    "name": "OrderRejected",
    "meaning": "the order was refused",
    "next_step": "Look at the words of the gateway.",
}
# Those of which "no" would be a lie.
UNKNOWN = {
    "AnswerLost",
    "AnswerUnusable",
    "IntentsLeftOpen",
    "ModifyConflict",
    "NotFlat",
    "OrderUnresolved",
}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_each_says_whether_it_happened(kind: type[TopstepxError]) -> None:
    assert kind.did_it_happen == ("unknown" if kind.__name__ in UNKNOWN else "no")
    assert inspect.getdoc(kind)


def test_the_tree_in_the_text_is_the_tree() -> None:
    text = inspect.getdoc(errors) or ""
    rows = re.findall(r"^([│ ]*)(?:├──|└──) (\w+)(.*)$", text, re.MULTILINE)
    drawn = {
        name: ("unknown" if rest.rstrip().endswith("unknown") else "no") for _, name, rest in rows
    }
    meant = {kind.__name__: kind.did_it_happen for kind in ALL if kind is not TopstepxError}
    assert drawn == meant
    parents: list[str] = []
    for bars, name, _ in rows:
        depth = len(bars) // 4 - 1  # the tree is set in by one step
        parents[depth:] = [name]
        if depth:
            assert issubclass(getattr(errors, name), getattr(errors, parents[depth - 1])), name


def test_what_a_trader_catches_is_public() -> None:
    for name in (
        "TopstepxError",
        "InvalidRequest",
        "OrderRefused",
        "OrderUnresolved",
        "StreamLagged",
    ):
        assert getattr(topstepx, name) is getattr(errors, name)


def test_a_message_ends_with_the_next_step_and_keeps_it() -> None:
    error = TopstepxError("It broke.", next_step="Mend it.", retry_after_s=2.5)
    assert str(error) == "It broke. Mend it."
    assert (error.next_step, error.retry_after_s, error.did_it_happen) == ("Mend it.", 2.5, "no")
    assert TopstepxError("It broke.", did_it_happen="unknown").did_it_happen == "unknown"
    assert TopstepxError.did_it_happen == "no", "one error does not change its class"


def test_a_refused_value_names_field_value_rule_and_next_step() -> None:
    error = InvalidRequest("size", 1.5, "must be whole.", "Give 1 or 2.")
    assert str(error) == "size=1.5: must be whole. Give 1 or 2."
    assert (error.field, error.value, error.rule) == ("size", 1.5, "must be whole.")
    assert isinstance(error, ValueError)
    assert len(str(InvalidRequest("x", "y" * 5000, "no.", "No."))) < 200


def test_a_price_off_the_grid_names_its_legal_neighbours() -> None:
    error = PriceOffGrid(
        "limit_price",
        Decimal("100.30"),
        tick_size=Decimal("0.25"),
        below=Decimal("100.25"),
        above=Decimal("100.50"),
        name="MNQZ6",
    )
    assert (error.below, error.above) == (Decimal("100.25"), Decimal("100.50"))
    for part in ("limit_price", "100.30", "0.25", "MNQZ6", "Use 100.25 or 100.50."):
        assert part in str(error)


@pytest.mark.parametrize("kind", [ContractUnknown, AccountUnknown])
def test_an_unknown_name_lists_near_ones(kind: type[ContractUnknown | AccountUnknown]) -> None:
    error = kind("name", "MNX", "no such thing.", ["MNQ", "MES"])
    assert str(error).endswith("Did you mean MNQ, MES?")
    assert error.near == ("MNQ", "MES")
    assert "lists" in str(kind("name", "MNX", "no such thing.", ())), "where to look"


def test_a_refusal_has_code_name_meaning_and_the_gateways_words() -> None:
    error = OrderRefused(order_id=7, gateway_text="Invalid price.", **REFUSED)
    assert str(error) == (
        "Order/place refused (OrderRejected, code 2): the order was refused. "
        'The gateway said: "Invalid price.". Look at the words of the gateway.'
    )
    assert (error.route, error.code, error.name) == ("Order/place", 2, "OrderRejected")
    assert (error.order_id, error.status, error.meaning) == (7, 200, "the order was refused")
    silent = GatewayRefused(**{**REFUSED, "code": None, "name": "HTTP 403", "status": 403})
    assert "said" not in str(silent)
    assert "(HTTP 403)" in str(silent)
    busy = GatewayBusy(**REFUSED, status=429, retry_after_s=12.0)
    assert (busy.retry_after_s, busy.status) == (12.0, 429)


def test_the_gateways_words_cannot_reach_the_terminal_or_fill_it() -> None:
    text = "\x1b[31mred\x07\r\n" + "x" * 5000
    error = GatewayRefused(gateway_text=text, **REFUSED)
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 600
    assert sanitised("a\x1b\u009bb\u202ec") == "abc"
    assert sanitised(None) is None
    assert sanitised("x" * 10, 5) == "xxxx…"
    assert sanitised("x" * 5, 5) == "xxxxx"


def test_the_others_say_what_they_know() -> None:
    mode = ModeRefused("Refused.", "REDUCE_ONLY", ["hub_down"], "Wait.")
    assert (mode.mode, mode.causes, mode.did_it_happen) == ("REDUCE_ONLY", ("hub_down",), "no")
    limit = LimitRefused("contracts_max", "Too many.", "Close some.")
    assert limit.limit == "contracts_max"
    lag = StreamLagged("tape MNQZ6", 15)
    assert (lag.stream, lag.missed) == ("tape MNQZ6", 15)
    assert "15" in str(lag)
    upgrade = UpgradeRefused("user", 503)
    assert (upgrade.hub, upgrade.status) == ("user", 503)
    assert isinstance(upgrade, NotSent)
    unusable = AnswerUnusable("No sense.", route="Order/place", status=502)
    assert (unusable.route, unusable.status, unusable.did_it_happen) == (
        "Order/place",
        502,
        "unknown",
    )
    harmless = AnswerUnusable("No sense.", route="Order/search", status=502, did_it_happen="no")
    assert harmless.did_it_happen == "no"
    assert AnswerLost("Gone.").did_it_happen == "unknown"
    assert ConfigurationError("Wrong.").did_it_happen == "no"
