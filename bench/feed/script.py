"""What the scripted server plays: the same records for the server and for those who count them.

Half of the market's records are depth with 1 to 8 rows, a third quotes, the rest trades. Each carries
one number that only grows: how many went before it, or in a paced play the moment it was sent.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DEPTH, QUOTE, TAPE = "GatewayDepth", "GatewayQuote", "GatewayTrade"
ORDER, TRADE = "GatewayUserOrder", "GatewayUserTrade"
POSITION, ACCOUNT = "GatewayUserPosition", "GatewayUserAccount"
RATE = 1000
"""Records per second of a paced play."""

_NUMBER = 987654321
_STAMP = "2026-08-19T20:51:{:02}.{:0{}}+00:00"


class Record(NamedTuple):
    """One record, cut open where its number goes."""

    target: str
    about: str
    head: bytes
    tail: bytes

    def frame(self, number: int) -> bytes:
        """The record as a WebSocket message of a server."""
        payload = b"%b%d%b\x1e" % (self.head, number, self.tail)
        if len(payload) < 126:
            return bytes((0x81, len(payload))) + payload
        return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


def records(play: str, contracts: Sequence[str], account_id: int, count: int) -> list[Record]:
    """The records of a play, "market" or "user"; always the same for the same arguments."""
    chance = random.Random(7)
    if play == "market":
        return [_market(chance, chance.choice(contracts)) for _ in range(count)]
    return [_user(chance, contracts[0], account_id, index) for index in range(count)]


def expected(script: Sequence[Record]) -> Counter[tuple[str, str]]:
    """How many of each kind there are for each contract (or account)."""
    return Counter((record.target, record.about) for record in script)


def _moment(chance: random.Random, digits: int) -> str:
    return _STAMP.format(chance.randrange(60), chance.randrange(10**digits), digits)


def _price(chance: random.Random) -> float:
    return 29500 + chance.randrange(400) / 4


def _market(chance: random.Random, contract: str) -> Record:
    kind = chance.random()
    if kind < 0.5:
        rows = [
            {
                "timestamp": _moment(chance, 7),
                "type": chance.randrange(1, 5),
                "price": _price(chance),
                "volume": chance.randrange(20),
                "currentVolume": chance.randrange(20),
            }
            for _ in range(chance.randrange(1, 9))
        ]
        rows[0]["volume"] = _NUMBER
        return _cut(DEPTH, contract, [contract, rows])
    if kind < 0.85:
        quote: dict[str, object] = {"symbol": "F.US.MNQ"}
        quote |= {"bestBid": _price(chance), "bestAsk": _price(chance)}
        if chance.random() < 0.5:
            quote |= {"lastPrice": _price(chance), "change": 12.5, "changePercent": 0.04}
        quote |= {"volume": _NUMBER, "lastUpdated": _moment(chance, 7)}
        quote |= {"timestamp": _moment(chance, 3), "contract": contract}
        return _cut(QUOTE, contract, [contract, quote])
    trade = {"symbolId": "F.US.MNQ", "price": _price(chance), "timestamp": _moment(chance, 3)}
    trade |= {"type": chance.randrange(2), "volume": _NUMBER, "contractId": contract}
    return _cut(TAPE, contract, [contract, [trade]])


def _user(chance: random.Random, contract: str, account_id: int, index: int) -> Record:
    kind = chance.random()
    stamp = "2026-08-19T20:51:31.4173693+00:00"
    base = {"id": _NUMBER, "accountId": account_id, "contractId": contract}
    about = str(account_id)
    if kind < 0.5:
        order = {**base, "symbolId": "F.US.MNQ", "creationTimestamp": stamp}
        order |= {"updateTimestamp": stamp, "status": 1, "type": 1, "side": 0, "size": 1}
        order |= {"limitPrice": _price(chance), "fillVolume": 0, "customTag": "bench"}
        return _cut(ORDER, about, [{"action": 1, "data": order}])
    if kind < 0.7:
        trade = {**base, "creationTimestamp": stamp, "price": _price(chance), "fees": 0.37}
        # A few fills for each order: nobody has thousands of one.
        trade |= {"side": 0, "size": 1, "voided": False, "orderId": 3_400_000_000 + index // 16}
        return _cut(TRADE, about, [{"action": 0, "data": trade}])
    if kind < 0.9:
        position = {"id": 771, "accountId": account_id, "contractId": contract}
        position |= {"creationTimestamp": stamp, "type": 1, "size": chance.randrange(1, 9)}
        position |= {"averagePrice": 29500 + index / 4}  # each is news
        return _cut(POSITION, about, [{"action": _NUMBER, "data": position}])
    account = {"id": account_id, "name": "PRAC-V2-1", "balance": 50_000 + index}
    account |= {"canTrade": True, "isVisible": True, "simulated": True}
    return _cut(ACCOUNT, about, [{"action": _NUMBER, "data": account}])


def _cut(target: str, about: str, arguments: list[object]) -> Record:
    text = json.dumps(
        {"type": 1, "target": target, "arguments": arguments}, separators=(",", ":")
    ).encode()
    head, number, tail = text.partition(str(_NUMBER).encode())
    assert number
    return Record(target, about, head, tail)
