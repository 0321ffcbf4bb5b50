"""Which contracts are stale is told once each way."""

from __future__ import annotations

from topstepx.desk.record import Record
from topstepx.desk.stale_contracts import StaleContracts
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, virtual


@virtual
async def test_each_begin_and_each_end_is_told_once() -> None:
    record = Record(MemoryJournal(), clock=LoopClock())
    await record.open()
    told: list[tuple[str, object]] = []
    record.listen(lambda fact, _: told.append((fact.kind, getattr(fact, "contract_id", None))))
    stale = StaleContracts(record)
    for now in ({"A": "x"}, {"A": "y", "B": "x"}, {"B": "x"}, {}, {}):
        stale.tell(now)
    assert [one for one in told if one[0].startswith("ModeCause")] == [
        ("ModeCauseAdded", "A"),
        ("ModeCauseAdded", "B"),
        ("ModeCauseCleared", "A"),
        ("ModeCauseCleared", "B"),
    ]
    await record.close()
