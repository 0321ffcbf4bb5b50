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

Where the gateway's lists carry no tags at all, an order can be told only by its terms. Then it is taken
only if exactly one unclaimed order fits and no sibling of ours could own it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    """How many other unresolved intents of ours have the same terms."""
    unexplained: bool = False


def same_tag(one: str | None, other: str | None) -> bool:
    """Whether two tags name the same intent; case and outer blanks do not count (assumed)."""
    if one is None or other is None:
        return False
    return one.strip().upper() == other.strip().upper()


def fits(order: OrderModel, request: PlaceRequest) -> bool:
    """Whether an order has the terms of a request: contract, side, type and size."""
    return (
        order.contract_id == request.contract_id
        and order.side == request.side
        and order.type == request.type
        and order.size == request.size
    )


@dataclass(slots=True)
class Search:
    """The search for one intent.

    `sent_ns` is when it last may have left, `watermark` the highest order id known before that.
    """

    request: PlaceRequest
    sent_ns: int
    watermark: int
    rounds: int = 0
    negative: int = 0
    next_ns: int = field(init=False)
    finding: Finding | None = None

    def __post_init__(self) -> None:
        self.next_ns = self.sent_ns + round(FIRST_ROUND_S * NANOSECONDS)

    @property
    def tag(self) -> str:
        """What is looked for."""
        return self.request.custom_tag or ""

    # -- evidence

    def heard(self, order: OrderModel) -> Finding | None:
        """The hub (or any other read) told of an order: ours if it carries the tag."""
        if not same_tag(order.custom_tag, self.tag):
            return None
        return self._decide(_of_order(order, self.request, "seen under its tag"))

    def looked(self, seen: Round, now_ns: int) -> Finding | None:
        """Take one round into account."""
        self.rounds += 1
        wait_s = min(ROUND_CAP_S, FIRST_ROUND_S * ROUND_FACTOR ** min(self.rounds, 20))
        self.next_ns = now_ns + round(wait_s * NANOSECONDS)
        tagged = [order for order in seen.orders if same_tag(order.custom_tag, self.tag)]
        if len({order.id for order in tagged}) > 1:
            ids = ", ".join(str(order.id) for order in tagged)
            return self._decide(Finding(Fate.CONFLICT, (f"several orders carry the tag: {ids}",)))
        if tagged:
            return self._decide(_of_order(tagged[0], self.request, "found under its tag"))
        if self._lists_lack_tags(seen.orders):
            finding = self._by_terms(seen)
            if finding is not None:
                return self._decide(finding)
            return None  # without tags, not finding it is no evidence
        if seen.complete and not seen.unexplained:
            self.negative += 1
        elif seen.unexplained:
            self.negative = 0
        waited_s = (now_ns - self.sent_ns) / NANOSECONDS
        if self.negative >= ABSENT_ROUNDS and waited_s >= ABSENT_AFTER_S:
            told = f"{self.negative} complete looks over {waited_s:.0f} s found no trace"
            return self._decide(Finding(Fate.PRESUMED_ABSENT, (told,)))
        return None

    def _lists_lack_tags(self, orders: Sequence[OrderModel]) -> bool:
        """Whether this gateway's lists show no tag at all, though there are orders that had one."""
        recent = [order for order in orders if order.id > self.watermark]
        return bool(recent) and all(order.custom_tag is None for order in recent)

    def _by_terms(self, seen: Round) -> Finding | None:
        candidates = [
            order
            for order in seen.orders
            if order.id > self.watermark
            and order.id not in seen.claimed
            and order.parent_order_id is None
            and fits(order, self.request)
        ]
        if len(candidates) != 1 or seen.siblings or not seen.complete:
            return None
        return _of_order(candidates[0], self.request, "the only order with its terms (no tags shown)")

    def _decide(self, finding: Finding) -> Finding:
        """Evidence of an order outweighs its absence; nothing outweighs a conflict."""
        before = self.finding
        weak = before is None or before.fate is Fate.PRESUMED_ABSENT
        if weak or finding.fate is Fate.CONFLICT:
            self.finding = finding
        return self.finding or finding


def _of_order(order: OrderModel, request: PlaceRequest, how: str) -> Finding:
    if not fits(order, request):
        told = f"order {order.id} carries our tag but other terms"
        return Finding(Fate.CONFLICT, (told,), order)
    told = f"order {order.id}, {order.status.name}, {how}"
    fate = Fate.REFUSED if order.status is OrderStatus.REJECTED else Fate.ACCEPTED
    return Finding(fate, (told,), order)


def highest_id(orders: Iterable[OrderModel]) -> int:
    """The highest order id there is, 0 for none: what comes after it is newer (a hint, assumed)."""
    return max((order.id for order in orders), default=0)
