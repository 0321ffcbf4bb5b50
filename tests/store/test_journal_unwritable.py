"""The stand-in: exits go on, nothing that needs the disk does."""

from __future__ import annotations

import pytest

from tests.support.facts import intent
from topstepx.errors import RecordUnavailable
from topstepx.store.journal_unwritable import UnwritableJournal
from topstepx.testing.loop import virtual


@virtual
async def test_what_needs_the_disk_is_refused_with_the_reason() -> None:
    journal = UnwritableJournal(RecordUnavailable("Row 7 was changed.", next_step="Restore it."))
    await journal.open()
    journal.append(intent())
    for work in (journal.append_durable(intent()), journal.flush()):
        with pytest.raises(RecordUnavailable, match=r"Row 7 was changed\. Restore it\."):
            await work
    assert await journal.rows() == []
    await journal.close()


@virtual
async def test_a_refusal_that_nobody_awaits_is_no_complaint() -> None:
    journal = UnwritableJournal(RecordUnavailable("No."))
    journal.watch(lambda _: None)
    journal.append_durable(intent())
