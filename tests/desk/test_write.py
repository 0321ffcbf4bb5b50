"""The writer: written down first, sent once, and every end is written down too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.cards.world import PLACE, world
from tests.support.runs import Runs
from tests.support.trading import PRACTICE
from topstepx import Market
from topstepx.errors import AuthBroken, GatewayBusy, OrderRefused
from topstepx.events import IntentAnswered, IntentRecorded, IntentResolved, IntentSent
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual

if TYPE_CHECKING:
    from topstepx.testing.memory import MemoryRest

INTENT = (IntentRecorded, IntentSent, IntentAnswered, IntentResolved)


@virtual
async def test_the_record_is_on_the_disk_before_the_first_byte_leaves() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        journal.hold()
        placing = asyncio.create_task(w.buy())
        await asyncio.sleep(1)
        assert w.requests("place") == 0
        journal.release()
        order = await placing
        recorded = order.intent.recorded
        assert recorded.server_at is not None
        assert recorded.deadline_at is not None
        assert recorded.tag == order.tag
        assert len(order.tag) <= 40


@virtual
async def test_the_facts_of_an_accepted_order() -> None:
    async with world() as w:
        order = await w.buy()
        kinds = [type(fact) for fact in w.facts if isinstance(fact, INTENT)]
        assert kinds == [IntentRecorded, IntentSent, IntentAnswered]
        assert order.intent.answers[0].outcome == "accepted"


@virtual
async def test_a_401_renews_and_sends_the_same_tag_once_more() -> None:
    async with world() as w:
        await asyncio.sleep(10)
        w.pair.gateway.tokens.revoke_all()
        order = await w.buy()
        assert order.intent.attempts == 2
        assert order.intent.state == "accepted"
        assert w.requests("place") == 1


@virtual
async def test_two_401_prove_that_nothing_was_executed() -> None:
    async with world() as w:
        await asyncio.sleep(10)
        w.break_(PLACE, f.Answer(401), times=2)
        with pytest.raises(AuthBroken):
            await w.buy()
        assert w.ledger.intents()[-1].state == "not_sent"


@virtual
async def test_a_429_is_not_sent_and_not_repeated() -> None:
    async with world() as w:
        w.break_(PLACE, f.Answer(429))
        with pytest.raises(GatewayBusy):
            await w.buy()
        await asyncio.sleep(60)
        assert w.requests("place") == 0
        assert w.ledger.intents()[-1].state == "not_sent"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 422])
@virtual
async def test_a_4xx_with_a_body_that_parses_is_a_refusal(status: int) -> None:
    async with world() as w:
        w.break_(PLACE, f.Answer(status, '{"title":"One or more validation errors occurred."}'))
        with pytest.raises(OrderRefused):
            await w.buy()
        assert w.ledger.intents()[-1].state == "refused"


@virtual
async def test_tags_are_never_used_twice() -> None:
    async with world() as w:
        orders = [await w.buy(1, at=w.far_below(200 + number)) for number in range(50)]
        assert len({order.tag for order in orders}) == 50
        assert all(order.tag.isalnum() and order.tag.isupper() for order in orders)


@virtual
async def test_closing_the_client_while_the_disk_is_slow_sends_nothing() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        w.audited = False
        journal.hold()
        placing = asyncio.create_task(w.buy())
        await asyncio.sleep(0.5)
        asyncio.get_running_loop().call_later(30, journal.release)
    ended = await asyncio.gather(placing, return_exceptions=True)
    assert isinstance(ended[0], BaseException)
    assert w.requests("place") == 0


class _Broken:
    """A transport with a bug of its own: it sends the order, and then ends in no error of ours."""

    def __init__(self, inner: MemoryRest) -> None:
        self._inner = inner
        self.close = inner.close

    async def send(self, method: str, path: str, **parts: Any) -> Any:  # noqa: ANN401  passed on
        answer = await self._inner.send(method, path, **parts)
        if path.endswith("Order/place"):
            raise ZeroDivisionError
        return answer


@virtual
async def test_a_bug_below_it_leaves_the_order_looked_for() -> None:
    async with Runs() as runs, runs.client(transport=_Broken) as tsx:
        account = await tsx.accounts.one(PRACTICE)
        await tsx.ready(account)
        desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
        with pytest.raises(ZeroDivisionError):
            await desk.buy(1, at=Market(), key="k")
        order = tsx.orders.get(account, key="k")
        assert order is not None
        await order.filled(timeout=10)
        assert order.intent is not None
        assert order.intent.state == "accepted"
