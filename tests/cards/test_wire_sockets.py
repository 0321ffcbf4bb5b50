# ruff: noqa: N802  the numbers are the fault catalogue's
"""The wire rows that are about bytes, on real sockets: big, torn, cut short and poisoned.

Whole client, real server, fault proxy between them, as in `test_hubs_sockets.py`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.cards.test_hubs_sockets import SPEED, now_s, world
from tests.support.trading import PRACTICE_ID
from topstepx.core.link import LinkState
from topstepx.errors import TopstepxError
from topstepx.events import GapSuspected, HubReconnecting, PayloadMalformed, TradeObserved
from topstepx.sim import fault_kinds as f
from topstepx.testing import proxy_faults as w
from topstepx.testing.eventually import eventually
from topstepx.testing.hurry import hurried
from topstepx.wire.enums import Side

BOTH = pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
HUGE_ID = 9_007_199_254_740_993
_TWICE = (
    '{"type":1,"target":"GatewayUserTrade","arguments":[{"action":1,"data":{"id":1,"id":2,'
    f'"accountId":{PRACTICE_ID}' + "}}]}"
)


def said(contract_id: str, price: str) -> str:
    """A quote as text, with its last price written so."""
    return f'{{"type":1,"target":"GatewayQuote","arguments":["{contract_id}",{{"lastPrice":{price}}}]}}'


@BOTH
def test_W01_W02_W03_W05_numbers_in_torn_frames_are_exact_or_refused(hub_socket: str) -> None:
    """Each in frames of 61 bytes and packets of three, which tear every number apart."""

    @hurried(speed=2)  # torn into packets of three it is slow: time for pings to arrive
    async def body() -> None:
        async with world(hub_socket=hub_socket) as here:
            for hub in ("hub/user", "hub/market"):
                here.gateway(f.Slice(61), where=hub, times=None)
                here.wire(w.Slice(3), where=hub, direction="down")
            async with here.tsx.market.quotes(here.contract) as quotes:
                await anext(quotes)
                silent = f.DropEvents("GatewayQuote")
                here.gateway(silent, where="hub/market", times=None)
                exact = ("6335.250000000", "1E-7", "0.123456789012345678901234567891")
                for price in exact:
                    here.gateway(f.Say(said(here.contract.id, price)), where="hub/market")
                    await here.until_quoted(Decimal(price))
                before = here.tsx.health().malformed
                for price in ("NaN", "-Infinity", "1E+999"):
                    here.gateway(f.Say(said(here.contract.id, price)), where="hub/market")
                await eventually(lambda: here.tsx.health().malformed == before + 3, timeout_s=20)
                newest = here.tsx.market.newest(here.contract)
                assert newest is not None
                assert newest.last == Decimal(exact[-1]), "what cannot be read changes nothing"
            edit = f.EditEvents("[0].data.id", "value", HUGE_ID, "GatewayUserTrade")
            here.gateway(edit)
            await here.buy()
            await eventually(
                lambda: HUGE_ID in {fact.trade.id for fact in here.of(TradeObserved)}, timeout_s=20
            )
            assert not here.of(HubReconnecting)

    body()


@BOTH
def test_W07_W08_S23_poison_among_fifty_records_costs_a_gap_and_not_the_rest(
    hub_socket: str,
) -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world(hub_socket=hub_socket) as here:
            poison = ("{]", _TWICE, '{"type":1,"target":"GatewayUserOrder","arguments":[{"action"')
            for number, record in enumerate(poison, start=1):
                crowd = ['{"type":6}'] * 24 + [record] + ['{"type":6}'] * 25
                here.gateway(f.Say("\x1e".join(crowd)))
                here.elsewhere(Side.SELL if number % 2 else Side.BUY)
                await here.until_told(PayloadMalformed, number)
                await here.until_told(GapSuspected, number)
                await here.until_level()
            assert len(here.of(TradeObserved)) == len(poison)
            assert not here.of(HubReconnecting), "the connection is as good as before"

    body()


@BOTH
def test_a_hub_cut_off_inside_a_record_tells_nothing_of_it_and_comes_back_whole(
    hub_socket: str,
) -> None:
    """Wherever the line ends, politely or not: what came by half is not believed, and nothing is lost."""

    @hurried(speed=SPEED)
    async def body() -> None:
        async with world(hub_socket=hub_socket) as here:
            for number, (after, how) in enumerate(CUTS, start=1):
                lost = len(here.of(HubReconnecting))
                cut = here.wire(w.Truncate(after, how=how), direction="down", times=1)
                here.elsewhere(Side.BUY if number % 2 else Side.SELL)
                await here.until_told(HubReconnecting, lost + 1)
                here.proxy.remove(cut)
                await here.until_level()
                assert len(here.of(TradeObserved)) == number
            assert not here.of(PayloadMalformed), "half a record is no record"
            await here.buy()

    body()


CUTS: tuple[tuple[int, Any], ...] = ((1, "fin"), (60, "reset"), (333, "fin"), (700, "reset"))


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_hub_that_takes_or_gives_nothing_any_more_is_found(direction: w.Direction) -> None:
    """Buffers fill, nothing is lost, nothing moves."""

    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            await asyncio.sleep(4)
            stall = here.wire(w.Stall(), direction=direction)
            began = now_s()
            here.elsewhere()
            await here.until_told(HubReconnecting)
            assert now_s() - began < 35
            here.proxy.remove(stall)
            await here.until_level()
            assert len(here.of(TradeObserved)) == 1

    body()


def test_W10_a_page_at_the_cap_comes_whole_or_not_at_all() -> None:
    """Two megabytes in small packets; and one that ends in the middle is an error, never fewer bars."""

    @hurried(speed=2)
    async def body() -> None:
        async with world() as here:
            end = here.pair.now()
            route, read = "History/retrieveBars", here.tsx.market.bars
            here.wire(w.Slice(4099), where=route, direction="down")
            whole = await read(here.contract, "1m", start=end - timedelta(days=22), end=end)
            assert len(whole) > 20_000, "more than one page"
            assert len({bar.at for bar in whole}) == len(whole)
            here.proxy.clear()
            here.wire(w.Truncate(200_000), where=route, direction="down")
            with pytest.raises(TopstepxError):
                await read(here.contract, "1m", start=end - timedelta(days=4), end=end)
            assert here.tsx.health().user_hub is LinkState.LIVE

    body()
