"""The words of the shared budget. (At work: `tests/store/test_budget.py`.)"""

from __future__ import annotations

from topstepx.core.budget import BudgetUnavailable
from topstepx.errors import TopstepxError


def test_an_unreachable_store_says_that_nothing_happened() -> None:
    error = BudgetUnavailable("locked")
    assert isinstance(error, TopstepxError)
    assert error.did_it_happen == "no"
