from __future__ import annotations

import pytest

from topstepx.errors import InvalidRequest
from topstepx.testing.proxy_faults import (
    BlackHole,
    CutAt,
    Latency,
    Passage,
    Refuse,
    Slice,
    Throttle,
    WireFault,
    WirePlan,
    load_wire_plan,
    matches,
)


def test_places_match_as_people_write_them() -> None:
    assert matches("order/*", "Order/place")
    assert matches("hub/*", "hub/user")
    assert matches("rest", "Order/place")
    assert not matches("rest", "hub/user")
    assert not matches("rest", "tls")
    assert matches("*", "tls")


def struck(plan: WirePlan, count: int, now_s: float = 0.0) -> list[int]:
    passages = [Passage("Order/place", number) for number in range(count)]
    return [one.number for one in passages if plan.striking(one, "up", now_s)]


def test_times_after_direction_and_windows_say_when() -> None:
    plan = WirePlan()
    planned = plan.add(WireFault(where="Order/*", what=Slice(1), times=2, after=1, direction="up"))
    assert struck(plan, 5) == [1, 2]
    assert (planned.seen, planned.struck) == (5, 2)
    passage = Passage("Order/place", 1)
    assert plan.striking(passage, "up", 0.0), "decided once for each passage"
    assert not plan.striking(passage, "down", 0.0)
    plan.clear()
    plan.add(WireFault(where="*", what=Slice(1), since_s=5.0, until_s=6.0))
    assert [bool(struck(plan, 1, now_s)) for now_s in (4.9, 5.0, 5.9, 6.0)] == [0, 1, 1, 0]
    assert (plan.next_change_s(1.0), plan.next_change_s(5.0), plan.next_change_s(6.0)) == (
        5,
        6,
        None,
    )


def test_chance_is_the_seeds() -> None:
    def chosen(seed: int) -> list[int]:
        plan = WirePlan(seed)
        plan.add(WireFault(where="*", what=Slice(1), chance=0.3))
        return struck(plan, 200)

    assert chosen(1) == chosen(1) != chosen(2)
    assert 30 < len(chosen(1)) < 90


def test_a_refusal_is_the_doors_and_strikes_no_passage() -> None:
    plan = WirePlan()
    plan.add(WireFault(where="*", what=Refuse(), until_s=3.0))
    assert plan.refuses(2.9)
    assert not plan.refuses(3.0)
    assert not struck(plan, 1)


def test_a_plan_in_toml() -> None:
    text = b"""
        [[wire]]
        where = "hub/user"
        direction = "down"
        since_s = 2.5
        what = {type = "Latency", seconds = 0.2, jitter_s = 0.1}
        [[wire]]
        where = "Order/place"
        times = 1
        what = {type = "CutAt", step = "all passed on"}
    """
    assert load_wire_plan(text) == [
        WireFault(where="hub/user", direction="down", since_s=2.5, what=Latency(0.2, 0.1)),
        WireFault(where="Order/place", times=1, what=CutAt("all passed on")),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[wire]]\nwhere='*'\nwhat={type='Latncy', seconds=1.0}", ("wire[0].what", "Latency")),
        ("[[wire]]\nwhere='*'\nwhat={type='Latency', secs=1.0}", ("wire[0].what", "Latency")),
        ("[[wire]]\nwhere='*'\nwhen=3\nwhat={type='Stall'}", ("wire[0]", "when")),
        ("[[wire]]\nwhere='*'\nwhat={type='Slice', size=0}", ("wire[0].what.size", "1 or more")),
        ("wire = 3", ("wire",)),
        ("[[wire", ("wire plan",)),
    ],
)
def test_a_mistake_is_named_with_its_path(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_wire_plan(text.encode())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        (WireFault(where="*", what=Latency(-1.0)), "what.seconds"),
        (WireFault(where="*", what=Latency(float("nan"))), "what.seconds"),
        (WireFault(where="*", what=Throttle(0.5)), "what.bytes_per_s"),
        (WireFault(where="*", what=BlackHole(), direction="up"), "direction"),
        (WireFault(where="hub/*", what=Refuse()), "where"),
        (WireFault(where="*", what=BlackHole(), times=0), "times"),
        (WireFault(where="*", what=BlackHole(), after=-1), "after"),
        (WireFault(where="*", what=BlackHole(), chance=0.0), "chance"),
        (WireFault(where="*", what=BlackHole(), since_s=2, until_s=2), "until_s"),
    ],
)
def test_what_cannot_be_meant_is_refused(fault: WireFault, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        WirePlan().add(fault)
    assert caught.value.field == field
