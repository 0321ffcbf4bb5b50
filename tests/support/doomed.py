"""Real client processes that are killed at a named point, forked from one that has everything loaded.

Run as a program it reads jobs, one JSON object a line, and forks a process for each; every process says
what happened to it in JSON lines. The hooks that kill are around the client's ports, in this file only.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import selectors
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topstepx import connecting
from topstepx.client import Client
from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.core.terms import Bracket, Limit, Market
from topstepx.errors import DuplicateOrder, ModeRefused, TopstepxError
from topstepx.keeping import kept
from topstepx.settings import Credentials, Limits, Secret, Settings, Timeouts, simulator_environment
from topstepx.store.journal import SqliteJournal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from topstepx.desk.desk import Desk
    from topstepx.events import Event
    from topstepx.net.transport import HttpAnswer, RestTransport
    from topstepx.ports import Ports
    from topstepx.store.rows import Entry, Row

TOLD_EVERY_S = 0.15


@dataclass(slots=True)
class Point:
    """Where to die: the `count`-th time that the client comes by `name`; or `after_s` into the action."""

    name: str = ""
    count: int = 1
    after_s: float | None = None
    armed: bool = False
    signal: int = signal.SIGKILL
    """SIGSTOP instead: it stands still there, until somebody lets it go on."""

    def passing(self, name: str) -> None:
        if not self.armed or name != self.name:
            return
        self.count -= 1
        if self.count <= 0:
            self.armed = False
            os.kill(os.getpid(), self.signal)

    async def clockwork(self) -> None:
        if self.after_s is not None:
            await asyncio.sleep(self.after_s)
            os.kill(os.getpid(), signal.SIGKILL)


class DoomedJournal:
    """The real journal, with points before a fact, once it is queued, and once it is on the disk."""

    def __init__(self, real: SqliteJournal, point: Point) -> None:
        self._real, self._point = real, point
        write = real._file.write

        def on_disk(entries: Sequence[Entry]) -> None:
            point.passing("disk:before")
            write(entries)
            point.passing("disk:after")

        real._file.write = on_disk  # type: ignore[method-assign]  # the hook of this driver

    async def open(self) -> None:
        await self._real.open()

    def append(self, event: Event) -> None:
        self._point.passing(f"{event.kind}:before")
        self._real.append(event)
        self._point.passing(f"{event.kind}:queued")

    def append_durable(self, event: Event) -> Awaitable[None]:
        self._point.passing(f"{event.kind}:before")
        done = self._real.append_durable(event)
        self._point.passing(f"{event.kind}:queued")
        return self._then(done, event)

    async def _then(self, done: Awaitable[None], event: Event) -> None:
        await done
        self._point.passing(f"{event.kind}:durable")

    async def rows(self, after: int = 0, limit: int = 1000) -> list[Row]:
        return await self._real.rows(after, limit)

    async def flush(self) -> None:
        await self._real.flush()

    async def close(self) -> None:
        await self._real.close()

    def watch(self, listener: Callable[[str | None], None]) -> None:
        self._real.watch(listener)


class DoomedRest:
    """The real transport, with points before a request, while it is on its way, and at its answer."""

    def __init__(self, real: RestTransport, point: Point, chance: random.Random) -> None:
        self._real, self._point, self._chance = real, point, chance

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        leave_within_s: float | None = None,
    ) -> HttpAnswer:
        name = path.removeprefix("/api/")
        self._point.passing(f"{name}:before")
        sending = asyncio.ensure_future(
            self._real.send(
                method,
                path,
                headers=headers,
                body=body,
                timeout_s=timeout_s,
                leave_within_s=leave_within_s,
            )
        )
        if self._point.armed and self._point.name == f"{name}:during":
            await asyncio.wait([sending], timeout=self._chance.random() * 0.006)
            self._point.passing(f"{name}:during")
        answer = await sending
        self._point.passing(f"{name}:after")
        return answer

    async def close(self) -> None:
        await self._real.close()


# ---- time that runs faster, so that two minutes fit into seconds


class FastClock(SystemClock):
    """Suspend-aware time `speed` times as fast; its wall clock is that of a simulator that fast."""

    def __init__(self, speed: float, wall: datetime, wall_real_s: float) -> None:
        self._speed, self._wall, self._wall_real_s = speed, wall, wall_real_s
        self._zero_ns = time.monotonic_ns()

    def monotonic_ns(self) -> int:
        return self._zero_ns + round((time.monotonic_ns() - self._zero_ns) * self._speed)

    def now(self) -> datetime:
        return self._wall + timedelta(seconds=(time.time() - self._wall_real_s) * self._speed)


class _FastSelector(selectors.DefaultSelector):
    speed = 1.0

    def select(self, timeout: float | None = None) -> Any:  # noqa: ANN401  as the base has it
        return super().select(None if timeout is None else timeout / self.speed)


class FastLoop(asyncio.SelectorEventLoop):
    """A real loop with real sockets whose seconds are shorter."""

    def __init__(self, clock: FastClock, speed: float) -> None:
        selector = _FastSelector()
        selector.speed = speed
        self._clock = clock
        super().__init__(selector)

    def time(self) -> float:
        return self._clock.monotonic_ns() / NANOSECONDS


# ---- one process


class Job:
    """What one process is to do, and its voice."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.number, self.action = said["number"], said["action"]
        self.account, self.url, self.folder = said["account"], said["url"], Path(said["folder"])
        self.user_name, self.api_key = said["user_name"], said["api_key"]
        self.contract = said.get("contract", "MNQ")
        self.at = said["at"]
        self.live_s = float(said.get("live_s", 10.0))
        self.speed = float(said.get("speed", 1.0))
        self.wall = said.get("wall")
        self.point = Point(
            said.get("point", ""),
            int(said.get("count", 1)),
            said.get("after_s"),
            signal=int(said.get("signal", signal.SIGKILL)),
        )
        self.chance = random.Random(said["number"])

    def say(self, **facts: object) -> None:
        line = json.dumps({"number": self.number, **facts}, default=str) + "\n"
        os.write(1, line.encode())

    def client(self) -> Client:
        os.environ["TOPSTEPX_HOME"] = str(self.folder)
        # What this machine takes counts `speed` times, so calls may take as much longer.
        longer = {name: seconds * self.speed for name, seconds in asdict(Timeouts()).items()}
        if self.action == "audit":  # it need not wait ten seconds to say "not known yet"
            longer["resolve_s"] = 1.0
        settings = Settings(
            environment=simulator_environment(self.url),
            limits=Limits(contracts_max=20),
            timeouts=Timeouts(**longer),
        )
        credentials = Credentials(self.user_name, Secret(self.api_key))
        keeps = kept(settings, self.user_name, self.folder / "journal.sqlite")
        assert isinstance(keeps.journal, SqliteJournal)
        ports: Ports = connecting._ports(settings, credentials, keeps, share=False)
        ports = replace(
            ports,
            rest=DoomedRest(ports.rest, self.point, self.chance),
            journal=DoomedJournal(keeps.journal, self.point),
            clock=self.clock if self.speed != 1 else ports.clock,
        )
        return Client(settings, credentials, ports)

    @property
    def clock(self) -> FastClock:
        assert self.wall is not None
        if not hasattr(self, "_clock"):
            self._clock = FastClock(
                self.speed, datetime.fromisoformat(self.wall[0]), float(self.wall[1])
            )
        return self._clock

    def run(self) -> None:
        work = self._run()
        if self.speed == 1:
            asyncio.run(work)
            return
        with asyncio.Runner(loop_factory=lambda: FastLoop(self.clock, self.speed)) as runner:
            runner.run(work)

    async def _run(self) -> None:
        async with self.client() as tsx:
            account = await tsx.accounts.exact(self.account)
            await tsx.ready(account)
            desk = tsx.desk(account, await tsx.contracts.front(self.contract))
            if self.action == "audit":
                await self._audit(tsx, desk)
                return
            await self._prepare(desk)
            self.say(event="armed")
            self.point.armed = True
            clockwork = asyncio.ensure_future(self.point.clockwork())
            await self._act(tsx, desk)
            self.say(event="done")
            if self.action == "hang":
                await asyncio.sleep(self.live_s)
            clockwork.cancel()
        self.say(event="survived")

    async def _prepare(self, desk: Desk) -> None:
        if self.action in {"cancel", "flatten", "hang"}:
            await self._place(desk)
        if self.action in {"flatten", "hang"}:
            await (await desk.buy(1, at=Market(), key="entry")).filled(timeout=20)

    async def _place(self, desk: Desk) -> None:
        bracket = Bracket(stop_ticks=400, target_ticks=800)
        order = await desk.buy(2, at=Limit(self.at), key="resting", bracket=bracket)
        self.say(event="acknowledged", key="resting", order_id=order.id)
        await order.working()

    async def _act(self, tsx: Client, desk: Desk) -> None:
        match self.action:
            case "place":
                await self._place(desk)
            case "market":
                order = await desk.buy(1, at=Market(), key="entry")
                self.say(event="acknowledged", key="entry", order_id=order.id)
                await order.filled(timeout=20)
            case "cancel":
                order = tsx.orders.get(desk.account, key="resting")  # type: ignore[assignment]  # placed just now
                await order.cancel()
                self.say(event="cancelled", order_id=order.id)
            case "flatten":
                end = await tsx.flatten(desk.account)
                self.say(event=end.kind)
            case "hang":
                while True:  # a bot that goes on and on, until it may not
                    await asyncio.sleep(0.2)
                    try:
                        await desk.buy(1, at=Market())
                    except DuplicateOrder:
                        continue
                    except ModeRefused as error:
                        self.say(event="refused", error=str(error))
                        return

    async def _audit(self, tsx: Client, desk: Desk) -> None:
        """The trader's program started again: the same keys, and what it believes, over and over."""
        self.say(event="audit", orphans=len((await tsx.ready(desk.account)).orphans))
        again = asyncio.ensure_future(self._again(desk))
        ends_at = time.monotonic() + self.live_s
        while time.monotonic() < ends_at:
            self.say(event="believes", **self._beliefs(tsx, desk))
            await asyncio.sleep(TOLD_EVERY_S * self.speed)
        again.cancel()

    async def _again(self, desk: Desk) -> None:
        for key, size, at in (("resting", 2, Limit(self.at)),):
            bracket = Bracket(stop_ticks=400, target_ticks=800)
            try:
                order = await desk.buy(size, at=at, key=key, bracket=bracket)
            except TopstepxError as error:
                self.say(event="again", key=key, error=type(error).__name__)
            else:
                self.say(event="again", key=key, order_id=order.id)

    def _beliefs(self, tsx: Client, desk: Desk) -> dict[str, object]:
        ledger, account_id = tsx._record.ledger, desk.account.id
        return {
            "working": {one.id: int(one.status) for one in ledger.working(account_id)},
            "held": {one.contract_id: one.net for one in ledger.positions(account_id)},
            "trades": len(ledger.trades(account_id)),
            "intents": {
                (one.recorded.tag or one.intent_id): [
                    one.recorded.action,
                    one.recorded.key,
                    one.state,
                    one.order_id,
                ]
                for one in ledger.intents(account_id)
                if one.recorded is not None
            },
            "causes": [one.reason for one in ledger.modes.causes(account_id, everything=True)],
        }


# ---- the process that forks them


def serve() -> None:
    """Fork a process per line of standard input; say how each ended."""
    running: dict[int, int] = {}
    buffered = b""
    is_open = True
    while is_open or running:
        readable, _, _ = select.select([0] if is_open else [], [], [], 0.01)
        if readable:
            data = os.read(0, 65536)
            is_open = bool(data)
            *lines, buffered = (buffered + data).split(b"\n")
            for line in lines:
                pid = _fork(json.loads(line))
                running[pid] = json.loads(line)["number"]
                _say(number=running[pid], event="forked", pid=pid)
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            _say(number=running.pop(pid), event="ended", code=code)


def _fork(said: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        job = Job(said)
        with suppress(KeyboardInterrupt):
            job.run()
        code = 0
    except BaseException as error:  # noqa: BLE001  boundary: the parent of all must not run on in a child
        _say(number=said["number"], event="failed", error=repr(error))
    os._exit(code)


def _say(**facts: object) -> None:
    os.write(1, (json.dumps(facts) + "\n").encode())


if __name__ == "__main__":
    serve()
