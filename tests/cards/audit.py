"""The auditor: what the venue really did, against the journal and against what the caller was told.

Each intent may have made at most one order. An intent that the journal calls accepted made one; one that
it calls refused, not sent or presumed absent made none; and nobody was told otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from topstepx.core.ledger import Ledger
    from topstepx.sim.venue import Truth

Told = Literal["accepted", "no", "unknown"]
_NONE = frozenset({"refused", "not_sent", "presumed_absent"})


def executions(ledger: Ledger, truth: Truth, *, at_most: int = 1) -> dict[str, int]:
    """How many orders each placed tag made at the venue, held against the journal's verdict."""
    counted = {}
    for intent in ledger.intents():
        recorded = intent.recorded
        if recorded is None or recorded.action != "place" or recorded.tag is None:
            continue
        count = truth.executions(recorded.account_id, recorded.tag)
        counted[recorded.tag] = count
        assert count <= at_most, f"{recorded.tag} made {count} orders"
        if intent.state == "accepted":
            assert count >= 1, f"{recorded.tag} is called accepted and made none"
            ids = truth.placed(recorded.account_id, recorded.tag)
            assert intent.order_id in ids or len(ids) > 1, f"{recorded.tag} has a wrong id"
        elif intent.state in _NONE:
            assert count == 0, f"{recorded.tag} is called {intent.state} and made {count}"
    return counted


def words(told: dict[str, Told], counted: dict[str, int]) -> None:
    """What callers were told, against the count."""
    for tag, said in told.items():
        if said == "accepted":
            assert counted.get(tag, 0) >= 1, f"told accepted, but {tag} made no order"
        elif said == "no":
            assert counted.get(tag, 0) == 0, f"told no, but {tag} made an order"


def pictures(ledger: Ledger, truth: Truth, account_id: int) -> None:
    """Our picture of an account against the venue's: working orders, fills, positions."""
    ours = {belief.id: (belief.status, belief.filled) for belief in ledger.working(account_id)}
    theirs = {order.id: (order.status, order.fill_volume) for order in truth.working(account_id)}
    assert ours == theirs
    held = {belief.contract_id: belief.net for belief in ledger.positions(account_id)}
    real = {
        position.contract_id: truth.net_size(account_id, position.contract_id)
        for position in truth.positions(account_id)
    }
    assert held == real
    trades = {belief.id: belief.is_void for belief in ledger.trades(account_id)}
    assert trades == {trade.id: trade.voided for trade in truth.trades(account_id)}
