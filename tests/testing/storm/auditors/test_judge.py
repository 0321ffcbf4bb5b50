from __future__ import annotations

from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import AUDITORS, Auditor
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World


@virtual
async def test_a_breach_is_a_finding_and_a_line_of_the_trace() -> None:
    async with World(Options(seed=1)) as world:
        auditor = Auditor(world)
        for number in range(50):
            auditor.found(f"breach {number}")
        assert str(auditor.findings[0]) == "Auditor at 0.000 s: breach 0"
        assert len(auditor.findings) == 20
        assert "AUDITOR" in world.trace.text()


def test_every_auditor_names_its_promise() -> None:
    assert all(kind.promise and kind.__doc__ for kind in AUDITORS)
    assert len({kind.__name__ for kind in AUDITORS}) == len(AUDITORS)
