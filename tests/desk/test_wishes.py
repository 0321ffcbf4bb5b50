"""What is wanted besides the terms: kept here, across restarts, and never on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cards.world import PLACE, world
from topstepx import Bracket, events
from topstepx.errors import DuplicateOrder, InvalidRequest, OrderUnresolved
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus

LABEL = "Öffnung, links ✓"


@virtual
async def test_a_label_is_kept_across_a_restart_and_legs_have_their_entrys() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        at, bracket = w.far_below(), Bracket(stop_ticks=40, target_ticks=80)
        order = await w.buy(1, at=at, bracket=bracket, key="k", label=LABEL)
        plain = await w.buy(1, at=w.far_below(201))
        assert (order.label, order.stop.label, order.target.label) == (LABEL, LABEL, LABEL)
        assert (plain.label, plain.stop.label) == (None, None)
        gateway, tag = w.pair.gateway, order.tag
    async with world(journal=journal.crash(), gateway=gateway) as w:
        order = w.tsx.orders.get(w.account, key="k")
        assert (order.label, order.tag) == (LABEL, tag)
        legs = [one for one in w.tsx.orders.working(w.account) if one.id != order.id]
        seen = {one.tag: one.label for one in legs}
        assert seen[f"{tag}-SL"] == seen[f"{tag}-TP"] == LABEL, "found by themselves"
        again = await w.buy(1, at=at, bracket=bracket, key="k", label="another one")
        assert (again.id, again.label) == (order.id, LABEL), "no part of what it is"
        assert w.requests("place") == 2


@virtual
async def test_no_label_and_no_key_is_ever_on_the_wire() -> None:
    async with world() as w:
        order = await w.buy(1, key="a-key-of-mine", label="a-label-of-mine")
        await order.modify(size=2)
        await order.cancel()
        sent = w.pair.process._rest.sent
        assert {"/api/Order/place", "/api/Order/modify", "/api/Order/cancel"} <= {
            p for _, p, _ in sent
        }
        assert not any(b"of-mine" in body for _, _, body in sent)
        kept = [one for one in w.facts if isinstance(one, events.IntentRecorded)]
        assert [one.label for one in kept] == ["a-label-of-mine", None, None]
        assert not any("of-mine" in one.body for one in kept)


@virtual
async def test_two_labels_do_not_make_two_orders() -> None:
    async with world() as w:
        at = w.far_below()
        await w.buy(1, at=at, key="one", label="one")
        with pytest.raises(DuplicateOrder):
            await w.buy(1, at=at, key="two", label="two")


@virtual
async def test_an_order_that_nobody_has_seen_has_its_label() -> None:
    async with world() as w:
        at = w.far_below()
        w.break_(PLACE, f.Hold(30))
        with pytest.raises(OrderUnresolved) as unresolved:
            await w.buy(1, at=at, label=LABEL)
        assert unresolved.value.order.label == LABEL
        await asyncio.sleep(40)
        assert unresolved.value.order.status is OrderStatus.OPEN
        assert unresolved.value.order.label == LABEL


@pytest.mark.parametrize("label", ["", " ", 7, "l" * 201, "l\ud800"])
@virtual
async def test_a_label_that_is_none(label: Any) -> None:  # noqa: ANN401  anything at all
    async with world() as w:
        with pytest.raises(InvalidRequest, match="label"):
            await w.buy(1, label=label)
        assert w.requests("place") == 0
        assert not w.ledger.intents()
