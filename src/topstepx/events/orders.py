"""What became of orders, and what was done to get out.

These facts follow from reports and intents, so that people and programs need not derive them: one per step
of an order's life (told, and not journaled), one per contradiction, one per edit by somebody else.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from topstepx.events.fact import Event


class OrderMoved(Event, frozen=True, kw_only=True):
    """An order took a step in its life, or filled further.

    ``before`` and ``after`` are names of `core.order_life.Stage`. ``size``, ``filled`` and ``remaining``
    are contracts, None while the order was not seen; ``average_price`` is exact, None while nothing
    filled or its trades are not known yet. It follows from the facts before it, so no journal keeps it.
    """

    is_kept: ClassVar[bool] = False

    account_id: int
    before: str
    after: str
    order_id: int | None = None
    intent_id: str | None = None
    contract_id: str | None = None
    size: int | None = None
    filled: int = 0
    remaining: int | None = None
    average_price: Decimal | None = None


class FactsLeftOut(Event, frozen=True, kw_only=True):
    """So many facts about an order are not kept between the one before and the one after this.

    Only in the log and the story of an order of which very much was told; the journal has them all.
    """

    is_kept: ClassVar[bool] = False

    left_out: int
    order_id: int | None = None
    intent_id: str | None = None


class OrderAnomaly(Event, frozen=True, kw_only=True):
    """Something about an order contradicts itself or the books; ``what`` is stable, look at it."""

    account_id: int
    order_id: int
    what: str
    detail: str = ""


class PositionAnomaly(Event, frozen=True, kw_only=True):
    """The hub told a position that never was: the list of the gateway, and the fills, say another.

    The list wins. ``told`` is what the hub said, ``listed`` what the list says, both signed.
    """

    account_id: int
    contract_id: str
    told: int
    listed: int


class OrderEdited(Event, frozen=True, kw_only=True):
    """An order's terms became others though we did not ask for it: what others change wins.

    ``changes`` has one line per member: its name, the old value and the new one.
    """

    account_id: int
    order_id: int
    contract_id: str
    changes: tuple[str, ...]


class ExitVerified(Event, frozen=True, kw_only=True):
    """How it is known that the account can be left again, said before its first entry."""

    account_id: int
    how: str


class OrphanFound(Event, frozen=True, kw_only=True):
    """An order bears this installation's name and the journal does not know it (a restored backup)."""

    account_id: int
    order_id: int
    contract_id: str
    tag: str


class Remaining(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be closed or cancelled: a position (``net``) or an order (``order_id``)."""

    contract_id: str
    net: int | None = None
    order_id: int | None = None
    reason: str = ""


class FlattenStarted(Event, frozen=True, kw_only=True):
    """An account, or one contract of it, is being taken flat; entries on it are refused meanwhile."""

    account_id: int
    contract_id: str | None = None


class Flattened(Event, frozen=True, kw_only=True):
    """Two fresh looks in a row found no position and no order.

    ``closed`` are the contracts that were closed, ``cancelled`` the orders that were cancelled.
    """

    account_id: int
    contract_id: str | None = None
    closed: tuple[str, ...] = ()
    cancelled: tuple[int, ...] = ()
    rounds: int = 0


class FlattenFailed(Event, frozen=True, kw_only=True):
    """Time ran out, or the gateway refuses: ``remaining`` may still be there. Use the web platform."""

    account_id: int
    reason: str
    remaining: tuple[Remaining, ...]
    contract_id: str | None = None
    closed: tuple[str, ...] = ()
    cancelled: tuple[int, ...] = ()
    rounds: int = 0
