from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

from topstepx.events import AlarmRaised
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World


@virtual
async def test_a_crash_takes_the_tasks_the_sockets_and_what_was_not_committed() -> None:
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        assert world.strangers()
        assert world.network.connections
        committed = len(world.journal.committed)
        record = life.client._record
        record.commit(AlarmRaised(at=record.stamp(), name="lost", detail="in the crash"))
        assert life.pending_rows() >= 1
        await world.crash()
        assert not world.strangers()
        assert not world.network.connections
        assert len(world.journal.committed) == committed
        assert world.life is None
        again = world.new_life()
        await again.begin()
        assert again.ledger.account(world.account_id) is not None
        await again.end()


@virtual
async def test_a_crash_takes_one_program_and_leaves_the_other() -> None:
    async with World(Options(seed=1, conditions={"exits beside": 1})) as world:
        trader, other = world.new_life(), world.new_beside(MemoryJournal())

        async def beside() -> None:
            world.as_another()
            await other.begin()

        await trader.begin()
        await world.keep(beside(), "beside")
        both = len(world.strangers())
        await world.crash()
        assert 0 < len(world.strangers()) < both
        world.gateway.venue.adjust_balance(world.account_id, Decimal(1), world.memory.now())
        world.moved()
        await asyncio.sleep(1)
        belief = other.ledger.account(world.account_id)
        assert belief is not None
        assert belief.account.balance == world.truth.balance(world.account_id)
        assert world.everyone == [trader, other]
        await other.end()


@virtual
async def test_the_hour_and_the_lock_are_the_venues() -> None:
    async with World(Options(seed=1, conditions={"opening": 1})) as world:
        before = world.is_open, world.may_trade(world.account_id)
        await asyncio.sleep(21)
        world.gateway.venue.liquidate(world.account_id, world.memory.now())
        after = world.is_open, world.may_trade(world.account_id)
        assert (before, after) == ((False, True), (True, False))


@virtual
async def test_tokens_and_logs_are_overheard_and_loggers_given_back() -> None:
    logger = logging.getLogger("topstepx")
    before = logger.handlers
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        assert len(world.tokens) == 1
        logger.warning("said")
        assert world.logs.lines[-1] == "WARNING topstepx said"
        await life.end()
    assert logger.handlers is before
