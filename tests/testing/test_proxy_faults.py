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
    on_wire,
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


def test_places_of_plans_match_as_well() -> None:
    assert matches("wire/User", "hub/user")
    assert not matches("wire/user", "hub/market")
    assert matches("wire/rest", "Order/place")
    assert not matches("wire/rest", "hub/user")
    assert matches("wire/Order/*", "Order/place")
    assert all(matches("wire/*", place) for place in ("Order/place", "hub/user", "tls"))
    assert [on_wire(place) for place in ("hub/user", "Order/place")] == [
        "wire/user",
        "wire/Order/place",
    ]


def test_a_plan_of_faults_for_a_proxy_alone() -> None:
    text = b"""
        [[faults]]
        where = "wire/user"
        direction = "down"
        in_s = 2.5
        for_s = 2
        times = "all"
        what = { kind = "wire_latency", seconds = 0.2, jitter_s = 0.1 }
        [[faults]]
        where = "wire/Order/place"
        what = { kind = "wire_cut", step = "all passed on" }
    """
    assert load_wire_plan(text) == [
        WireFault(
            where="wire/user", direction="down", since_s=2.5, until_s=4.5, what=Latency(0.2, 0.1)
        ),
        WireFault(where="wire/Order/place", times=1, what=CutAt("all passed on")),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what={kind='wire_latncy', seconds=1.0}", ("faults[0].what.kind", "wire_latency")),
        ("what={kind='wire_latency', secs=1.0}", ("faults[0].what.secs", "seconds")),
        ("when=3\nwhat={kind='wire_stall'}", ("faults[0].when", "in_s")),
        ("what={kind='wire_slice', size=0}", ("faults[0].what.size", "at least 1")),
        ("for_s=0\nwhat={kind='wire_stall'}", ("faults[0].for_s",)),
        ("direction='up'\nwhat={kind='wire_reset'}", ("faults[0].direction", "wire_reset")),
        ("what={kind='mute'}", ("faults[0].what.kind", "needs the simulator", "wire_reset")),
        (
            "since=2026-01-05T14:30:00Z\nwhat={kind='wire_stall'}",
            ("faults[0].since", "in_s and for_s"),
        ),
        ("until=2020-01-05T14:30:00Z\nwhat={kind='wire_stall'}", ("faults[0].until", "for_s")),
        ("[[wire", ("plan",)),
    ],
)
def test_a_mistake_is_named_with_its_path(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_wire_plan(f"[[faults]]\nwhere='wire/*'\n{text}")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("wire/usr", "Did you mean wire/user?"),
        ("Wire/Order/plce", "Did you mean wire/Order/place?"),
        ("hub/user", "wire/user, wire/market"),
        ("*", "Use wire/*"),
        ("wire/", "Use wire/*"),
    ],
)
def test_a_place_that_nothing_ever_has_is_refused(where: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_wire_plan(f"[[faults]]\nwhere='{where}'\nwhat={{kind='wire_stall'}}")
    assert caught.value.field == "faults[0].where"
    assert words in str(caught.value)


@pytest.mark.parametrize("where", ["wire/usr*", "wire/v2/orders", "wire/health", "WIRE/REST"])
def test_any_path_of_any_server_is_a_place(where: str) -> None:
    (one,) = load_wire_plan(f"[[faults]]\nwhere='{where}'\nwhat={{kind='wire_stall'}}")
    assert one.where == where


def test_somebody_else_may_decide_who_is_struck() -> None:
    plan, asked = WirePlan(), []

    def strikes(place: str) -> bool:
        asked.append(place)
        return len(asked) == 2

    planned = plan.add(WireFault(where="*", what=Slice(1)), strikes)
    assert struck(plan, 3) == [1]
    assert asked == ["Order/place"] * 3
    assert planned.struck == 1


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
