"""Getting flat: what to do next, given what was just seen.

Theory of operation. The order of steps matters. Entries are cancelled first, so that nothing new fills,
and with them everything else that is not needed to protect the position. Then positions are closed while
their stops still stand: the gateway may refuse the close (the market is closed, the account may not), and
then a stop that was taken off is gone. The moment a position is gone its legs are cancelled, because a
stop that outlives its position opens the opposite one. Each step is decided from a fresh look, never from
a plan made before, so whatever happens meanwhile (a stop fills, a fill wins against a cancel, somebody
else trades) only changes the next step: also a leg that fills beside the close and turns the position.
What it opened is closed like any other position.

Two fresh looks in a row without position and order are *flat*: one look may be a moment old. A look that
failed is no look. Then what is believed held is closed, which is harmless where nothing is held, and what is
believed to work is cancelled, but for legs and stops, which may protect what nobody could read. Where a list
says flat and the fills that are known do not (a program that starts right after a fill cannot tell whether
the list had it), closes decide: two in a row that find nothing end the doubt.

It ends as done, as hopeless when everything that is left was refused for good again and again, or as
out of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import TYPE_CHECKING, TypeAlias

from topstepx.core.brackets import STOPS
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from topstepx.wire.models import OrderModel

LOOKS = 2
"""How many looks in a row must find nothing."""

REFUSALS_MAX = 3
"""How often the same thing must be refused for good before it is given up."""

NOTHINGS = 2
"""How many closes in a row must find no position until it is gone although its fills do not add up."""

Doubt: TypeAlias = tuple[int, int] | None
"""The lowest and the highest that a net position can be; None: anything."""

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 5.0)
VERIFY_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one complete and fresh look found: live orders, and net positions that are not flat."""

    orders: tuple[OrderModel, ...]
    positions: Mapping[str, int]

    def shows_as(self, before: Look | None) -> bool:
        """Whether the same orders and positions are left; their prices may have moved."""
        if before is None or self.positions != before.positions:
            return False
        return {order.id for order in self.orders} == {order.id for order in before.orders}


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


def protection(
    orders: Iterable[OrderModel], net: int, most: int | None = None
) -> tuple[OrderModel, ...]:
    """The orders that stay on a contract until its position is gone: stops against it, enough for all of it.

    `orders` are those of the contract. Legs come before other stops, and the legs of one entry stay
    together or go together, because one may take the other with it. No more stays than covers the
    position once, and no more than `most`: beside the close all of it may fill. Legs that sleep stay as
    well: they go with their entry, or wake to protect what it filled. A `net` of 0 is a position whose
    direction is not known: every leg and stop stays.
    """
    kept: list[OrderModel] = []
    groups: dict[tuple[bool, int], list[OrderModel]] = {}
    for order in sorted(orders, key=lambda one: one.id):
        parent_id = order.parent_order_id
        if parent_id is not None and order.status is OrderStatus.SUSPENDED:
            kept.append(order)
        elif not net:
            kept += [order] if parent_id is not None or order.type in STOPS else []
        elif order.side.sign * net < 0:
            key = (True, order.id) if parent_id is None else (False, parent_id)
            groups.setdefault(key, []).append(order)
    covered = 0
    for (is_alone, _), group in sorted(groups.items(), key=lambda item: item[0]):
        size = max(order.size - order.fill_volume for order in group)
        is_stop = any(order.type in STOPS for order in group)
        opens = is_alone and size > abs(net)  # the rest of it is an entry
        fits = most is None or not covered or covered + size <= most
        if is_stop and fits and not opens and covered < abs(net):
            kept += group
            covered += size
    return tuple(kept)


@dataclass(slots=True)
class Flattening:
    """One way to flat. `ends_ns` is when to give up; `most` is the limit on a position, if there is one."""

    ends_ns: int
    most: int | None = None
    rounds: int = 0
    stalled: int = 0
    """How many looks in a row found just what the one before found: the waits grow with it."""
    clean: int = 0
    last: Look | None = None
    refused: dict[int | str, int] = field(default_factory=dict)
    """How often an order id or a contract id was refused for good."""
    nothing: dict[str, tuple[int, Doubt]] = field(default_factory=dict)
    """How many closes in a row found no position, and what the position could be meanwhile."""

    def looked(self, look: Look, now_ns: int) -> Move:
        """The next step after a look."""
        self.rounds += 1
        self.stalled = self.stalled + 1 if look.shows_as(self.last) else 0
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
        return Move(
            cancel=self._not_needed(look),
            close=tuple(sorted(look.positions)),
            wait_s=self._wait_s(),
        )

    def _not_needed(self, look: Look) -> tuple[OrderModel, ...]:
        """Everything but what protects a position."""
        stays: set[int] = set()
        for contract_id, net in look.positions.items():
            there = [order for order in look.orders if order.contract_id == contract_id]
            stays |= {order.id for order in protection(there, net, self.most)}
        return tuple(order for order in look.orders if order.id not in stays)

    def blind(
        self, believed: tuple[str, ...], now_ns: int, unneeded: tuple[OrderModel, ...] = ()
    ) -> Move:
        """The next step when the gateway could not be read: close what is believed held.

        `unneeded` are orders that are believed to work and protect nothing: they could fill meanwhile.
        """
        self.rounds += 1
        self.stalled += 1
        self.clean = 0
        if now_ns >= self.ends_ns:
            return Move(State.LATE)
        return Move(cancel=unneeded, close=believed, wait_s=self._wait_s())

    def was_refused(self, what: int | str) -> None:
        """The gateway refused to cancel this order or close this contract, for good."""
        self.refused[what] = self.refused.get(what, 0) + 1

    def close_came(self, contract_id: str, doubt: Doubt, *, found: bool) -> None:
        """A close was answered: by "there is no position", unless `found`.

        That is the gateway's word for this moment, where its lists may be late. A fill that becomes known
        afterwards (`doubt` is another) makes it worthless.
        """
        count, before = self.nothing.get(contract_id, (0, doubt))
        again = 0 if found else count + 1 if before == doubt else 1
        self.nothing[contract_id] = again, doubt

    def is_empty(self, contract_id: str, doubt: Doubt) -> bool:
        """Whether nothing is there to close, whatever the fills that are known add up to."""
        count, before = self.nothing.get(contract_id, (0, doubt))
        return count >= NOTHINGS and before == doubt

    def _is_hopeless(self, look: Look) -> bool:
        left: list[int | str] = [order.id for order in look.orders] if not look.positions else []
        left += look.positions
        return all(self.refused.get(one, 0) >= REFUSALS_MAX for one in left)

    def _wait_s(self) -> float:
        return PAUSES_S[min(self.stalled, len(PAUSES_S) - 1)]
