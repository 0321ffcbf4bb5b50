from __future__ import annotations

from topstepx.core.budget import Want
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.storm.computer import Computer

WINDOW_NS = 60_000_000_000


@virtual
async def test_logins_are_remembered_by_the_computer() -> None:
    computer = Computer("NAME", LoopClock(), shared=False)
    assert computer.budget is None
    assert computer.logins.claim(exit_waits=False) == 0.0
    assert computer.logins.claim(exit_waits=False) > 0
    computer.logins.take_back()
    assert computer.logins.claim(exit_waits=False) == 0.0


@virtual
async def test_two_programs_draw_on_one_budget_and_see_each_other() -> None:
    budget = Computer("NAME", LoopClock(), shared=True).budget
    assert budget is not None
    one, other = budget.of(1), budget.of(101)
    assert one.open() == other.open() == (budget.since_ns, ())
    want = Want("general", 2, WINDOW_NS)
    first = one.claim((want,))
    assert [claim.granted for claim in first.claims] == [True]
    second = other.claim((want, want))
    assert [claim.granted for claim in second.claims] == [True, False]
    assert [seen.bucket for seen in second.foreign] == ["general"]
    other.release("general", second.claims[0].at_ns)
    assert one.claim((want,)).claims[0].granted
    other.record(())
    other.close()
