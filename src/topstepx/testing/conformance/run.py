"""The cards by number, and a run of them with its scores."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from topstepx.testing.conformance import link_cards as link
from topstepx.testing.conformance import order_cards as order
from topstepx.testing.conformance.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

Card: TypeAlias = "Callable[[Stage], Awaitable[None]]"

CARDS: Final[dict[int, tuple[str, Card]]] = {
    1: ("an order, and nothing goes wrong", order.plain),
    2: ("place: the answer is lost", order.answer_lost),
    3: ("place: the answer never comes", order.answer_silent),
    4: ("place: the request is lost", order.request_lost),
    5: ("place: 503 after it was accepted", order.refused_after_accept),
    6: ("place: 502 with HTML", order.bad_gateway),
    7: ("place: 429", order.too_many_on_place),
    8: ("place: the same key twice", order.same_key),
    9: ("place: a price off the grid", order.off_grid),
    10: ("place: a contract that is not active", order.not_active),
    11: ("partial fills", order.partial_fill),
    12: ("bracket legs", order.bracket_legs),
    13: ("cancel: the answer is lost", order.cancel_lost),
    14: ("close: the answer is lost", order.close_lost),
    15: ("kill -9, and the same key after a restart", order.killed),
    16: ("the token is revoked", link.revoked),
    17: ("the token is revoked and validate is down", link.validate_down),
    18: ("429 on reads", link.too_many_on_reads),
    19: ("reconnect: a fill is missed", link.missed_fill),
    20: ("a mute hub", link.mute),
    21: ("a deaf hub", link.deaf),
    22: ("events come twice", link.doubled),
    23: ("events out of order", link.disordered),
    24: ("a trade is taken back", link.voided),
}
"""A number never changes its meaning; new cards get new ones."""


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one card; `reason` is the card's promise, or how it was broken."""

    number: int
    name: str
    verdict: Literal["pass", "fail"]
    reason: str
    took_s: float

    def plain(self) -> dict[str, object]:
        """The same for JSON."""
        return asdict(self)


def promise(number: int) -> str:
    """What a card wants to see."""
    return (CARDS[number][1].__doc__ or "").strip()


async def play(
    command: Sequence[str],
    numbers: Iterable[int] = tuple(CARDS),
    *,
    at_once: int = 4,
    told: Callable[[Score], None] = lambda _: None,
) -> list[Score]:
    """The scores of a program, in the order of the cards; `told` hears each as soon as it is known."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> Score:
        async with places:
            score = await _played(command, number)
        told(score)
        return score

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in numbers]
    return [task.result() for task in tasks]


async def _played(command: Sequence[str], number: int) -> Score:
    name, card = CARDS[number]
    verdict: Literal["pass", "fail"] = "pass"
    reason = promise(number)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="topstepx-card-", ignore_cleanup_errors=True) as folder:
        try:
            async with Stage(command, Path(folder)) as stage:
                await card(stage)
        except AssertionError as failed:
            verdict, reason = "fail", " ".join(str(failed).split())
    return Score(number, name, verdict, reason, round(time.perf_counter() - began, 1))
