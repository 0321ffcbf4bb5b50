"""Decoding cost of market data: SignalR records to typed objects, CPU per record.

    python bench/decode.py [rounds]

Each contender decodes the same records (half depth with 1 to 8 rows, a third quotes, the rest
trades) in turns, so that a busy machine slows all of them alike; the figure is the median round.
orjson is the yardstick where it is installed (it comes with requirements/bench.txt).
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.core.signalr.messages import decode as decode_record
from topstepx.wire.hub_events import decode_event
from topstepx.wire.hub_models import DepthRow, Quote, TapeTrade

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT = "CON.F.US.MNQ.U26"
ROUNDS = 21


def records(count: int, chance: random.Random) -> list[bytes]:
    """SignalR records without their separator."""

    def moment(digits: int) -> str:
        fraction = chance.randrange(10**digits)
        return f"2026-08-19T20:51:{chance.randrange(60):02}.{fraction:0{digits}}+00:00"

    def price() -> float:
        return 29500 + chance.randrange(400) / 4

    def event() -> tuple[str, object]:
        kind = chance.random()
        if kind < 0.5:
            rows = [
                {
                    "timestamp": moment(7),
                    "type": chance.randrange(1, 5),
                    "price": price(),
                    "volume": chance.randrange(20),
                    "currentVolume": chance.randrange(20),
                }
                for _ in range(chance.randrange(1, 9))
            ]
            return "GatewayDepth", rows
        if kind < 0.85:
            quote = {"symbol": "F.US.MNQ", "bestBid": price(), "bestAsk": price()}
            if chance.random() < 0.5:
                quote |= {"lastPrice": price(), "change": 12.5, "changePercent": 0.04}
                quote |= {"volume": chance.randrange(1_000_000)}
            quote |= {"lastUpdated": moment(7), "timestamp": moment(3), "contract": CONTRACT}
            return "GatewayQuote", quote
        trade = {"symbolId": "F.US.MNQ", "price": price(), "timestamp": moment(3)}
        trade |= {"type": chance.randrange(2), "volume": 1, "contractId": CONTRACT}
        return "GatewayTrade", [trade]

    made = []
    for _ in range(count):
        target, payload = event()
        record = {"type": 1, "target": target, "arguments": [CONTRACT, payload]}
        made.append(json.dumps(record, separators=(",", ":")).encode())
    return made


def ours(record: bytes) -> object:
    message: Any = decode_record(record)
    return decode_event(message.target, message.arguments)


class Envelope(msgspec.Struct):
    """The least that finds the target."""

    target: str
    arguments: tuple[msgspec.Raw, ...]


_envelope = msgspec.json.Decoder(Envelope).decode
_bare: dict[str, Callable[[msgspec.Raw], object]] = {
    "GatewayQuote": msgspec.json.Decoder(Quote).decode,
    "GatewayTrade": msgspec.json.Decoder(list[TapeTrade]).decode,
    "GatewayDepth": msgspec.json.Decoder(list[DepthRow]).decode,
}


def bare(record: bytes) -> object:
    message = _envelope(record)
    return _bare[message.target](message.arguments[1])


def contenders() -> dict[str, Callable[[bytes], object]]:
    found: dict[str, Callable[[bytes], object]] = {}
    with contextlib.suppress(ImportError):
        found["orjson.loads, untyped"] = import_module("orjson").loads
    found["topstepx, typed and checked"] = ours
    found["bare msgspec, two stages, typed"] = bare
    found["topstepx, envelope alone"] = decode_record
    found["json.loads, untyped"] = json.loads
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    sample = records(2000, random.Random(1))
    size = statistics.fmean(map(len, sample))
    print(f"{len(sample)} records of {size:.0f} bytes, median of {rounds} interleaved rounds")
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, decode in contenders().items():
            start = time.process_time_ns()
            for record in sample:
                decode(record)
            spent = time.process_time_ns() - start
            taken.setdefault(name, []).append(spent / len(sample) / 1000)
    base_name = next(iter(taken))
    base = statistics.median(taken[base_name])
    for name, times in taken.items():
        middle = statistics.median(times)
        print(f"{name:34} {middle:6.2f} us  {middle / base:5.2f} x {base_name}")


if __name__ == "__main__":
    main()
