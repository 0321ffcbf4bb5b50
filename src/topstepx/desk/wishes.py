"""What is wanted of an order besides its terms: the journal keeps it, and the wire never carries it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.core.given import named
from topstepx.core.terms import Bracket, CancelRest, leg_prices
from topstepx.errors import InvalidRequest

if TYPE_CHECKING:
    from topstepx.desk.contracts import Contract


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The members of `IntentRecorded` that come from the trader and stay here."""

    key: str | None = None
    label: str | None = None
    cancel_rest_s: float | None = None
    stop_at: Decimal | None = None
    target_at: Decimal | None = None

    def kept(self) -> dict[str, Any]:
        """As the journal keeps them."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def wishes_of(
    contract: Contract,
    *,
    key: str | None,
    label: str | None,
    bracket: Bracket | None,
    remainder: object,
) -> Wishes:
    """What was wished, checked; raises `InvalidRequest` for what is none."""
    if remainder is not None and not isinstance(remainder, CancelRest):
        raise InvalidRequest(
            "remainder", remainder, "must be a CancelRest.", "Give CancelRest(after_s=5)."
        )
    stop_at, target_at = leg_prices(bracket, contract.model)
    return Wishes(
        key=key if key is None else named("key", key),
        label=label if label is None else named("label", label),
        cancel_rest_s=float(remainder.after_s) if remainder is not None else None,
        stop_at=stop_at,
        target_at=target_at,
    )
