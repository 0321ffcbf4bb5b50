"""What became of an order whose answer was lost, decided by evidence alone.

Theory. An intent that may have left is looked for under its tag: in every order of the gateway since it
was sent, in what the hub says, and (for what can be seen before the order itself) in trades and the
position. One order with the tag is the answer, whatever its status: a rejected one proves the refusal.
Two orders with one tag, or one with other terms than ours, mean that somebody else uses our names: that
is a conflict, and a conflict halts.

Not finding it proves little, because orders become visible late and requests arrive late. Only after
two minutes and five complete rounds without a trace, and with nothing in trades or position that is
not explained, is an intent *presumed* absent. That is not a refusal: its exposure stays counted, and
if it shows up after all it is found all the same.

Where the gateway's lists carry no tags at all (we know that an order has one, and the list shows none),
an order can be told only by its terms. Then it is taken only if exactly one unclaimed order fits and no
sibling of ours could own it. The same goes for the market order that a close makes: it never has a tag.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.ownership import is_close_like
from topstepx.core.tags import canonical
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.wire.models import OrderModel, PlaceRequest

FIRST_ROUND_S = 0.25
ROUND_FACTOR = 1.6
ROUND_CAP_S = 10.0
ABSENT_AFTER_S = 120.0
ABSENT_ROUNDS = 5


class Fate(Enum):
    """What the evidence says."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    PRESUMED_ABSENT = "presumed absent"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Finding:
    """A decision with what it rests on; `order` is the one that was found."""

    fate: Fate
    evidence: tuple[str, ...]
    order: OrderModel | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One look at the gateway.

    `complete`: every list was read to its end. `orders`: all since the intent was sent, of any status.
    `claimed`: ids that belong to other intents of ours. `unexplained`: a trade or a change of position
    on the contract that no known order accounts for.
    """

    complete: bool
    orders: tuple[OrderModel, ...]
    claimed: frozenset[int] = frozenset()
    siblings: int = 0
    """How many other intents of ours could own an order like this one."""
    unexplained: bool = False
    tags_shown: bool = True
    """Whether the lists show tags; False only if an order that is known to have one shows none."""
    problem: str = ""
    """What could not be read."""
    flat: str | None = None
    """What shows that nothing is held in the contract; None: that is not shown."""


@dataclass(frozen=True, slots=True)
class Looking:
    """How far the search for an unresolved order has come, at one moment.

    `absent_in_s` counts down to the earliest moment at which it may be presumed absent: it is 0 while
    only complete rounds are missing, and None once there is a verdict.
    """

    rounds: int
    complete_rounds: int
    waited_s: float
    next_look_s: float
    absent_in_s: float | None
    evidence: tuple[str, ...]


def same_tag(one: str | None, other: str | None) -> bool:
    """Whether two tags name the same intent; case and outer blanks do not count (assumed)."""
    if one is None or other is None:
        return False
    return canonical(one) == canonical(other)


def fits(order: OrderModel, request: PlaceRequest) -> bool:
    """Whether an order has the terms of a request: contract, side, type and size."""
    return (
        order.contract_id == request.contract_id
        and order.side == request.side
        and order.type == request.type
        and order.size == request.size
    )


def may_be(order: OrderModel, request: PlaceRequest) -> bool:
    """Whether an order that carries a request's tag may be what it asked for.

    Its size may be another one if it was changed since it was made: by us, or on the platform.
    """
    if fits(order, request):
        return True
    changed = order.update_timestamp
    was_changed = changed is not None and changed > order.creation_timestamp
    return was_changed and fits(msgspec.structs.replace(order, size=request.size), request)


def two_for_one(tagged: Iterable[OrderModel]) -> str | None:
    """What is wrong if more than one accepted order carries one tag; None: nothing.

    A repeated request that the gateway refuses may leave a rejected order under the same tag.
    """
    ids = sorted({order.id for order in tagged if order.status is not OrderStatus.REJECTED})
    if len(ids) <= 1:
        return None
    return f"several orders carry one tag: {', '.join(map(str, ids))}"


def tags_are_shown(orders: Iterable[OrderModel], tagged: frozenset[int]) -> bool:
    """Whether lists show tags: False if one of the `tagged` ids (known to have one) shows none.

    An order without a tag proves nothing by itself: other software need not use any.
    """
    seen = list(orders)
    if any(order.custom_tag is not None for order in seen):
        return True
    return not any(order.id in tagged for order in seen)


@dataclass(slots=True)
class Search(ABC):
    """The search for what one intent made.

    `sent_ns` is when it last may have left, `watermark` the highest order id known before that.
    """

    contract_id: str
    sent_ns: int
    watermark: int
    rounds: int = 0
    negative: int = 0
    next_ns: int = field(init=False)
    finding: Finding | None = None
    last: str = "nothing was looked at yet"

    def __post_init__(self) -> None:
        self.next_ns = self.sent_ns + round(FIRST_ROUND_S * NANOSECONDS)

    @abstractmethod
    def heard(self, order: OrderModel) -> Finding | None:
        """The hub, or any other read, told of an order: the verdict if it is the one."""

    @abstractmethod
    def _found(self, seen: Round) -> Finding | None:
        """What the orders of one round say."""

    @abstractmethod
    def _is_silent(self, seen: Round) -> bool:
        """Whether a round without a finding is evidence of absence."""

    def looked(self, seen: Round, now_ns: int, began_ns: int | None = None) -> Finding | None:
        """Take one round into account, which speaks for the moment in which it began (None: now).

        Only a round that finds no trace itself may say that there is none: what the earlier ones saw says
        nothing of what came after them.
        """
        self.rounds += 1
        wait_s = min(ROUND_CAP_S, FIRST_ROUND_S * ROUND_FACTOR ** min(self.rounds, 20))
        self.next_ns = now_ns + round(wait_s * NANOSECONDS)
        finding = self._found(seen)
        if finding is not None:
            return self.decide(finding)
        if seen.unexplained:
            self.negative = 0
            self.last = "a trade or a change of position is not explained by any order seen"
        elif not seen.complete:
            self.last = seen.problem or "not everything could be read"
        elif self._is_silent(seen):
            return self._silent((now_ns if began_ns is None else began_ns) - self.sent_ns)
        return None

    def _silent(self, waited_ns: int) -> Finding | None:
        """One more complete round without a trace, so long after it was sent."""
        self.negative += 1
        self.last = f"{self.negative} complete looks found no trace"
        waited_s = waited_ns / NANOSECONDS
        if self.negative < ABSENT_ROUNDS or waited_s < ABSENT_AFTER_S:
            return None
        told = f"{self.negative} complete looks over {waited_s:.0f} s found no trace"
        return self.decide(Finding(Fate.PRESUMED_ABSENT, (told,)))

    def decide(self, finding: Finding) -> Finding:
        """Evidence of an order outweighs its absence; nothing outweighs a conflict."""
        before = self.finding
        weak = before is None or before.fate is Fate.PRESUMED_ABSENT
        if weak or finding.fate is Fate.CONFLICT:
            self.finding = finding
        return self.finding or finding

    def looking(self, now_ns: int) -> Looking:
        """How far it has come."""
        waited_s = (now_ns - self.sent_ns) / NANOSECONDS
        absent_in_s = None if self.finding else max(0.0, ABSENT_AFTER_S - waited_s)
        return Looking(
            rounds=self.rounds,
            complete_rounds=self.negative,
            waited_s=waited_s,
            next_look_s=max(0.0, (self.next_ns - now_ns) / NANOSECONDS),
            absent_in_s=absent_in_s,
            evidence=self.finding.evidence if self.finding else (self.last,),
        )


@dataclass(slots=True)
class PlaceSearch(Search):
    """The search for an order, by its tag.

    `copies` is how many requests under the tag may have arrived. A rejected order proves the refusal of
    one of them only, so with more copies than rejected orders it decides nothing.
    """

    request: PlaceRequest = field(kw_only=True)
    copies: int = 1

    def sent_again(self, now_ns: int) -> None:
        """Another copy may have left just now: the search begins anew."""
        self.copies += 1
        self.sent_ns, self.negative = now_ns, 0
        self.next_ns = now_ns + round(FIRST_ROUND_S * NANOSECONDS)

    @property
    def tag(self) -> str:
        """What is looked for."""
        return self.request.custom_tag or ""

    def heard(self, order: OrderModel) -> Finding | None:
        """The verdict if the order carries the tag."""
        if not same_tag(order.custom_tag, self.tag):
            return None
        if order.status is OrderStatus.REJECTED and self.copies > 1:
            return None  # which copy it was is for a whole list to say
        return self.decide(_of_order(order, self.request, "seen under its tag"))

    def _found(self, seen: Round) -> Finding | None:
        tagged = [order for order in seen.orders if same_tag(order.custom_tag, self.tag)]
        conflict = two_for_one(tagged)
        if conflict is not None:
            return Finding(Fate.CONFLICT, (conflict,))
        if tagged:
            # A refused copy may lie beside the order: it is the living one that counts.
            first = min(tagged, key=lambda one: (one.status is OrderStatus.REJECTED, one.id))
            if first.status is OrderStatus.REJECTED and len(tagged) < self.copies:
                return None  # another copy may be on its way
            return _of_order(first, self.request, "found under its tag")
        if seen.tags_shown:
            return None
        candidates = self._candidates(seen)
        if len(candidates) == 1 and not seen.siblings and seen.complete:
            return _of_order(
                candidates[0], self.request, "the only order with its terms (no tags shown)"
            )
        if candidates:
            self.last = "the lists show no tags, and more than one order or intent fits"
        return None

    def _candidates(self, seen: Round) -> list[OrderModel]:
        return [
            order
            for order in seen.orders
            if order.id > self.watermark
            and order.id not in seen.claimed
            and order.parent_order_id is None
            and order.custom_tag is None
            and fits(order, self.request)
        ]

    def _is_silent(self, seen: Round) -> bool:
        return seen.tags_shown or not self._candidates(seen)


@dataclass(slots=True)
class CloseSearch(Search):
    """The search for the market order that a close made: it has no tag, so only its terms tell it.

    `siblings` of a round are other closes on the contract that may have made an order of this kind.
    """

    size: int | None = None
    """Contracts of a partial close; None for a close of whatever there is."""
    arrives_by_ns: int = 0
    """Until when the request itself may still arrive, and close what is opened meanwhile."""

    def looked(self, seen: Round, now_ns: int, began_ns: int | None = None) -> Finding | None:
        """The same; and what is flat is closed, once nothing can arrive late any more."""
        finding = Search.looked(
            self, seen, now_ns, began_ns
        )  # a slotted dataclass has no plain super()
        if finding is not None or seen.flat is None or not seen.complete:
            return finding
        if now_ns >= self.arrives_by_ns:
            return self.decide(Finding(Fate.ACCEPTED, (seen.flat,)))
        self.last = f"{seen.flat}; the request may still arrive"
        self.next_ns = min(self.next_ns, self.arrives_by_ns)
        return None

    def heard(self, order: OrderModel) -> Finding | None:  # noqa: ARG002  one order alone tells nothing: closes have no tags
        """Nothing: only a whole list tells whose an untagged order is."""
        return None

    def _found(self, seen: Round) -> Finding | None:
        candidates = self._candidates(seen)
        if len(candidates) <= seen.siblings:
            return None
        order = min(candidates, key=lambda one: one.id)
        fate = Fate.REFUSED if order.status is OrderStatus.REJECTED else Fate.ACCEPTED
        told = f"order {order.id}, {order.status.name}, is what this close made"
        return Finding(fate, (told,), order)

    def _candidates(self, seen: Round) -> list[OrderModel]:
        return [
            order
            for order in seen.orders
            if order.id > self.watermark
            and order.id not in seen.claimed
            and is_close_like(order, self.contract_id)
            and (self.size is None or order.size == self.size)
        ]

    def _is_silent(self, seen: Round) -> bool:
        return len(self._candidates(seen)) <= seen.siblings


def _of_order(order: OrderModel, request: PlaceRequest, how: str) -> Finding:
    if not may_be(order, request):
        told = f"order {order.id} carries our tag but other terms"
        return Finding(Fate.CONFLICT, (told,), order)
    told = f"order {order.id}, {order.status.name}, {how}"
    fate = Fate.REFUSED if order.status is OrderStatus.REJECTED else Fate.ACCEPTED
    return Finding(fate, (told,), order)


def highest_id(orders: Iterable[OrderModel]) -> int:
    """The highest order id there is, 0 for none: what comes after it is newer (a hint, assumed)."""
    return max((order.id for order in orders), default=0)
