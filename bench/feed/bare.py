"""The measure of the others: picows and msgspec with the types of the library, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Self

import msgspec
import picows
from msgspec import Raw, Struct

from bench.feed.script import ACCOUNT, DEPTH, ORDER, POSITION, QUOTE, TAPE, TRADE
from topstepx.wire import hub_models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.feed.tally import Key, Server, Tally


class _Envelope(Struct):
    target: str
    arguments: tuple[Raw, ...]


_envelope = msgspec.json.Decoder(_Envelope).decode
_text = msgspec.json.Decoder(str).decode
_quote = msgspec.json.Decoder(hub_models.Quote).decode
_tape_rows = msgspec.json.Decoder(tuple[hub_models.TapeTrade, ...]).decode
_depth_rows = msgspec.json.Decoder(tuple[hub_models.DepthRow, ...]).decode
_order = msgspec.json.Decoder(hub_models.UserOrder).decode
_trade = msgspec.json.Decoder(hub_models.UserTrade).decode
_position = msgspec.json.Decoder(hub_models.UserPosition).decode
_account = msgspec.json.Decoder(hub_models.UserAccount).decode


class _Bare(picows.WSListener):
    """Decodes into the types of the library, in the callback, without a check or a queue."""

    def __init__(self, tally: Tally, about: str) -> None:
        self._tally, self._about = tally, about

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        transport.send(picows.WSMsgType.TEXT, b'{"protocol":"json","version":1}\x1e')

    def on_ws_frame(self, _transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        for record in frame.get_payload_as_bytes().split(b"\x1e")[:-1]:
            if record != b"{}":
                message = _envelope(record)
                self._take(message.target, message.arguments)

    def _take(self, target: str, arguments: tuple[Raw, ...]) -> None:
        saw = self._tally.saw
        if target == DEPTH:
            saw((DEPTH, _text(arguments[0])), _depth_rows(arguments[1])[0].volume)
        elif target == QUOTE:
            number = _quote(arguments[1]).volume
            assert type(number) is int
            saw((QUOTE, _text(arguments[0])), number)
        elif target == TAPE:
            saw((TAPE, _text(arguments[0])), _tape_rows(arguments[1])[0].volume)
        elif target == ORDER:
            saw((ORDER, self._about), _order(arguments[0]).data.id)
        elif target == TRADE:
            saw((TRADE, self._about), _trade(arguments[0]).data.id)
        else:
            (_position if target == POSITION else _account)(arguments[0])
            self._tally.counted()


@contextlib.asynccontextmanager
async def bare(server: Server, play: str, tally: Tally) -> AsyncIterator[None]:
    """As little as possible: picows and msgspec."""
    transport, _ = await picows.ws_connect(
        lambda: _Bare(tally, str(server.account_id)), f"ws://127.0.0.1:{server.port}/hubs/{play}"
    )
    await asyncio.sleep(0.05)  # the handshake's answer
    try:
        yield
    finally:
        transport.disconnect()
        await transport.wait_disconnected()


class _Queue:
    """The least that `async for` needs."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    def push(self, item: object) -> None:
        self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401  whatever was pushed
        while not self._items:
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._items.popleft()


class _BareQueues(_Bare):
    """The same, handed out as our client does: a queue and a reader for each contract and kind."""

    def __init__(self, tally: Tally, about: str) -> None:
        super().__init__(tally, about)
        self._facts = _Queue()
        self._queues: dict[Key, _Queue] = {}
        self.readers = [asyncio.create_task(_facts_bare(self._facts, tally, about))]

    def _take(self, target: str, arguments: tuple[Raw, ...]) -> None:
        if target in _PAYLOAD:
            self._queue((target, _text(arguments[0]))).push(_PAYLOAD[target](arguments[1]))
        else:
            self._facts.push(_USER[target](arguments[0]))

    def _queue(self, key: Key) -> _Queue:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue()
            self.readers.append(asyncio.create_task(_numbers(queue, key, self._tally)))
        return queue


_PAYLOAD: dict[str, Any] = {DEPTH: _depth_rows, QUOTE: _quote, TAPE: _tape_rows}
_USER: dict[str, Any] = {ORDER: _order, TRADE: _trade, POSITION: _position, ACCOUNT: _account}


async def _numbers(queue: _Queue, key: Key, tally: Tally) -> None:
    single = key[0] == QUOTE
    async for item in queue:
        tally.saw(key, item.volume if single else item[0].volume)


async def _facts_bare(queue: _Queue, tally: Tally, about: str) -> None:
    async for item in queue:
        _saw_fact(item, tally, about)


def _saw_fact(item: object, tally: Tally, about: str) -> None:
    if type(item) is hub_models.UserOrder:
        tally.saw((ORDER, about), item.data.id)
    elif type(item) is hub_models.UserTrade:
        tally.saw((TRADE, about), item.data.id)
    else:
        tally.counted()


@contextlib.asynccontextmanager
async def bare_queues(server: Server, play: str, tally: Tally) -> AsyncIterator[None]:
    """As little as possible for `async for`."""
    async with _reading(_BareQueues(tally, str(server.account_id)), server, play):
        yield


@contextlib.asynccontextmanager
async def _reading(
    listener: _BareQueues | _BareBatches, server: Server, play: str
) -> AsyncIterator[None]:
    url = f"ws://127.0.0.1:{server.port}/hubs/{play}"
    transport, _ = await picows.ws_connect(lambda: listener, url)
    await asyncio.sleep(0.05)
    try:
        yield
    finally:
        transport.disconnect()
        await transport.wait_disconnected()
        for reader in listener.readers:
            reader.cancel()
        await asyncio.gather(*listener.readers, return_exceptions=True)


class _Batches(_Queue):
    """The least that `async for` over all that waits needs."""

    async def __anext__(self) -> list[Any]:
        batch = [await super().__anext__(), *self._items]
        self._items.clear()
        return batch


class _BareBatches(_Bare):
    """The same, handed out in batches: a queue and a reader for each kind."""

    def __init__(self, tally: Tally, about: str) -> None:
        super().__init__(tally, about)
        self._facts = _Batches()
        self._queues = {kind: _Batches() for kind in _PAYLOAD}
        self.readers = [asyncio.create_task(_fact_batches(self._facts, tally, about))]
        for kind, queue in self._queues.items():
            self.readers.append(asyncio.create_task(_number_batches(queue, kind, tally)))

    def _take(self, target: str, arguments: tuple[Raw, ...]) -> None:
        if target in _PAYLOAD:
            self._queues[target].push((_text(arguments[0]), _PAYLOAD[target](arguments[1])))
        else:
            self._facts.push(_USER[target](arguments[0]))


async def _number_batches(queue: _Batches, kind: str, tally: Tally) -> None:
    single = kind == QUOTE
    async for batch in queue:
        for contract_id, item in batch:
            tally.saw((kind, contract_id), item.volume if single else item[0].volume)


async def _fact_batches(queue: _Batches, tally: Tally, about: str) -> None:
    async for batch in queue:
        for item in batch:
            _saw_fact(item, tally, about)


@contextlib.asynccontextmanager
async def bare_batches(server: Server, play: str, tally: Tally) -> AsyncIterator[None]:
    """As little as possible for `async for` over batches."""
    async with _reading(_BareBatches(tally, str(server.account_id)), server, play):
        yield
