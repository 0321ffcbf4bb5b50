from __future__ import annotations

from topstepx.sim.venue.faults import VenueFaults


def test_a_forced_refusal_is_used_up() -> None:
    faults = VenueFaults()
    faults.reject_next("place", code=7, count=2)
    faults.reject_next("place", code=2, text="no", executes=True)
    taken = [faults.take_refusal("place") for _ in range(4)]
    assert [(t.code, t.executes) if t else None for t in taken] == [
        (7, False),
        (7, False),
        (2, True),
        None,
    ]


def test_verbs_do_not_mix() -> None:
    faults = VenueFaults()
    faults.reject_next("cancel")
    assert faults.take_refusal("modify") is None
    assert faults.take_refusal("cancel") is not None
