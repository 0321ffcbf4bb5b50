from __future__ import annotations

from decimal import Decimal

from topstepx.sim.venue.accounts import VenueAccount
from topstepx.wire.models import AccountModel


def test_the_wire_sees_the_account_as_it_is_now() -> None:
    account = VenueAccount(7, "PRAC-V2-1-7", Decimal("150000.00"))
    account.balance -= Decimal("0.61")
    account.can_trade = False
    assert account.model() == AccountModel(
        id=7,
        name="PRAC-V2-1-7",
        balance=Decimal("149999.39"),
        can_trade=False,
        is_visible=True,
        simulated=True,
    )
