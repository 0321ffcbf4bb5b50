"""Starts doomed processes, kills their kind, starts the next one, and compares it with the venue."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topstepx.sim.catalogue import AccountListing
from topstepx.sim.gateway import Gateway
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parents[2]
KILLED = -9
FIRST_ACCOUNT = 30_000_001


@dataclass(frozen=True, slots=True)
class Death:
    """What a process was doing, and where it died; `after_s` for a moment instead of a point."""

    action: str
    point: str = ""
    count: int = 1
    after_s: float | None = None

    def __str__(self) -> str:
        where = f"{self.point}#{self.count}" if self.after_s is None else f"{self.after_s:.4f} s"
        return f"{self.action} at {where}"


@dataclass(slots=True)
class Told:
    """What one process said."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None
    pid: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def all(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


class Arena:
    """A simulator, many accounts, and a process that forks others."""

    def __init__(self, sim: SimServer, folder: Path) -> None:
        self.sim, self.folder = sim, folder
        self._processes: dict[int, Told] = defaultdict(Told)
        self._forker: asyncio.subprocess.Process
        self._numbers = 0
        self._accounts = 0

    async def start(self) -> asyncio.Task[None]:
        self._forker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.doomed",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        return asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self._forker.stdout is not None
        async for data in self._forker.stdout:
            line = json.loads(data)
            told = self._processes[line["number"]]
            told.lines.append(line)
            if line["event"] == "forked":
                told.pid = line["pid"]
            if line["event"] == "ended":
                told.code = line["code"]
                told.ended.set()
            told.news.set()

    async def close(self) -> None:
        for told in self._processes.values():
            if told.code is None and told.pid:
                with suppress(ProcessLookupError):
                    os.kill(told.pid, 9)
        assert self._forker.stdin is not None
        self._forker.stdin.close()
        await self._forker.wait()

    def new_account(self) -> int:
        self._accounts += 1
        return FIRST_ACCOUNT + self._accounts - 1

    async def run(self, account: int, action: str, **more: object) -> Told:
        """Fork one; what it says comes in by itself."""
        self._numbers += 1
        folder = self.folder / str(account)
        folder.mkdir(mode=0o700, exist_ok=True)
        job = {
            "number": self._numbers,
            "action": action,
            "account": account,
            "url": self.sim.url,
            "folder": str(folder),
            "user_name": self.sim.user_name,
            "api_key": self.sim.api_key,
            "at": "29000.00",
            **more,
        }
        assert self._forker.stdin is not None
        self._forker.stdin.write(json.dumps(job).encode() + b"\n")
        return self._processes[self._numbers]

    def end(self, told: Told) -> None:
        with suppress(ProcessLookupError):
            os.kill(told.pid, 9)

    # -- the audit

    async def die_and_audit(self, death: Death, *, within_s: float = 10.0) -> str:
        """Kill one there, start the next on the same journal; what is wrong with it, empty for nothing."""
        account = self.new_account()
        first = await self.run(
            account, death.action, point=death.point, count=death.count, after_s=death.after_s
        )
        try:
            async with asyncio.timeout(40):
                await first.ended.wait()
        except TimeoutError:
            self.end(first)
            return f"{death}: the first process hung: {first.lines[-3:]}"
        if first.code not in {KILLED, 0} or first.all("failed"):
            return f"{death}: the first process failed: {first.lines[-3:]}"
        if first.code == 0 and death.after_s is None:
            return f"{death}: the point was never passed"
        return await self._audit(account, death, first, within_s)

    async def _audit(self, account: int, death: Death, first: Told, within_s: float) -> str:
        second = await self.run(account, "audit", live_s=within_s + 20)
        began, ready_at = time.monotonic(), None
        wrong = "the second process never was ready"
        while time.monotonic() - (ready_at or began + 30) < within_s:
            second.news.clear()
            if second.code is not None:
                return f"{death}: the second process ended: {second.lines[-2:]}"
            if ready_at is None and second.all("audit"):
                ready_at = time.monotonic()
            believed = second.all("believes")
            if believed and second.all("again"):
                wrong = self._difference(account, believed[-1], first, second)
                if not wrong:
                    break
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await second.news.wait()
        took = time.monotonic() - began
        self.end(second)
        return f"{death}: after {took:.1f} s: {wrong}" if wrong else ""

    def _difference(self, account: int, believed: dict[str, Any], first: Told, second: Told) -> str:
        """What is wrong, the worst first; empty for nothing."""
        intents: dict[str, list[Any]] = believed["intents"]
        return (
            self._more_than_once(account, intents, second)
            or self._lost(intents, first)
            or self._differs(account, believed)
        )

    def _more_than_once(self, account: int, intents: dict[str, list[Any]], second: Told) -> str:
        truth = self.sim.gateway.venue.truth
        for tag in truth.tags(account):
            if truth.executions(account, tag) > 1:
                return f"{truth.executions(account, tag)} orders for the intent {tag}"
        by_key: dict[str, set[int]] = defaultdict(set)
        for one in truth.orders(account):
            if not one.custom_tag or one.parent_order_id:
                continue
            if one.custom_tag not in intents:
                return f"order {one.id} has no intent in the journal"
            by_key[intents[one.custom_tag][1]].add(one.id)
        for key, ids in by_key.items():
            if len(ids) > 1:
                return f"several orders for the key {key}: {ids}"
        for line in second.all("again"):
            order_id = line.get("order_id")
            if order_id is not None and order_id not in by_key[line["key"]]:
                return f"the key gave another order: {line}, {dict(by_key)}"
        return ""

    def _lost(self, intents: dict[str, list[Any]], first: Told) -> str:
        for line in first.all("acknowledged"):
            found = [one for one in intents.values() if one[1] == line["key"]]
            if not any(one[2] == "accepted" and one[3] == line["order_id"] for one in found):
                return f"the acknowledged {line} is lost: {found}"
        return ""

    def _differs(self, account: int, believed: dict[str, Any]) -> str:
        truth = self.sim.gateway.venue.truth
        true = {
            "working": {str(one.id): int(one.status) for one in truth.working(account)},
            "held": {
                one.contract_id: truth.net_size(account, one.contract_id)
                for one in truth.positions(account)
            },
            "trades": len(truth.trades(account)),
        }
        for what, is_so in true.items():
            if believed[what] != is_so:
                return f"{what}: believed {believed[what]}, true {is_so}"
        return "there are orphans" if "orphan_orders" in believed["causes"] else ""


@asynccontextmanager
async def arena(folder: Path, accounts: int, **server: Any) -> AsyncIterator[Arena]:  # noqa: ANN401  passed through
    """A simulator with so many accounts, and the forking process."""
    listings = [
        AccountListing(
            FIRST_ACCOUNT + index, f"DOOMED-{FIRST_ACCOUNT + index}", Decimal(150_000), max_minis=15
        )
        for index in range(accounts)
    ]
    gateway = Gateway.build(
        at=datetime(2026, 11, 23, 15, 0, tzinfo=UTC), limited=False, accounts=listings, rate=0.2
    )
    async with SimServer(gateway=gateway, **server) as sim:
        place = Arena(sim, folder)
        listening = await place.start()
        try:
            yield place
        finally:
            await place.close()
            await listening
