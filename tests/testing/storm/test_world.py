from __future__ import annotations

import logging

from topstepx.events import AlarmRaised
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
async def test_logins_are_remembered_beyond_a_crash() -> None:
    async with World(Options(seed=1)) as world:
        assert world.logins.claim(exit_waits=False) == 0.0
        assert world.logins.claim(exit_waits=False) > 0
        world.logins.take_back()
        assert world.logins.claim(exit_waits=False) == 0.0


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
