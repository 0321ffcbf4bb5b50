"""What the SignalR codec costs per record, beside bare JSON parsers.

    python bench/codec.py [--rounds 15] [--records 2000] [--json]

Records are market events in the shapes that the gateway documents: half depth with 1 to 8 rows, a
third quotes, the rest trades. Every way gets the same bytes and takes its turn in every round; a
ratio is the median of the ratios within a round, because microseconds say more about the machine.
`orjson` takes part, as the measure of the others, when it is installed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from datetime import datetime
from decimal import Decimal
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import process_time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from topstepx.core.signalr import ClientConnection, Invocation, encode_invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    Way = Callable[[list[bytes]], int]

STAMP = "2026-08-19T20:51:31.4173693+00:00"


class Cost(NamedTuple):
    """Median processor time per record, and the median of its ratios to the first way."""

    microseconds: float
    ratio: float


def decoders(price: type) -> dict[str, msgspec.json.Decoder[Any]]:
    """What a consumer does with the arguments: its own types, with prices of this type."""
    quote = msgspec.defstruct(
        "Quote",
        [
            *((name, price) for name in ("lastPrice", "bestBid", "bestAsk")),
            *((name, datetime) for name in ("lastUpdated", "timestamp")),
            ("symbol", str),
            ("volume", int),
        ],
    )
    row = msgspec.defstruct(
        "Row", [("timestamp", datetime), ("type", int), ("price", price), ("volume", int)]
    )
    rows = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]  # made just above
    return {
        "GatewayQuote": msgspec.json.Decoder(quote),
        "GatewayDepth": rows,
        "GatewayTrade": rows,
    }


def event(chance: random.Random) -> bytes:
    """One market event as one record, separator included."""
    contract = f"CON.F.US.MNQ.{chance.choice('HMUZ')}26"
    price = Decimal(chance.randrange(80_000, 120_000)) / 4
    row = {"timestamp": STAMP, "price": price, "volume": chance.randrange(1, 90)}
    kind = chance.random()
    if kind < 0.5:
        depth = {**row, "type": chance.choice((3, 4)), "currentVolume": 0}
        return encode_invocation("GatewayDepth", [contract, [depth] * chance.randint(1, 8)])
    if kind < 0.85:
        quote = {"symbol": "F.US.MNQ", "lastPrice": price, "bestBid": price, "bestAsk": price}
        stamps = {"volume": 512_345, "lastUpdated": STAMP, "timestamp": STAMP}
        return encode_invocation("GatewayQuote", [contract, {**quote, **stamps}])
    trade = {"symbolId": "F.US.MNQ", **row, "type": 1, "contractId": contract}
    return encode_invocation("GatewayTrade", [contract, [trade]])


def opened() -> ClientConnection:
    connection = ClientConnection()
    connection.handshake_request()
    connection.receive(b"{}\x1e")
    return connection


def parse(loads: Callable[[bytes], object], frames: list[bytes]) -> int:
    """Bare parsing: split, parse, drop."""
    count = 0
    for frame in frames:
        for record in frame.split(b"\x1e")[:-1]:
            loads(record)
            count += 1
    return count


def receive(frames: list[bytes]) -> int:
    """The codec alone: messages with undecoded arguments."""
    connection, count = opened(), 0
    for frame in frames:
        for message in connection.receive(frame):
            if type(message) is Invocation:
                count += 1
    return count


def receive_typed(typed: dict[str, msgspec.json.Decoder[Any]], frames: list[bytes]) -> int:
    """The codec and the second stage: typed objects with parsed times."""
    connection, count = opened(), 0
    for frame in frames:
        for message in connection.receive(frame):
            if type(message) is Invocation:
                typed[message.target].decode(message.arguments[1])
                count += 1
    return count


def ways() -> dict[str, Way]:
    found: dict[str, Way] = {
        "json.loads, dropped": partial(parse, json.loads),
        "msgspec.json.decode, dropped": partial(parse, msgspec.json.decode),
        "codec, envelope only": receive,
        "codec, typed, float prices": partial(receive_typed, decoders(float)),
        "codec, typed, exact prices": partial(receive_typed, decoders(Decimal)),
    }
    if find_spec("orjson"):  # optional: not a dependency of ours
        loads = import_module("orjson").loads
        return {"orjson.loads, dropped": partial(parse, loads), **found}
    return found


def measure(frames: list[bytes], records: int, rounds: int) -> dict[str, Cost]:
    """The cost of each way, the first being the measure of the others."""
    contenders = ways()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            start = process_time_ns()
            count = run(frames)
            taken[name].append((process_time_ns() - start) / records / 1000)
            assert count == records, f"{name} took {count} of {records} records"
    base = next(iter(taken.values()))
    return {
        name: Cost(
            statistics.median(times),
            statistics.median(mine / its for mine, its in zip(times, base, strict=True)),
        )
        for name, times in taken.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of the SignalR codec per record.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    chance = random.Random(7)
    events = [event(chance) for _ in range(options.records)]
    size = statistics.mean(map(len, events))
    found: dict[int, dict[str, Cost]] = {}
    for per_frame in (1, 8):
        starts = range(0, len(events), per_frame)
        frames = [b"".join(events[start : start + per_frame]) for start in starts]
        found[per_frame] = measure(frames, len(events), options.rounds)
    if options.json:
        costs = {
            per_frame: {name: cost._asdict() for name, cost in table.items()}
            for per_frame, table in found.items()
        }
        print(json.dumps({"records": len(events), "mean_bytes": size, "per_frame": costs}))
        return
    print(f"{len(events)} records, mean {size:.0f} bytes")
    for per_frame, table in found.items():
        print(f"\n{per_frame} per frame{'us/record':>28}   ratio")
        for name, cost in table.items():
            print(f"  {name:30} {cost.microseconds:7.2f}  {cost.ratio:6.2f}")


if __name__ == "__main__":
    main()
