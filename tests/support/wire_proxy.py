"""A TCP proxy between client and server that is slow, or cuts one request at a chosen step."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable

Step = Literal[
    "head came",
    "body came",
    "half passed on",
    "all passed on",
    "answer began",
    "answer nearly whole",
]
STEPS: tuple[Step, ...] = (
    "head came",
    "body came",
    "half passed on",
    "all passed on",
    "answer began",
    "answer nearly whole",
)


@dataclass
class Cut:
    """Cut the connection of the next request whose path ends so, at this step."""

    path: str
    step: Step


class Proxy:
    """Use as a context manager; `delay_s` is how long each request is held before it goes on."""

    def __init__(self, target: int, delay_s: Callable[[], float] | None = None) -> None:
        self._target, self._delay_s = target, delay_s
        self.cut: Cut | None = None
        self.seen: list[str] = []
        """The path of every request that came, whole or not."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server, out = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._one(client, back, server, out):
                    pass
        finally:
            self._tasks.discard(task)
            for writer in (back, out):
                writer.transport.abort()

    async def _one(
        self,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        out: asyncio.StreamWriter,
    ) -> bool:
        """One request and its answer; False when the connection is to be cut."""
        head = await client.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        self.seen.append(path)
        step = None
        if self.cut is not None and path.endswith(self.cut.path):
            step, self.cut = self.cut.step, None
        if step == "head came":
            return False
        request = head + await client.readexactly(_length(head))
        if step == "body came":
            return False
        if self._delay_s is not None:
            await asyncio.sleep(self._delay_s())
        if step == "half passed on":
            out.write(request[: len(request) // 2])
            await out.drain()
            return False
        out.write(request)
        answer = await server.readuntil(b"\r\n\r\n")
        if step == "all passed on":
            return False
        answer += await server.readexactly(_length(answer))
        if step == "answer began":
            answer = answer[:12]
        elif step == "answer nearly whole":
            answer = answer[:-1]
        back.write(answer)
        await back.drain()
        if step is not None:
            back.close()
            await back.wait_closed()
        return step is None


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return 0 if at < 0 else int(lowered[at + 15 :].split(b"\r\n", 1)[0])
