"""A server that plays prepared frames as fast as they are taken, or a thousand a second.

    python -m bench.feed.server < one line: {"contracts": 50, "records": 20000, "paced": 2000}

REST is the simulated gateway's; the hubs take any client, confirm any subscription, and play when
somebody posts to `/play/{market|user}/{blast|paced}`. Ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

from aiohttp import WSMsgType, web

from bench.feed.script import RATE, Record, records
from topstepx.clock import NANOSECONDS
from topstepx.sim.catalogue import ACCOUNTS, Catalogue
from topstepx.sim.gateway import Gateway
from topstepx.sim.server_connections import Door, wants_websocket

_PIECE = 64 * 1024
_UNSENT_MAX = 1024 * 1024
_BEFORE_S = 0.05
"""Between the answer to `play` and the first frame: time to look at the clocks."""


class Player:
    """The handler of every request."""

    def __init__(self, gateway: Gateway, scripts: dict[str, list[Record]], paced: int) -> None:
        self._door = Door(gateway, _now, 1.0, asyncio.Event())
        self._scripts = scripts
        self._paced = paced
        self._pieces = {play: _pieces(script) for play, script in scripts.items()}
        self._open: dict[str, asyncio.Transport] = {}
        self._playing: set[asyncio.Task[None]] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        if wants_websocket(request):
            return await self._hub(request)
        if request.path.endswith("/negotiate"):
            transports = [{"transport": "WebSockets", "transferFormats": ["Text"]}]
            return web.json_response({"connectionId": "bench", "availableTransports": transports})
        if request.path.startswith("/play/"):
            _, _, play, pace = request.path.split("/")
            task = asyncio.create_task(self._play(play, pace))
            self._playing.add(task)
            task.add_done_callback(self._playing.discard)
            return web.Response()
        return await self._door.answer(request)

    async def _hub(self, request: web.BaseRequest) -> web.StreamResponse:
        websocket = web.WebSocketResponse(compress=False)
        await websocket.prepare(request)
        hub = request.path.rpartition("/")[2]
        async for message in websocket:
            assert message.type is WSMsgType.TEXT
            for record in message.data.split("\x1e")[:-1]:
                said = json.loads(record)
                if "protocol" in said:
                    await websocket.send_str("{}\x1e")
                    assert isinstance(request.transport, asyncio.Transport)
                    self._open[hub] = request.transport
                elif said["type"] == 1 and said.get("invocationId"):
                    done = {"type": 3, "invocationId": said["invocationId"], "result": None}
                    await websocket.send_str(json.dumps(done) + "\x1e")
        return websocket

    async def _play(self, play: str, pace: str) -> None:
        await asyncio.sleep(_BEFORE_S)
        transport = self._open[play]
        if pace == "paced":
            await _paced(transport, self._scripts[play][: self._paced])
            return
        for piece in self._pieces[play]:
            transport.write(piece)
            while transport.get_write_buffer_size() > _UNSENT_MAX:  # noqa: ASYNC110  nobody tells when
                await asyncio.sleep(0.0005)


def _pieces(script: list[Record]) -> list[bytes]:
    """The frames of a script in pieces of whole frames: between two of them a pong may go out."""
    pieces, piece = [], bytearray()
    for number, record in enumerate(script, 1):
        piece += record.frame(number)
        if len(piece) >= _PIECE or number == len(script):
            pieces.append(bytes(piece))
            piece.clear()
    return pieces


async def _paced(transport: asyncio.Transport, script: list[Record]) -> None:
    start_ns = time.monotonic_ns()
    for number, record in enumerate(script):
        due_ns = start_ns + number * NANOSECONDS // RATE
        rest_ns = due_ns - time.monotonic_ns()
        if rest_ns > 0:  # the loop's own timers are only good for whole milliseconds
            time.sleep(rest_ns / NANOSECONDS)  # noqa: ASYNC251  nothing else is to be done meanwhile
        transport.write(record.frame(time.monotonic_ns()))
        if number % 50 == 0:
            await asyncio.sleep(0)


def _now() -> datetime:
    return datetime.now(UTC)


async def main() -> None:
    options = json.loads(sys.stdin.readline())
    gateway = Gateway.build(at=_now(), limited=False)
    available = Catalogue().available(live=False, now=_now())
    contracts = [contract.id for contract in available][: options["contracts"]]
    account_id = ACCOUNTS[0].id
    count = {"market": options["records"], "user": options["records"] // 4}
    scripts = {play: records(play, contracts, account_id, count[play]) for play in count}
    runner = web.ServerRunner(web.Server(Player(gateway, scripts, options["paced"]).answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    about = {
        "port": runner.addresses[0][1],
        "user_name": gateway.user_name,
        "api_key": gateway.api_key,
        "contracts": contracts,
        "account_id": account_id,
        "counts": count,
        "paced": options["paced"],
    }
    print(json.dumps(about), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
