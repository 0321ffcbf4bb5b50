"""Which positions an account passed through."""

from __future__ import annotations

from tests.support.facts import trade
from topstepx.core.position_past import nets_passed
from topstepx.wire.enums import Side


def test_every_net_on_the_way_and_none_of_what_was_taken_back() -> None:
    trades = [
        trade(1, size=2, side=Side.BUY),
        trade(2, size=5, side=Side.BUY, voided=True),
        trade(3, size=3, side=Side.SELL),
    ]
    assert nets_passed(-1, trades) == {0, 2, -1}
    assert nets_passed(4, []) == {4}
