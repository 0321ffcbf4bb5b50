"""The waits between attempts: bounded, spread, and short for a hub that is busy only for a moment."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest

from topstepx.core.link_ends import Reaction
from topstepx.core.link_waits import LinkWaits

RETRY, SLOWLY, EASE_OFF = Reaction.RETRY, Reaction.RETRY_SLOWLY, Reaction.EASE_OFF


def waits(jitter: float, *reactions: Reaction) -> list[float]:
    each = LinkWaits(lambda: jitter)
    return [each.after(reaction) for reaction in reactions]


def test_the_first_wait_is_below_a_second_and_the_rest_below_their_bound() -> None:
    chance = random.Random(7)
    for _ in range(50):
        each = LinkWaits(chance.random)
        for failed in range(60):
            bound_s = 1.0 if failed == 0 else min(30.0, 0.5 * 2**failed)
            assert 0 <= each.after(RETRY) < bound_s
            assert each.failed == failed + 1


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_the_slow_lane_is_fifteen_to_thirty_seconds_but_for_the_first(jitter: float) -> None:
    first, *slow = waits(jitter, *[SLOWLY] * 5)
    assert first < 1
    assert all(15 <= wait_s < 30 for wait_s in slow)


def test_a_final_close_is_slow_at_once_unless_a_judge_said_otherwise() -> None:
    assert LinkWaits(lambda: 0.9).after(Reaction.REFRESH, final=True) >= 15
    assert LinkWaits(lambda: 0.9).after(RETRY, final=True) < 1


def test_a_busy_hub_is_asked_twice_within_seconds_then_slowly() -> None:
    lost, *busy = waits(0.5, RETRY, EASE_OFF, EASE_OFF, EASE_OFF, EASE_OFF)
    assert lost == 0.5
    assert busy == [1.5, 3.0, 22.5, 22.5]
    assert waits(0.5, EASE_OFF, EASE_OFF) == [0.5, 1.5], "the first end of all has its own wait"
    assert waits(0.5, RETRY, EASE_OFF, RETRY, EASE_OFF)[-1] == 1.5, "it was not busy in between"


def test_what_went_well_is_forgotten() -> None:
    each = LinkWaits(lambda: 0.5)
    for _ in range(5):
        each.after(EASE_OFF)
    each.forget()
    assert [each.after(EASE_OFF) for _ in range(3)] == [0.5, 1.5, 3.0]


def crowd(*, room: int, down_s: float) -> tuple[Counter[int], list[float]]:
    """A thousand who were cut off together; the hub answers 503 while down, and beyond `room` a second.

    How many asked in each second, and when each was back.
    """
    chance = random.Random(1)
    asked, taken = Counter[int](), Counter[int]()
    back, due = [], list[tuple[float, int, LinkWaits]]()
    for number in range(1000):
        each = LinkWaits(chance.random)
        heapq.heappush(due, (each.after(RETRY), number, each))
    while due:
        now_s, number, each = heapq.heappop(due)
        second = int(now_s)
        asked[second] += 1
        if now_s >= down_s and taken[second] < room:
            taken[second] += 1
            back.append(now_s)
        else:
            heapq.heappush(due, (now_s + each.after(EASE_OFF), number, each))
    return asked, back


def test_a_restart_of_two_seconds_is_over_within_seconds_for_everybody() -> None:
    asked, back = crowd(room=1000, down_s=2)
    assert max(back) < 7
    assert max(asked.values()) <= 1000, "the first second, when all were cut at once"


def test_a_crowd_thins_out_and_gets_into_a_hub_that_has_room_for_few() -> None:
    asked, back = crowd(room=20, down_s=5)
    assert asked.most_common(1) == [(0, 1000)], "no wave is larger than the first"
    assert max(count for second, count in asked.items() if second >= 3) < 450
    assert max(count for second, count in asked.items() if second >= 8) < 100, "the slow lane"
    assert len(back) == 1000
    assert max(back) < 120
