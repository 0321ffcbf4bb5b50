"""One connection through the fault proxy: two ways, each spoilt by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, Protocol

from topstepx.testing.proxy_faults import (
    BlackHole,
    CutAt,
    Direction,
    HalfOpen,
    Latency,
    Passage,
    PlannedWireFault,
    Reset,
    Slice,
    Stall,
    Throttle,
    Truncate,
    matches,
)
from topstepx.testing.proxy_http import Answers, Requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.testing.proxy_faults import Step, WirePlan
    from topstepx.testing.proxy_http import Piece

_NEVER_LINGER: Final = struct.pack("ii", 1, 0)
_QUEUE_BYTES_MAX: Final = 256 * 1024
_THROTTLE_STEP_S: Final = 0.02
_ANSWER_BEGAN_BYTES: Final = 12
_GOODBYE_S: Final = 1.0
_OVER: Final = (ConnectionError, OSError)


class Owner(Protocol):
    """What a line asks its proxy."""

    target: int
    target_host: str

    @property
    def plan(self) -> WirePlan:
        """The faults."""
        ...

    def now_s(self) -> float:
        """Seconds since the proxy started."""
        ...

    def chance(self) -> float:
        """A number from 0 to 1."""
        ...

    def begin(self, place: str) -> Passage:
        """A passage begins."""
        ...


class Line:
    """Client, server, and what lies between. The server is dialled when there is something for it."""

    BUFFER_BYTES = 64 * 1024

    def __init__(
        self, owner: Owner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.owner = owner
        self.passages: list[Passage] = []
        self._answers = Answers()
        self._requests = Requests(self._begin, self._answers)
        self._client = writer
        self._server: asyncio.StreamWriter | None = None
        self._over = asyncio.Event()
        self._ways = {"up": _Way(self, "up", self._requests.feed)}
        self._reader = reader
        self._running: asyncio.TaskGroup | None = None
        self._left = 0
        self._place = ""

    async def run(self) -> None:
        """Until both sides are done, or `end`."""
        try:
            async with asyncio.TaskGroup() as group:
                self._running = group
                self._start(self._ways["up"], self._reader)
                await self._over.wait()
                for way in self._ways.values():
                    way.stop()
                await self._say_goodbye()
        finally:
            self.end("fin")
            for passage in self.passages:
                self.owner.plan.forget(passage)

    def _start(self, way: _Way, reader: asyncio.StreamReader) -> None:
        if self._running is not None:
            self._left += 1
            way.start(self._running, reader)

    async def dial(self) -> asyncio.StreamWriter | None:
        """The server's end; None when it cannot be reached, which ends the line."""
        if self._server is None:
            try:
                reader, self._server = await asyncio.open_connection(
                    self.owner.target_host, self.owner.target, limit=self.BUFFER_BYTES
                )
            except OSError:
                self.end("reset")
                return None
            way = self._ways["down"] = _Way(self, "down", self._answers.feed)
            way.dead = self._ways["up"].dead and way.dead
            self._start(way, reader)
        return self._server

    @property
    def client(self) -> asyncio.StreamWriter:
        """The client's end."""
        return self._client

    def is_at(self, where: str) -> bool:
        """Whether it carries something of that place now, or did when it last carried anything."""
        return matches(where, self._place)

    def way_done(self) -> None:
        """A way has come to its end and said so on the other side."""
        self._left -= 1
        if not self._left:
            self._over.set()

    def swallow(self) -> None:
        """Both ways are dead from now on."""
        for way in self._ways.values():
            way.dead = True

    async def _say_goodbye(self) -> None:
        """Let what was written leave, within reason; after a reset there is nothing left to say."""
        for writer in (self._client, self._server):
            if writer is not None and not writer.transport.is_closing():
                with contextlib.suppress(TimeoutError, *_OVER):
                    async with asyncio.timeout(_GOODBYE_S):
                        writer.close()
                        await writer.wait_closed()

    def end(self, how: Literal["fin", "reset"]) -> None:
        """Hang up on both sides."""
        for writer in (self._client, self._server):
            if writer is not None and not writer.transport.is_closing():
                _hang_up(writer, reset=how == "reset")
        self._over.set()

    def look_again(self) -> None:
        """The plan has changed."""
        for way in self._ways.values():
            way.look_again()

    def _begin(self, place: str) -> Passage:
        self._place = place
        passage = self.owner.begin(place)
        self.passages.append(passage)
        for planned in self.owner.plan.striking(passage, "up", self.owner.now_s()):
            if isinstance(planned.fault.what, CutAt):
                passage.cut = planned.fault.what.step
        return passage

    def passed(self, passage: Passage) -> None:
        """Its answer is delivered, or swallowed."""
        self.passages.remove(passage)
        self.owner.plan.forget(passage)


