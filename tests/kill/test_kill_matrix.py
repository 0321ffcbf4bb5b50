"""A real process is killed at every journal and network step; the next one finds out what happened.

Never two orders for an intent, no acknowledged order lost, and within ten seconds the same picture as
the venue's. The simulator outlives them all and its books are the judge.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.killing import KILLED, Arena, Death, Told, arena
from topstepx.core import resolve
from topstepx.settings import Timeouts
from topstepx.store.journal_file import stored_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from topstepx.store.rows import Row

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

AT_ONCE = 4
RANDOM_EACH = 8


def _points(action: str, *names: str, **counted: int) -> list[Death]:
    found = [Death(action, name) for name in names]
    for name, count in counted.items():
        point = name.replace("__", ":").replace("_", "/")
        found += [Death(action, point, number) for number in range(1, count + 1)]
    return found


def _both(*kinds: str) -> list[str]:
    return [f"{kind}:{when}" for kind in kinds for when in ("before", "queued")]


def _request(route: str, *, during: int = 3) -> list[str]:
    return [f"{route}:before", *[f"{route}:during"] * during, f"{route}:after"]


NAMED: dict[str, list[Death]] = {
    "place": _points(
        "place",
        *_both("IntentRecorded", "IntentSent", "IntentAnswered", "OrderObserved"),
        "IntentRecorded:durable",
        *_request("Order/place"),
        disk__before=2,
        disk__after=2,
    ),
    "market": _points(
        "market",
        *_both("IntentRecorded", "IntentSent", "IntentAnswered", "TradeObserved"),
        "IntentRecorded:durable",
        *_request("Order/place"),
        OrderObserved__queued=2,
    ),
    "cancel": _points(
        "cancel",
        *_both("IntentRecorded", "IntentSent", "IntentAnswered", "OrderObserved"),
        *_request("Order/cancel"),
        disk__before=1,
        disk__after=1,
    ),
    "flatten": _points(
        "flatten",
        *_both("FlattenStarted", "Flattened", "TradeObserved"),
        *_request("Order/cancel", during=2),
        *_request("Position/closeContract", during=2),
        IntentRecorded__queued=2,
        IntentSent__queued=2,
        IntentAnswered__queued=2,
        Position_searchOpen__after=2,
    ),
}
"""Every step, by name. A point that is never passed fails its test."""

SPANS_S = {"place": 0.03, "market": 0.06, "cancel": 0.04, "flatten": 0.25}
"""How long each action takes, about; random deaths fall into it."""


def _random(action: str, count: int, seed: int) -> list[Death]:
    chance = random.Random(f"{action} {seed}")
    return [Death(action, after_s=chance.random() * SPANS_S[action]) for _ in range(count)]


def _run(folder: Path, deaths: Sequence[Death], within_s: float = 10.0) -> list[str]:
    folder.chmod(0o700)

    async def all_of_them() -> list[str]:
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(place: Arena, death: Death) -> str:
            async with turns:
                return await place.die_and_audit(death, within_s=within_s)

        async with arena(folder, len(deaths)) as place:
            return await asyncio.gather(*(one(place, death) for death in deaths))

    return [wrong for wrong in asyncio.run(all_of_them()) if wrong]


@pytest.mark.parametrize("action", NAMED)
def test_killed_at_every_named_point_and_at_random_moments(tmp_path: Path, action: str) -> None:
    assert _run(tmp_path, [*NAMED[action], *_random(action, RANDOM_EACH, seed=1)]) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("action", NAMED)
def test_killed_at_random_moments_thousands_of_times(
    tmp_path: Path, action: str, seed: int
) -> None:
    assert _run(tmp_path, _random(action, 12, seed=100 + seed)) == []


def test_there_are_about_a_hundred_runs() -> None:
    assert 100 <= sum(map(len, NAMED.values())) + RANDOM_EACH * len(NAMED) <= 140


# ---- the whole two minutes, in fast time


def test_what_never_left_is_presumed_absent_after_two_minutes_and_not_before(
    tmp_path: Path,
) -> None:
    """Real processes and sockets; protocol time runs 20 times as fast on both sides."""
    tmp_path.chmod(0o700)
    speed = 20.0

    async def run() -> tuple[list[Row], int]:
        async with arena(tmp_path, 1, speed=speed) as place:
            account = place.new_account()
            wall = [place.sim.now().isoformat(), time.time()]
            first = await place.run(
                account, "place", point="Order/place:before", speed=speed, wall=wall
            )
            async with asyncio.timeout(30):
                await first.ended.wait()
            assert first.code == KILLED, first.lines
            journal = tmp_path / str(account) / "journal.sqlite"
            before = {row.writer for row in stored_rows(journal)}
            second = await place.run(account, "audit", speed=speed, wall=wall, live_s=100)
            async with asyncio.timeout(90):
                while not (its := _verdicts(journal, before)):
                    assert second.code is None, second.lines[-3:]
                    await asyncio.sleep(0.1)
                while "presumed_absent" not in _states(second):
                    assert second.code is None, second.lines[-3:]
                    second.news.clear()
                    await second.news.wait()
            place.end(second)
            assert len(before) == 1
            return its, len(place.sim.gateway.venue.truth.orders(account))

    its, orders = asyncio.run(run())
    assert orders == 0
    (resolved,) = (row for row in its if row.kind == "IntentResolved")
    assert '"presumed_absent"' in resolved.body
    # By the clock of the process itself: when this one hears of it depends on the machine.
    waited = datetime.fromisoformat(resolved.at) - datetime.fromisoformat(its[0].at)
    assert 120 <= waited.total_seconds() < 600


def _verdicts(journal: Path, before: set[str]) -> list[Row]:
    """What the next process wrote, once a verdict is among it: it is believed before it is on the disk."""
    its = [row for row in stored_rows(journal) if row.writer not in before]
    return its if any(row.kind == "IntentResolved" for row in its) else []


def _states(told: Told) -> set[str]:
    """What the process last believed of its intents."""
    return {intent[2] for line in told.all("believes")[-1:] for intent in line["intents"].values()}


def test_the_unscaled_constants_are_those_of_the_safety_model() -> None:
    assert (resolve.ABSENT_AFTER_S, resolve.ABSENT_ROUNDS) == (120.0, 5)
    assert (resolve.FIRST_ROUND_S, resolve.ROUND_FACTOR, resolve.ROUND_CAP_S) == (0.25, 1.6, 10.0)
    timeouts = Timeouts()
    assert (timeouts.place_s, timeouts.exit_s, timeouts.read_s) == (5.0, 4.0, 6.0)
    assert (timeouts.order_deadline_s, timeouts.resolve_s, timeouts.shutdown_s) == (2.0, 10.0, 15.0)


# ---- the judge can judge


@pytest.mark.parametrize("crime", ["forgets", "places again"])
def test_the_audit_notices(tmp_path: Path, crime: str) -> None:
    tmp_path.chmod(0o700)

    async def run() -> str:
        async with arena(tmp_path, 1) as place:
            account = place.new_account()
            death = Death("place", "OrderObserved:queued")
            first = await place.run(account, "place", point=death.point, count=1)
            async with asyncio.timeout(30):
                await first.ended.wait()
            if crime == "forgets":
                for path in (tmp_path / str(account)).glob("journal.sqlite*"):
                    if path.is_file():
                        path.unlink()
            else:
                shutil.copytree(tmp_path / str(account), tmp_path / "copy")
                for name in ("journal.sqlite", "state/installation"):
                    (tmp_path / "copy" / name).unlink()
                other = await place.run(
                    account, "place", folder=str(tmp_path / "copy"), at="28990.00"
                )
                async with asyncio.timeout(30):
                    await other.ended.wait()
            return await place._audit(account, death, first, 3.0)

    assert "no intent in the journal" in asyncio.run(run())
