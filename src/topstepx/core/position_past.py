"""Which net positions an account has passed through, by its trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.wire.models import TradeModel


def nets_passed(net: int, trades: Iterable[TradeModel]) -> frozenset[int]:
    """Every net position on the way of these trades, oldest first, to `net`, its beginning included.

    A report of one of these may be late. A report of another one was never true.
    """
    passed = [net]
    for trade in reversed([one for one in trades if not one.voided]):
        passed.append(passed[-1] - trade.side.sign * trade.size)
    return frozenset(passed)
