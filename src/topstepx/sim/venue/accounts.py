"""The accounts that trade at the venue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from topstepx.wire.models import AccountModel

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(slots=True)
class VenueAccount:
    """One account; the venue changes `balance` and, when it liquidates, `can_trade`.

    `simulated` False is a live account, where the gateway refuses every mutation (documented).
    `follower` accounts copy another one and cannot cancel (documented). `bracket_mode` is the
    platform's setting: API brackets work only with "auto_oco" (verified; the platform's own default
    is "position"). `max_minis` is the position limit in mini lots, micros counting a tenth.
    """

    id: int
    name: str
    balance: Decimal
    can_trade: bool = True
    is_visible: bool = True
    simulated: bool = True
    active: bool = True
    follower: bool = False
    bracket_mode: Literal["auto_oco", "position"] = "auto_oco"
    max_minis: int | None = None

    def model(self) -> AccountModel:
        """The account as the gateway shows it now."""
        return AccountModel(
            id=self.id,
            name=self.name,
            balance=self.balance,
            can_trade=self.can_trade,
            is_visible=self.is_visible,
            simulated=self.simulated,
        )
