from __future__ import annotations

from decimal import Decimal

from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Convergence, Replay
from topstepx.testing.storm.auditors.books import difference
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World


@virtual
async def test_a_book_that_differs_is_named_and_time_is_given() -> None:
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        assert not difference(world, life.ledger)
        account = world.gateway.venue._floor.accounts[world.account_id]
        account.balance += Decimal(1)  # behind everybody's back
        assert difference(world, life.ledger).startswith("balance: believed")
        auditor = Convergence(world)
        assert not auditor.level(life, world.now_s())
        assert not auditor.findings
        assert auditor.level(life, world.now_s() - 11)
        assert "not level" in auditor.findings[0].what
        await life.end()


@virtual
async def test_a_journal_that_lacks_a_row_is_found() -> None:
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        await life.end()
        whole, short = Replay(world), Replay(world)
        whole.after()
        assert not whole.findings
        del world.journal.committed[2:4]
        short.after()
        assert short.findings
