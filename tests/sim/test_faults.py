from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as kinds
from topstepx.sim.faults import Fault, Faults

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PLACE = "Order/place"


def plan(*faults: Fault, seed: int = 0) -> Faults:
    made = Faults(seed, [PLACE, "Order/search", "Auth/validate"])
    for fault in faults:
        made.add(fault)
    return made


def strikes(one: Faults, route: str = PLACE, times: int = 10) -> list[int]:
    return [number for number in range(times) if one.for_request(route, NOON)]


def test_times_and_after() -> None:
    assert strikes(plan(Fault(where=PLACE, what=kinds.DropAnswer()))) == [0]
    assert strikes(plan(Fault(where=PLACE, what=kinds.DropAnswer(), times=2, after=3))) == [3, 4]
    assert len(strikes(plan(Fault(where=PLACE, what=kinds.DropAnswer(), times=None)))) == 10


def test_where_matches_without_case_and_with_stars() -> None:
    one = plan(Fault(where="order/*", what=kinds.Delay(seconds=1), times=None))
    assert one.for_request("Order/place", NOON)
    assert one.for_request("Order/search", NOON)
    assert not one.for_request("Auth/validate", NOON)


def test_a_window_of_time() -> None:
    soon, late = NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)
    one = plan(Fault(where="*", what=kinds.Cut(), times=None, since=soon, until=late))
    assert not one.for_request(PLACE, NOON)
    assert one.for_request(PLACE, soon)
    assert not one.for_request(PLACE, late)


def test_chance_repeats_with_the_seed() -> None:
    def hits(seed: int) -> list[int]:
        fault = Fault(where=PLACE, what=kinds.DropAnswer(), times=None, chance=0.3)
        return strikes(plan(fault, seed=seed), times=1000)

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 240 < len(hits(1)) < 360


def test_all_that_match_strike_in_order() -> None:
    one = plan(
        Fault(where=PLACE, what=kinds.Hold(seconds=20)),
        Fault(where="*", what=kinds.Answer(status=504)),
    )
    assert one.for_request(PLACE, NOON) == [kinds.Hold(seconds=20), kinds.Answer(status=504)]
    assert one.for_request(PLACE, NOON) == []
    assert [what for _, _, what in one.struck] == [
        kinds.Hold(seconds=20),
        kinds.Answer(status=504),
    ]


def test_events_by_name_and_by_what_they_are_about() -> None:
    one = plan(
        Fault(where="hub/user", what=kinds.DropEvents(event="*Order", about="7"), times=None),
    )
    assert not one.quiet
    assert one.for_event("user", "GatewayUserOrder", "7", NOON)
    assert not one.for_event("user", "GatewayUserOrder", "8", NOON)
    assert not one.for_event("user", "GatewayUserTrade", "7", NOON)
    assert not one.for_event("market", "GatewayUserOrder", "7", NOON)


def test_acts_happen_once_when_their_time_comes() -> None:
    later = NOON + timedelta(seconds=5)
    one = plan(
        Fault(where="hub/*", what=kinds.CutHub()),
        Fault(where="hub/user", what=kinds.Kick(), since=later, times=3),
    )
    assert one.next_at(NOON) == NOON
    assert [act for _, act in one.due_acts(NOON)] == [kinds.CutHub()]
    assert one.next_at(NOON) == later
    assert [act for _, act in one.due_acts(later)] == [kinds.Kick()]
    assert one.due_acts(later) == []
    assert one.next_at(later) is None


def test_lasting_conditions_are_not_used_up() -> None:
    one = plan(Fault(where="hub/market", what=kinds.Mute()))
    assert [one.for_session("market", NOON) for _ in range(3)] == [[kinds.Mute()]] * 3
    assert one.for_session("user", NOON) == []


def test_clear_and_remove() -> None:
    one = plan()
    planned = one.add(Fault(where="hub/user", what=kinds.Mute()))
    assert one.for_session("user", NOON)
    one.remove(planned)
    assert one.quiet
    one.add(Fault(where=PLACE, what=kinds.DropAnswer()))
    one.clear()
    assert one.planned == ()
    assert strikes(one) == []


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (Fault(where="Order/plcae", what=kinds.DropAnswer()), "where"),
        (Fault(where="hub/users", what=kinds.Mute()), "where"),
        (Fault(where="hub/user", what=kinds.DropAnswer()), "what"),
        (Fault(where=PLACE, what=kinds.Mute()), "what"),
        (Fault(where=PLACE, what=kinds.CutHub()), "what"),
        (Fault(where=PLACE, what=kinds.DropAnswer(), times=0), "times"),
        (Fault(where=PLACE, what=kinds.DropAnswer(), after=-1), "after"),
        (Fault(where=PLACE, what=kinds.DropAnswer(), chance=0), "chance"),
        (Fault(where=PLACE, what=kinds.DropAnswer(), since=NOON, until=NOON), "until"),
        (Fault(where=PLACE, what=kinds.DropAnswer(), since=datetime(2026, 1, 5)), "since"),  # noqa: DTZ001  the mistake under test
    ],
)
def test_what_cannot_be_meant_is_refused(fault: Fault, word: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{word}="):
        plan(fault)


def test_a_fault_says_in_a_word_how_it_stands() -> None:
    later = NOON + timedelta(seconds=10)
    end = later + timedelta(seconds=1)
    faults = plan(
        Fault(where="hub/user", what=kinds.Mute(), since=later, until=end),
        Fault(where=PLACE, what=kinds.DropAnswer(), times=2),
        Fault(where="*", what=kinds.Revoke()),
    )
    mute, drop, revoke = faults.planned
    assert [one.state(NOON) for one in (mute, drop)] == ["to come", "waiting"]
    assert [mute.state(later), mute.state(end)] == ["on", "over"]
    faults.for_request(PLACE, NOON)
    assert drop.state(NOON) == "striking"
    faults.for_request(PLACE, NOON)
    assert drop.state(NOON) == "spent"
    faults.due_acts(NOON)
    assert revoke.state(NOON) == "spent"
    revoke.undo = lambda: None
    assert revoke.state(NOON) == "on"