class _Way:
    """One direction: a task that reads and one that delivers, with a bounded queue in between."""

    def __init__(
        self, line: Line, direction: Direction, feed: Callable[[bytes], list[Piece]]
    ) -> None:
        self.dead = False
        self._line, self._direction, self._feed = line, direction, feed
        self._queue: deque[tuple[float, Piece | None]] = deque()
        self._queued_bytes = 0
        self._news, self._room, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._passed_bytes: dict[PlannedWireFault, int] = {}
        self._held: list[bytes] = []
        self._due_s = 0.0

    def start(self, group: asyncio.TaskGroup, reader: asyncio.StreamReader) -> None:
        """Begin to carry."""
        self._tasks = [group.create_task(self._read(reader)), group.create_task(self._carry())]

    def stop(self) -> None:
        """Carry nothing more."""
        for task in self._tasks:
            task.cancel()

    def look_again(self) -> None:
        """The plan has changed."""
        self._changed.set()

    def _striking(self, passage: Passage) -> list[PlannedWireFault]:
        owner = self._line.owner
        return owner.plan.striking(passage, self._direction, owner.now_s())

    # -- reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                data = await reader.read(Line.BUFFER_BYTES)
            except _OVER:
                if not self.dead:
                    self._line.end("reset")
                data = b""
            if not data:
                self._queue.append((self._due_s, None))
                self._news.set()
                return
            for piece in self._feed(data):
                self._due_s = max(self._due_s, self._line.owner.now_s() + self._late_s(piece))
                self._queue.append((self._due_s, piece))
                self._queued_bytes += len(piece.data)
            self._news.set()
            while self._queued_bytes > _QUEUE_BYTES_MAX:
                self._room.clear()
                await self._room.wait()

    def _late_s(self, piece: Piece) -> float:
        late_s = 0.0
        for planned in self._striking(piece.passage):
            what = planned.fault.what
            if isinstance(what, Latency):
                late_s += what.seconds + what.jitter_s * self._line.owner.chance()
        return late_s

    # -- delivering

    async def _carry(self) -> None:
        while True:
            while not self._queue:
                self._news.clear()
                await self._news.wait()
            due_s, piece = self._queue.popleft()
            wait_s = due_s - self._line.owner.now_s()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            if piece is None:
                break
            await self._deliver(piece)
            self._queued_bytes -= len(piece.data)
            self._room.set()
            if piece.ends and self._direction == "down":
                self._line.passed(piece.passage)
        if not self.dead:
            await self._pass_end_on()
        self._line.way_done()

    async def _writer(self) -> asyncio.StreamWriter | None:
        return self._line.client if self._direction == "down" else await self._line.dial()

    async def _pass_end_on(self) -> None:
        writer = self._line.client if self._direction == "down" else await self._line.dial()
        with contextlib.suppress(*_OVER):
            if writer is not None and not writer.transport.is_closing():
                writer.write_eof()

    async def _deliver(self, piece: Piece) -> None:
        while any(isinstance(one.fault.what, Stall) for one in self._striking(piece.passage)):
            self._changed.clear()
            await self._changed.wait()
        struck = self._striking(piece.passage)
        if any(isinstance(one.fault.what, BlackHole) for one in struck):
            self._line.swallow()
        if any(isinstance(one.fault.what, Reset) for one in struck):
            self._line.end("reset")
        if self.dead:
            return
        data, then = self._cut(piece)
        for planned in struck:
            data, then = self._shortened(planned, data, then)
        await self._write(data, struck)
        if then == "dead":
            self.dead = True
        elif then is not None:
            await self._finish(then)

    def _shortened(
        self, planned: PlannedWireFault, data: bytes, then: str | None
    ) -> tuple[bytes, str | None]:
        """What still passes under a fault that counts bytes, and what it does at the end of them."""
        what = planned.fault.what
        if not isinstance(what, Truncate | HalfOpen):
            return data, then
        passed = self._passed_bytes.get(planned, 0)
        left = max(0, what.after_bytes - passed)
        self._passed_bytes[planned] = passed + len(data)
        if len(data) <= left and not (isinstance(what, Truncate) and len(data) == left):
            return data, then
        return data[:left], "dead" if isinstance(what, HalfOpen) else what.how

    def _cut(self, piece: Piece) -> tuple[bytes, str | None]:
        """What passes of a request that is to be cut, and how it ends when its step has come."""
        step, data = piece.passage.cut, piece.data
        if step is None:
            return data, None
        if self._direction == "down":
            return _cut_answer(step, data, ends=piece.ends)
        if step == "head came":
            return b"", "fin"
        if step not in {"body came", "half passed on"}:
            return data, None
        self._held.append(data)
        if not piece.ends:
            return b"", None
        whole, self._held = b"".join(self._held), []
        return (whole[: len(whole) // 2] if step == "half passed on" else b""), "fin"

    async def _write(self, data: bytes, struck: list[PlannedWireFault]) -> None:
        if not data:
            return
        writer = await self._writer()
        if writer is None:
            return
        size, pause_s, rate = len(data), 0.0, 0.0
        for planned in struck:
            what = planned.fault.what
            if isinstance(what, Slice):
                size, pause_s = min(size, what.size), pause_s + what.pause_s
            elif isinstance(what, Throttle):
                rate = min(rate, what.bytes_per_s) if rate else what.bytes_per_s
                size = min(size, max(1, round(what.bytes_per_s * _THROTTLE_STEP_S)))
        with contextlib.suppress(*_OVER):
            for at in range(0, len(data), size):
                writer.write(data[at : at + size])
                await writer.drain()
                if size < len(data) or rate:
                    await asyncio.sleep(pause_s + (size / rate if rate else 0.0))

    async def _finish(self, how: str) -> None:
        """End the line, once what was passed on has left."""
        writer = await self._writer()
        if how == "fin" and writer is not None:
            with contextlib.suppress(*_OVER):
                writer.close()
                await writer.wait_closed()
        self._line.end("reset" if how == "reset" else "fin")


def _cut_answer(step: Step, data: bytes, *, ends: bool) -> tuple[bytes, str | None]:
    if step == "all passed on":
        return b"", "fin"
    if step == "answer began":
        return data[:_ANSWER_BEGAN_BYTES], "fin"
    if step == "answer nearly whole" and ends:
        return data[:-1], "fin"
    return data, None


def _hang_up(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    beneath = writer.get_extra_info("socket")
    if reset and beneath is not None:
        with contextlib.suppress(OSError):
            beneath.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NEVER_LINGER)
    writer.transport.abort()
