"""O08: a kept connection that died while idle, found out only by the order that is written to it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.sockets.test_once import client_of, low_price
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.terms import Limit
from topstepx.errors import TopstepxError
from topstepx.sim.server import SimServer
from topstepx.testing.proxy import FaultProxy

SYMBOLS = ("MNQ", "MES", "NQ", "ES", "MYM", "M2K")


async def _run() -> None:
    async with SimServer() as sim, FaultProxy(sim.port) as proxy, client_of(sim, proxy) as tsx:
        account = await tsx.accounts.one(PRACTICE)
        await tsx.ready(account)
        struck = placed = 0
        for number, symbol in enumerate(SYMBOLS):  # one that is lost keeps its own contract closed
            contract = await tsx.contracts.front(symbol)
            desk, price = tsx.desk(account, contract), await low_price(tsx, contract)
            await tsx.orders.open(account)  # a connection that is kept
            struck += proxy.reset()
            with suppress(TopstepxError):
                await desk.buy(1, at=Limit(price), key=f"n{number}")
                placed += 1
        assert struck >= len(SYMBOLS), "there was a connection to break each time"
        requests = [one for one in sim.gateway.venue.truth.requests if one.verb == "place"]
        tags = [getattr(one.request, "custom_tag", None) for one in requests]
        assert len(tags) == len(set(tags)), "an order was sent twice"
        working = sim.gateway.venue.truth.working(PRACTICE_ID)
        assert placed <= len(working) <= len(SYMBOLS)
        shown = await tsx.orders.open(account)
        assert len(shown) == len(working), "a broken connection is replaced"


def test_o08_a_stale_connection_never_repeats_an_order() -> None:
    asyncio.run(_run())
