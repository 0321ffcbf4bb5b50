"""A REST server that does next to nothing, in a process of its own.

    python -m bench.feed.answers reads|orders

"reads" has two open positions to read, "orders" a flat account that may trade. It prints its port and the token that it gives out, and stops with whoever started it. Every answer is
there before it is asked for, but for orders, each of which has a number of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Play = Literal["reads", "orders"]

ACCOUNT = 26282001
MNQ = "CON.F.US.MNQ.Z26"


@contextmanager
def answering(play: Play) -> Iterator[tuple[str, str]]:
    """The address of such a server, and its token."""
    command = [sys.executable, "-m", "bench.feed.answers", play]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as server:
        assert server.stdout is not None
        port, token = server.stdout.readline().split()
        try:
            yield f"http://127.0.0.1:{port}", token
        finally:
            server.terminate()


def headers(token: str) -> dict[str, str]:
    """What every contender sends."""
    return {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "topstepx-python",
        "Authorization": f"Bearer {token}",
    }


def jwt() -> str:
    """A token that lives a day; nobody checks its signature."""

    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    now = int(time.time())
    return f"{part({'alg': 'none'})}.{part({'iat': now, 'exp': now + 86400})}.{'x' * 43}"


def answer(content: dict[str, object]) -> bytes:
    """A whole HTTP answer."""
    whole = {**content, "success": True, "errorCode": 0, "errorMessage": None}
    body = json.dumps(whole, separators=(",", ":")).encode()  # without spaces, as ASP.NET writes
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Date: Mon, 23 Nov 2026 15:00:00 GMT\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _position(number: int, contract: str) -> dict[str, object]:
    return {
        "id": 7_512_345 + number, "accountId": ACCOUNT, "contractId": contract,
        "creationTimestamp": "2026-11-23T15:04:05.123456+00:00", "type": 1, "size": 2,
        "averagePrice": 21503.25,
    }  # fmt: skip


def known(token: str, play: str) -> dict[bytes, bytes]:
    """The answer to each path that is asked for by name."""
    account = {
        "id": ACCOUNT, "name": "PRAC-1", "balance": 150000.0, "canTrade": True, "isVisible": True,
        "simulated": True,
    }  # fmt: skip
    contract = {
        "id": MNQ, "name": "MNQZ6", "description": "Micro E-mini Nasdaq-100", "tickSize": 0.25,
        "tickValue": 0.5, "activeContract": True, "symbolId": "F.US.MNQ",
    }  # fmt: skip
    positions = [_position(0, MNQ), _position(1, "CON.F.US.MES.Z26")]
    contents: dict[str, dict[str, object]] = {
        "auth/loginkey": {"token": token},
        "account/search": {"accounts": [account] if play == "orders" else []},
        "contract/searchbyid": {"contract": contract},
        "order/v2/query": {"orders": [], "totalCount": 0},
        "order/search": {"orders": []},
        "order/searchopen": {"orders": []},
        "trade/search": {"trades": []},
        "position/searchopen": {"positions": [] if play == "orders" else positions},
    }
    return {f"/api/{path}".encode(): answer(content) for path, content in contents.items()}


class Answers(asyncio.Protocol):
    """Looks at the path, skips the body, answers from memory."""

    orders = 3_400_000_000

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection; only its requests matter."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
            whole = end + 4 + length
            if len(self._buffer) < whole:
                return
            path, self._buffer = head.split(b" ", 2)[1], self._buffer[whole:]
            self._transport.write(self._answers.get(path) or self._other(path))

    def _other(self, path: bytes) -> bytes:
        if not path.endswith(b"order/place"):
            return answer({})
        Answers.orders += 1
        return answer({"orderId": Answers.orders})


async def serve() -> None:
    """Listen, say where, stop with the parent."""
    loop, token = asyncio.get_running_loop(), jwt()
    answers = known(token, sys.argv[1])
    server = await loop.create_server(lambda: Answers(answers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], token, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
