"""A person's release says where it cannot release: another process trades the account."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from tests.support.runs import Runs
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.mode import Mode
from topstepx.errors import ModeRefused
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.store.lease import Leases
from topstepx.testing.loop import virtual

if TYPE_CHECKING:
    from pathlib import Path


@virtual
async def test_who_holds_the_account_is_said_until_it_ends_and_then_it_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Runs() as runs:
        first = runs.client(MemoryJournal(), leases=Leases(tmp_path, "process 7, my bot"))
        second = runs.client(MemoryJournal(), leases=Leases(tmp_path, "me"))
        async with first, second:
            await first.ready(await first.accounts.one(PRACTICE))
            account = await second.accounts.one(PRACTICE)
            await second.ready(account)
            with pytest.raises(ModeRefused, match=r"process 7, my bot.*End that process"):
                await second.resume(account)
            with caplog.at_level(logging.WARNING, "topstepx"):
                await second.resume()
            assert "process 7, my bot" in caplog.text
            await first._close("its end")
            await second.resume(account)
            assert second.state.mode(account) is Mode.ACTIVE


@virtual
async def test_who_leaves_while_an_account_that_became_ours_is_read_leaves_it_to_be_read(
    tmp_path: Path,
) -> None:
    async with Runs() as runs:
        first = runs.client(MemoryJournal(), leases=Leases(tmp_path, "first"))
        second = runs.client(MemoryJournal(), leases=Leases(tmp_path, "second"))
        async with first, second:
            await first.ready(await first.accounts.one(PRACTICE))
            account = await second.accounts.one(PRACTICE)
            await second.ready(account)
            await first._close("its end")
            runs.gateway.faults.add(Fault(where="Trade/search", what=f.Delay(3)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await second.ready(account)
            assert second.state.mode(account) is Mode.SYNCING
            await second.ready(account)
            assert second.state.mode(PRACTICE_ID) is Mode.ACTIVE
            assert second._starting.exit_of(PRACTICE_ID)
