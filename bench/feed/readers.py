"""One client that listens to the scripted server; a process of its own, so that its CPU is only its own.

    python -m bench.feed.readers topstepx|topstepx+batches|bare|bare+async|bare+batches|pysignalr

The first line of its input is what the server said of itself, each further line a round:
{"play": "market"|"user", "pace": "blast"|"paced"}, answered with one line of figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import sys
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import topstepx
from bench.feed.bare import bare, bare_batches, bare_queues
from bench.feed.script import ACCOUNT, DEPTH, ORDER, POSITION, QUOTE, TAPE, TRADE, records
from bench.feed.script import expected as expected_of
from bench.feed.tally import Server, Tally
from topstepx import events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from topstepx.client import Client
    from topstepx.desk.event_stream import EventStream
    from topstepx.wire.hub_models import TapeTrade

_PATIENCE_S = 20.0


# ---- the whole client


@contextlib.asynccontextmanager
async def whole_client(
    server: Server, play: str, tally: Tally, *, batches: bool = False
) -> AsyncIterator[None]:
    """`async for` over every stream of the library, or over the batches of as few streams as do."""
    async with AsyncExitStack() as stack:
        tsx = await stack.enter_async_context(
            topstepx.connect(
                "sim",
                url=f"http://127.0.0.1:{server.port}",
                user_name=server.user_name,
                api_key=server.api_key,
            )
        )
        market = _market_batches if batches else _market
        user = _user_batches if batches else _user
        loops = await (market if play == "market" else user)(server, tsx, stack, tally)
        tasks = [asyncio.create_task(loop) for loop in loops]
        await asyncio.sleep(0)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result


async def _market(
    server: Server, tsx: Client, stack: AsyncExitStack, tally: Tally
) -> list[Coroutine[Any, Any, None]]:
    loops = []
    await tsx.contracts.available()
    for contract_id in server.contracts:
        contract = tsx.contracts.known(contract_id)
        depth = await stack.enter_async_context(tsx.market.depth(contract))
        quotes = await stack.enter_async_context(tsx.market.quotes(contract))
        tape = await stack.enter_async_context(tsx.market.trades(contract))
        loops += [_depth(depth, tally), _quotes(quotes, tally), _tape(tape, contract_id, tally)]
    return loops


async def _depth(stream: AsyncIterator[topstepx.Depth], tally: Tally) -> None:
    async for depth in stream:
        tally.saw((DEPTH, depth.contract_id), depth.rows[0].volume)


async def _quotes(stream: AsyncIterator[topstepx.Quote], tally: Tally) -> None:
    async for quote in stream:
        _saw_quote(quote, tally)


def _saw_quote(quote: topstepx.Quote, tally: Tally) -> None:
    tally.saw((QUOTE, quote.contract_id), quote.volume or 0)
    if quote.merged > 1:
        tally.merged += quote.merged - 1
        tally.counted(quote.merged - 1)


async def _tape(stream: AsyncIterator[TapeTrade], contract_id: str, tally: Tally) -> None:
    async for trade in stream:
        tally.saw((TAPE, contract_id), trade.volume)


async def _market_batches(
    server: Server, tsx: Client, stack: AsyncExitStack, tally: Tally
) -> list[Coroutine[Any, Any, None]]:
    await tsx.contracts.available()
    contracts = [tsx.contracts.known(contract_id) for contract_id in server.contracts]
    depth = await stack.enter_async_context(tsx.market.depth(*contracts))
    quotes = await stack.enter_async_context(tsx.market.quotes(*contracts))
    tape = await stack.enter_async_context(tsx.market.trades(*contracts))
    return [
        _depth_batches(depth.batches(), tally),
        _quote_batches(quotes.batches(), tally),
        _tape_batches(tape.batches(), tally),
    ]


async def _depth_batches(batches: AsyncIterator[list[topstepx.Depth]], tally: Tally) -> None:
    async for batch in batches:
        for depth in batch:
            tally.saw((DEPTH, depth.contract_id), depth.rows[0].volume)


async def _quote_batches(batches: AsyncIterator[list[topstepx.Quote]], tally: Tally) -> None:
    async for batch in batches:
        for quote in batch:
            _saw_quote(quote, tally)


async def _tape_batches(batches: AsyncIterator[list[TapeTrade]], tally: Tally) -> None:
    async for batch in batches:
        for trade in batch:
            tally.saw((TAPE, trade.contract_id or ""), trade.volume)


async def _user(
    server: Server, tsx: Client, _stack: AsyncExitStack, tally: Tally
) -> list[Coroutine[Any, Any, None]]:
    return [_facts(await _told(server, tsx), str(server.account_id), tally)]


async def _user_batches(
    server: Server, tsx: Client, _stack: AsyncExitStack, tally: Tally
) -> list[Coroutine[Any, Any, None]]:
    batches = (await _told(server, tsx)).batches()
    return [_fact_batches(batches, str(server.account_id), tally)]


async def _told(server: Server, tsx: Client) -> EventStream:
    accounts = await tsx.accounts.all(only_active=False)
    await tsx.ready(next(one for one in accounts if one.id == server.account_id))
    return tsx.events(*_OBSERVED)


_OBSERVED = (
    events.OrderObserved,
    events.TradeObserved,
    events.PositionObserved,
    events.AccountObserved,
)


async def _facts(facts: AsyncIterator[events.Event], about: str, tally: Tally) -> None:
    async for fact in facts:
        _saw_fact(fact, about, tally)


async def _fact_batches(
    batches: AsyncIterator[list[events.Event]], about: str, tally: Tally
) -> None:
    async for batch in batches:
        for fact in batch:
            _saw_fact(fact, about, tally)


def _saw_fact(fact: events.Event, about: str, tally: Tally) -> None:
    if isinstance(fact, events.OrderObserved):
        tally.saw((ORDER, about), fact.order.id)
    elif isinstance(fact, events.TradeObserved):
        tally.saw((TRADE, about), fact.trade.id)
    elif isinstance(fact, events.AccountObserved) and fact.source != "hub":
        pass  # a balance that the hub told is read again, and the books know nothing of the script's
    else:
        tally.counted()


# ---- the other library


@contextlib.asynccontextmanager
async def pysignalr(server: Server, play: str, tally: Tally) -> AsyncIterator[None]:
    """What it hands out: untyped dicts with floats."""
    client = import_module("pysignalr.client").SignalRClient(
        f"http://127.0.0.1:{server.port}/hubs/{play}"
    )
    opened = asyncio.Event()
    about = str(server.account_id)

    async def on_open() -> None:
        opened.set()

    async def on_depth(arguments: list[Any]) -> None:
        tally.saw((DEPTH, arguments[0]), arguments[1][0]["volume"])

    async def on_quote(arguments: list[Any]) -> None:
        tally.saw((QUOTE, arguments[0]), arguments[1]["volume"])

    async def on_tape(arguments: list[Any]) -> None:
        tally.saw((TAPE, arguments[0]), arguments[1][0]["volume"])

    async def on_order(arguments: list[Any]) -> None:
        tally.saw((ORDER, about), arguments[0]["data"]["id"])

    async def on_trade(arguments: list[Any]) -> None:
        tally.saw((TRADE, about), arguments[0]["data"]["id"])

    async def on_other(_arguments: list[Any]) -> None:
        tally.counted()

    client.on_open(on_open)
    callbacks = {DEPTH: on_depth, QUOTE: on_quote, TAPE: on_tape, ORDER: on_order, TRADE: on_trade}
    for target in (*callbacks, POSITION, ACCOUNT):
        client.on(target, callbacks.get(target, on_other))
    running = asyncio.create_task(client.run())
    await asyncio.wait_for(opened.wait(), 5)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# ---- rounds


CONTENDERS: dict[str, Callable[[Server, str, Tally], AbstractAsyncContextManager[None]]] = {
    "topstepx": whole_client,
    "topstepx+batches": partial(whole_client, batches=True),
    "bare": bare,
    "bare+async": bare_queues,
    "bare+batches": bare_batches,
    "pysignalr": pysignalr,
}


async def one_round(name: str, server: Server, play: str, pace: str) -> dict[str, Any]:
    """One play, from the first frame to the last event in the consumer's hands."""
    script = records(play, server.contracts, server.account_id, server.counts[play])
    paced = pace == "paced"
    if paced:
        script = script[: server.paced]
    tally = Tally(expected_of(script), paced=paced)
    async with CONTENDERS[name](server, play, tally):
        gc.collect()
        server.start(play, pace)
        start_cpu_ns, start_ns = time.process_time_ns(), time.monotonic_ns()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(tally.done.wait(), _PATIENCE_S)
        cpu_ns, wall_ns = time.process_time_ns() - start_cpu_ns, time.monotonic_ns() - start_ns
        await asyncio.sleep(0.02)  # whatever comes twice comes now
    lates = sorted(tally.lates or ())
    return {
        "sent": len(script),
        "delivered": len(script) - tally.missing,
        "merged": tally.merged,
        "cpu_us": cpu_ns / len(script) / 1000,
        "wall_s": wall_ns / 1e9,
        "p50_us": lates[len(lates) // 2] / 1000 if lates else None,
        "p99_us": lates[len(lates) * 99 // 100] / 1000 if lates else None,
    }


def main() -> None:
    name = sys.argv[1]
    server = Server(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        wanted = json.loads(line)
        print(json.dumps(asyncio.run(one_round(name, server, **wanted))), flush=True)


if __name__ == "__main__":
    main()
