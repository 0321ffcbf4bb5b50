"""A TCP proxy that spoils what it carries: put it between any client and any server.

::

    async with FaultProxy(sim.port) as proxy:
        proxy.add(WireFault(where="hub/user", what=HalfOpen(), direction="down"))
        async with connect("sim", url=proxy.url, ...) as tsx: ...

It knows bytes, not orders: latency, a slow line, packets of one byte, resets, half-open links, black
holes, refusals and broken requests, each direction by itself, switched at run time or by a plan
(`proxy_faults`). REST and hubs are told apart by the address that the client asks for; TLS passes
through unread and is one place, `tls`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Self

from topstepx.testing.proxy_faults import Passage, Reset, WireFault, WirePlan
from topstepx.testing.proxy_line import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from topstepx.testing.proxy_faults import PlannedWireFault


class FaultProxy:
    """Listens on `port` (0: a free one) and carries every connection to `target`.

    `seed` fixes jitter and chances. `seen` are the places of all requests that came, in order, and of
    all connections of another kind; `accepted` counts connections. Use it as a context manager.
    """

    def __init__(
        self,
        target: int,
        *,
        plan: Iterable[WireFault] = (),
        seed: int = 0,
        target_host: str = "127.0.0.1",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.target, self.target_host = target, target_host
        self.host, self.port = host, port
        self.seen: list[str] = []
        self.accepted = 0
        self._random = random.Random(seed)  # noqa: S311  repeatable chance is the point
        self._plan = WirePlan(seed)
        for fault in plan:
            self._plan.add(fault)
        self._passages = 0
        self._lines: dict[asyncio.Task[None], Line] = {}
        self._server: asyncio.Server | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._began_s = 0.0

    # -- for people

    @property
    def url(self) -> str:
        """Where clients connect instead of to the server."""
        return f"http://{self.host}:{self.port}"

    def add(
        self, fault: WireFault, strikes: Callable[[str], bool] | None = None
    ) -> PlannedWireFault:
        """Put a fault into the plan; it holds at once, for open connections as well.

        `strikes` decides for each passage by its place, instead of `times`, `after` and `chance`.
        Raises `InvalidRequest` for a number that cannot be meant.
        """
        planned = self._plan.add(fault, strikes)
        self._change()
        return planned

    def remove(self, planned: PlannedWireFault) -> None:
        """Take a fault out again. A link that swallowed bytes stays dead: TCP repairs no holes."""
        self._plan.remove(planned)
        self._change()

    def clear(self) -> None:
        """Calm: an empty plan."""
        self._plan.clear()
        self._change()

    def reset(self, where: str = "*") -> int:
        """Reset (RST) the open connections of that place now; how many there were."""
        struck = [line for line in self._lines.values() if line.is_at(where)]
        for line in struck:
            line.end("reset")
        return len(struck)

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._lines)

    # -- life

    async def __aenter__(self) -> Self:
        self._began_s = asyncio.get_running_loop().time()
        await self._listen()
        self._keeper = asyncio.create_task(self._keep(), name="fault proxy")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._close_door()
        for line in list(self._lines.values()):
            line.end("fin")
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, limit=Line.BUFFER_BYTES, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _close_door(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _change(self) -> None:
        self._changed.set()
        for line in self._lines.values():
            line.look_again()

    async def _keep(self) -> None:
        """What the plan does by itself: resets, and a door that is shut for a while."""
        while True:
            self._changed.clear()
            now_s = self.now_s()
            refuses = self._plan.refuses(now_s)
            if refuses and self._server is not None:
                self._close_door()
            elif not refuses and self._server is None:
                await self._listen()
            self._strike_resets(now_s)
            due_s = self._plan.next_change_s(now_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due_s is None else due_s - now_s):
                    await self._changed.wait()
            for line in self._lines.values():
                line.look_again()

    def _strike_resets(self, now_s: float) -> None:
        for planned in self._plan.planned:
            if isinstance(planned.fault.what, Reset):
                for line in list(self._lines.values()):
                    if any(planned.strikes(one, now_s) for one in line.passages):
                        line.end("reset")

    # -- for the lines

    @property
    def plan(self) -> WirePlan:
        """The faults."""
        return self._plan

    def now_s(self) -> float:
        """Seconds since the proxy started."""
        return asyncio.get_running_loop().time() - self._began_s

    def chance(self) -> float:
        """A number from 0 to 1 that the seed repeats."""
        return self._random.random()

    def begin(self, place: str) -> Passage:
        """A request or a connection of another kind begins."""
        self._passages += 1
        self.seen.append(place)
        return Passage(place, self._passages)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self.accepted += 1
        line = self._lines[task] = Line(self, reader, writer)
        try:
            await line.run()
        finally:
            self._lines.pop(task, None)
