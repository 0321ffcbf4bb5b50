"""Getting flat: what to do next, given what was just seen.

Theory of operation. The order of steps matters. Entries are cancelled first, so that nothing new fills.
Then positions are closed while their stops still stand: cancelling stops first would leave a naked
interval. What is left over after that, forgotten legs above all, is cancelled last, because a stop that
outlives its position opens the opposite one. Each step is decided from a fresh look, never from a plan
made before, so whatever happens meanwhile (a stop fills, a fill wins against a cancel, somebody else
trades) only changes the next step.

Two fresh looks in a row without position and order are *flat*: one look may be a moment old. A look that
failed is no look. Then only what is believed held is closed, which is harmless where nothing is held.

It ends as done, as hopeless when everything that is left was refused for good again and again, or as
out of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.wire.models import OrderModel

LOOKS = 2
"""How many looks in a row must find nothing."""

REFUSALS_MAX = 3
"""How often the same thing must be refused for good before it is given up."""

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 5.0)
VERIFY_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one complete and fresh look found: live orders, and net positions that are not flat."""

    orders: tuple[OrderModel, ...]
    positions: Mapping[str, int]


@unique
class State(Enum):
    """How far it is."""

    GOING = "going"
    FLAT = "flat"
    HOPELESS = "everything that is left was refused for good"
    LATE = "time ran out"


@dataclass(frozen=True, slots=True)
class Move:
    """What to do now: cancel these, close those, then wait and look again; or it is over."""

    state: State = State.GOING
    cancel: tuple[OrderModel, ...] = ()
    close: tuple[str, ...] = ()
    wait_s: float = 0.0


def is_exit(order: OrderModel, positions: Mapping[str, int]) -> bool:
    """Whether an order can only take the position in its contract back: a leg, or one against it.

    One that is larger than the position is none: once that is closed, it would open the opposite one.
    """
    if order.parent_order_id is not None:
        return True
    against = -order.side.sign * positions.get(order.contract_id, 0)
    return 0 < order.size - order.fill_volume <= against


@dataclass(slots=True)
class Flattening:
    """One way to flat. `ends_ns` is when to give up."""

    ends_ns: int
    rounds: int = 0
    clean: int = 0
    last: Look | None = None
    refused: dict[int | str, int] = field(default_factory=dict)
    """How often an order id or a contract id was refused for good."""

    def looked(self, look: Look, now_ns: int) -> Move:
        """The next step after a look."""
        self.rounds += 1
        self.last = look
        if not look.orders and not look.positions:
            self.clean += 1
            return Move(State.FLAT) if self.clean >= LOOKS else Move(wait_s=VERIFY_S)
        self.clean = 0
        if self._is_hopeless(look):
            return Move(State.HOPELESS)
        if now_ns >= self.ends_ns:
            return Move(State.LATE)
        if not look.positions:
            return Move(cancel=look.orders, wait_s=self._wait_s())
        entries = tuple(order for order in look.orders if not is_exit(order, look.positions))
        return Move(cancel=entries, close=tuple(sorted(look.positions)), wait_s=self._wait_s())

    def blind(self, believed: tuple[str, ...], now_ns: int) -> Move:
        """The next step when the gateway could not be read: close what is believed held."""
        self.rounds += 1
        self.clean = 0
        if now_ns >= self.ends_ns:
            return Move(State.LATE)
        return Move(close=believed, wait_s=self._wait_s())

    def was_refused(self, what: int | str) -> None:
        """The gateway refused to cancel this order or close this contract, for good."""
        self.refused[what] = self.refused.get(what, 0) + 1

    def _is_hopeless(self, look: Look) -> bool:
        left: list[int | str] = [order.id for order in look.orders] if not look.positions else []
        left += look.positions
        return all(self.refused.get(one, 0) >= REFUSALS_MAX for one in left)

    def _wait_s(self) -> float:
        return PAUSES_S[min(self.rounds - 1, len(PAUSES_S) - 1)]
