# ruff: noqa: N802  the numbers are the fault catalogue's
"""Cards of the wire: one odd thing in what the gateway says, and what a whole client makes of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.cards.test_hubs import Log, mode, until_same
from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit, Market
from topstepx.errors import PriceOffGrid
from topstepx.events import GapSuspected, PayloadMalformed
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.core.quotes import Quote

MNQ = "CON.F.US.MNQ.Z26"


async def quoted(pair: Pair, raw: str) -> tuple[Quote | None, int]:
    """The newest quote when the gateway's last price is written so, and how much was unreadable."""
    contract = await mnq(pair)
    async with pair.tsx.market.quotes(contract) as quotes:
        await anext(quotes)
        record = f'{{"type":1,"target":"GatewayQuote","arguments":["{MNQ}",{{"lastPrice":{raw}}}]}}'
        written = f.ReplaceEvents(record, "GatewayQuote")
        pair.faults.add(Fault(where="hub/market", what=written, times=None))
        say = {"lastPrice": 1.0}
        pair.gateway.hubs.tell_market("GatewayQuote", MNQ, say, pair.world.now())
        await asyncio.sleep(0.2)
        return pair.tsx.market.newest(contract), pair.tsx.health().malformed


@pytest.mark.parametrize(
    ("raw", "last"),
    [
        pytest.param("6335.250000000", Decimal("6335.25"), id="W01"),
        pytest.param("1E-7", Decimal("1E-7"), id="W02-exponent"),
        pytest.param("0.123456789012345678901234567891", None, id="W02-digits"),
    ],
)
def test_W01_W02_prices_are_exact_however_they_are_written(raw: str, last: Decimal | None) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            quote, _ = await quoted(pair, raw)
            assert quote is not None
            assert quote.last == (Decimal(raw) if last is None else last)

    run()


@virtual
async def test_W03_an_id_beyond_two_to_the_53_keeps_every_bit() -> None:
    huge = 9_007_199_254_740_993
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        edit = f.EditEvents("[0].data.id", "value", huge, "GatewayUserTrade")
        pair.faults.add(Fault(where="hub/user", what=edit))
        await pair.tsx.desk(account, contract).buy(1, at=Market())
        await asyncio.sleep(1)
        assert huge in {belief.id for belief in pair.tsx.state.trades(account)}


@pytest.mark.parametrize("text", ["{}Z", "{}+00:00", "{}", "{}1234Z"], ids=str)
def test_W04_moments_in_every_spelling_are_utc(text: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            account, contract = await practice(pair), await mnq(pair)
            said = text.format("2026-11-23T14:59:58.123")
            edit = f.Edit("orders[*].creationTimestamp", "value", said)
            for route in ("Order/search", "Order/v2/query", "Order/searchOpen"):
                pair.faults.add(Fault(where=route, what=edit, times=None))
            drop = f.DropEvents("GatewayUserOrder")
            pair.faults.add(Fault(where="hub/user", what=drop, times=None))
            order = await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
            await asyncio.sleep(20)
            (belief,) = [one for one in pair.tsx.state.orders(account) if one.id == order.id]
            at = datetime(2026, 11, 23, 14, 59, 58, 123_000, tzinfo=UTC)
            created = belief.order.creation_timestamp
            assert (created.utcoffset(), abs((created - at).total_seconds()) < 0.001) == (
                at.utcoffset(),
                True,
            )

    run()


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity", "1E+999"])
def test_W05_numbers_that_are_none_are_refused_and_counted(raw: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            quote, malformed = await quoted(pair, raw)
            assert malformed >= 1
            assert quote is None or quote.last is None or quote.last.is_finite()

    run()


async def _trades(pair: Pair, fault: Fault) -> Log:
    account, contract = await practice(pair), await mnq(pair)
    await pair.tsx.ready(account)
    log = Log(pair)
    pair.faults.add(fault)
    await pair.tsx.desk(account, contract).buy(2, at=Market())
    await asyncio.sleep(3)
    await until_same(pair)
    assert mode(pair) is Mode.ACTIVE
    return log


@virtual
async def test_W06_members_that_nobody_knows_are_passed_over() -> None:
    async with Pair() as pair:
        new = f.EditEvents("[0].data.brandNew", "value", {"deep": [1]}, "*")
        log = await _trades(pair, Fault(where="hub/user", what=new, times=None))
        assert not log.of(PayloadMalformed, GapSuspected)


_DUPLICATE = (
    '{"type":1,"target":"GatewayUserTrade","arguments":[{"action":1,"data":{"id":1,"id":2,'
    f'"accountId":{PRACTICE_ID}' + "}}]}"
)


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(f.EditEvents("[0].data.size", "value", "two", "GatewayUserTrade"), id="W07"),
        pytest.param(f.ReplaceEvents(_DUPLICATE, "GatewayUserTrade"), id="W08"),
    ],
)
def test_W07_W08_what_breaks_the_contract_is_a_gap_that_is_looked_up(what: Any) -> None:  # noqa: ANN401  any event fault
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            log = await _trades(pair, Fault(where="hub/user", what=what))
            assert log.of(PayloadMalformed)
            assert log.of(GapSuspected)

    run()


@virtual
async def test_W13_a_price_off_the_grid_never_leaves() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk: Any = pair.tsx.desk(account, contract)
        before = len(pair.truth.requests)
        ways: tuple[Callable[..., Awaitable[object]], ...] = (desk.buy, desk.sell)
        for way in ways:
            with pytest.raises(PriceOffGrid, match=r"29000\.01"):
                await way(1, at=Limit("29000.01"))
        assert [one.verb for one in pair.truth.requests[before:] if one.verb == "place"] == []
