"""One program, many clients one after the other: nothing of a life is left in the next.

Real sockets, and one journal on the disk that all lives share. Counted are the process's descriptors, the
tasks, and the client's own objects; a leak that is planted on purpose is found by the same count.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import topstepx
from tests.sockets.test_once import low_price
from tests.support.trading import PRACTICE
from topstepx.core.signalr.client import ClientConnection
from topstepx.core.terms import Limit
from topstepx.sim.server import SimServer
from topstepx.testing.storm.auditors.weight import living

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = Path("/proc/self/fd")
LIVES, LEVEL_FROM = 5, 3
NOT_OURS = ("topstepx.sim.", "topstepx.wire.", "topstepx.settings.Secret")
"""The simulator's books keep wire models; the redactor remembers the last secrets, a bounded number."""


class Held(NamedTuple):
    """What the process holds."""

    descriptors: int
    tasks: int
    objects: dict[str, int]


def held() -> Held:
    """What the process holds now, without what belongs to the simulator beside it."""
    ours = {kind: n for kind, n in living().items() if not kind.startswith(NOT_OURS)}
    return Held(sum(1 for _ in OWN.iterdir()), len(asyncio.all_tasks()), ours)


async def live(sim: SimServer, journal: Path, key: str) -> Held:
    """One life: both hubs, a stream, an order that is placed and cancelled; what was held in its midst."""
    async with topstepx.connect(
        "sim",
        url=sim.url,
        user_name=sim.user_name,
        api_key=sim.api_key,
        trade=True,
        max_contracts=5,
        journal=journal,
    ) as tsx:
        account = await tsx.accounts.one(PRACTICE)
        contract = await tsx.contracts.front("MNQ")
        await tsx.ready(account)
        async with tsx.market.quotes(contract) as quotes:
            await anext(quotes)
        desk = tsx.desk(account, contract)
        order = await desk.buy(1, at=Limit(await low_price(tsx, contract)), key=key)
        await order.cancel()
        return held()


async def lives(journal: Path, plant: Callable[[], object]) -> tuple[list[Held], list[Held]]:
    """What was held in the midst of each life, and after it."""
    during, after = [], []
    async with SimServer(rate=0.1) as sim:
        for number in range(LIVES):
            during.append(await live(sim, journal, f"life {number}"))
            plant()
            await asyncio.sleep(0.05)  # the simulator closes its ends
            after.append(held())
    return during, after


def grown(during: list[Held], after: list[Held]) -> list[str]:
    """What there is more of at the end than from the third life on, a line each.

    In the midst of a life a ledger knows what the lives before did, so objects are counted afterwards.
    """
    found = []
    for name, seen in (("in a life", during), ("after it", after)):
        level, last = seen[LEVEL_FROM - 1], seen[-1]
        if last.descriptors > level.descriptors:
            found.append(f"descriptors {name}: {level.descriptors}, then {last.descriptors}")
        if last.tasks > level.tasks:
            found.append(f"tasks {name}: {level.tasks}, then {last.tasks}")
    level, last = after[LEVEL_FROM - 1], after[-1]
    for kind, count in last.objects.items():
        if count > level.objects.get(kind, 0):
            found.append(f"{kind} after it: {level.objects.get(kind, 0)}, then {count}")
    return found


@pytest.mark.skipif(not OWN.exists(), reason="needs /proc to count descriptors")
def test_nothing_of_a_life_is_left_in_the_next(tmp_path: Path) -> None:
    assert grown(*asyncio.run(lives(tmp_path / "journal.sqlite", lambda: None))) == []


@pytest.mark.skipif(not OWN.exists(), reason="needs /proc to count descriptors")
def test_leaks_that_are_planted_are_found(tmp_path: Path) -> None:
    lines: list[ClientConnection] = []
    descriptors: list[int] = []
    tasks: list[asyncio.Task[bool]] = []

    def plant() -> None:
        lines.append(ClientConnection())
        descriptors.append(os.dup(1))
        tasks.append(asyncio.create_task(asyncio.Event().wait()))

    try:
        found = grown(*asyncio.run(lives(tmp_path / "journal.sqlite", plant)))
    finally:
        for each in descriptors:
            os.close(each)
    said = "\n".join(found)
    for what in (
        "descriptors in",
        "descriptors after",
        "tasks in",
        "tasks after",
        "ClientConnection",
    ):
        assert what in said
    assert len(lines) == len(tasks) == LIVES
