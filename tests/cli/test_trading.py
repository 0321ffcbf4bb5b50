"""`topstepx buy` and its like: the words for prices (tests/cli/test_exits.py has the whole way)."""

from __future__ import annotations

import pytest

from topstepx.cli.trading import price_of
from topstepx.core.terms import Limit, Market, Stop
from topstepx.errors import InvalidRequest


def test_prices() -> None:
    assert price_of("market") == Market()
    assert price_of("limit:21503.25") == Limit("21503.25")
    assert price_of("stop:21490") == Stop("21490")


@pytest.mark.parametrize("text", ["", "market:1", "limit", "limit:", "21503.25", "Limit:1", "mkt"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(InvalidRequest, match="limit:PRICE"):
        price_of(text)
