"""More demand than any limit allows, through a whole client: bars, reads, orders and bursts of cancels.

As a program it is one of several clients of the same user:

    python -m tests.support.demand URL USER KEY LOG SECONDS GENERAL BARS WINDOW_S
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.client import Client
from topstepx.clock import SystemClock
from topstepx.core.lanes import Lane
from topstepx.core.permits import DOCUMENTED, BucketPolicy
from topstepx.core.terms import Limit
from topstepx.errors import RateLimited, TopstepxError
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Environment, Secret, Settings, Timeouts
from topstepx.store.budget import SqliteBudget
from topstepx.testing.eventually import eventually
from topstepx.wire import models, routes
from topstepx.wire.enums import BarUnit, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from topstepx.desk.order import Order

BURST = 20
ORDERS = 30
EVERY_S = 0.02
"""Between two looks at how much is in use."""


def policies(general: int, bars: int, window_s: float) -> tuple[BucketPolicy, ...]:
    """The documented limits with other counts, and windows as much shorter."""
    wide, narrow = DOCUMENTED
    return (
        BucketPolicy(wide.bucket, general, window_s, wide.reserves),
        BucketPolicy(narrow.bucket, bars, window_s / 2),
    )


def client_of(
    rest_url: str,
    hub_url: str,
    credentials: Credentials,
    limits: tuple[BucketPolicy, ...],
    store: SqliteBudget | None = None,
) -> Client:
    """A whole client with these limits."""
    environment = Environment("sim", rest_url, hub_url.replace("http", "ws", 1), simulated=True)
    settings = Settings(environment, timeouts=Timeouts(shutdown_s=0.5))
    ports = Ports(
        HttpTransport(rest_url),
        PicowsTransport(environment.hub_url),
        budget=store,
        policies=limits,
    )
    return Client(settings, credentials, ports)


@dataclass
class Demand:
    """Everybody at once, until told to stop."""

    tsx: Client
    now: Callable[[], datetime]
    readers: int = 24
    traders: int = 24
    downloads: int = 12
    stopped: bool = False
    fates: dict[str, int] = field(default_factory=dict)
    """How often each thing succeeded, or which error it met."""
    resting: list[Order] = field(default_factory=list)
    used: list[tuple[float, float, float]] = field(default_factory=list)
    """Seconds since the start, and the shares of what is permitted that were in use: general, bars.

    Only looks that came on time: right after a stall nobody could have used what expired meanwhile.
    """
    stall_s: float = 0.0
    """The longest time for which the loop stood still."""

    def note(self, what: str) -> None:
        self.fates[what] = self.fates.get(what, 0) + 1

    async def run(self, seconds: float, *, trade: bool = True) -> None:
        """Demand for so long, then let what is under way end."""
        work: list[Coroutine[object, object, None]] = [self._read() for _ in range(self.readers)]
        work += [self._download() for _ in range(self.downloads)]
        if trade:
            account = await self.tsx.accounts.one(PRACTICE)
            await self.tsx.ready(account)
            contract = await self.tsx.contracts.front("MNQ")
            (bar,) = await self.tsx.market.bars(contract, "1m", last=1)
            prices = count(4)
            low = contract.floor(str(bar.close - 200))

            async def trader() -> None:
                while not self.stopped:
                    price = Limit(str(low - next(prices) % 400 * contract.tick_size))
                    try:
                        order = await self.tsx.orders.place(
                            account, contract, Side.BUY, 1, at=price, allow_duplicate=True
                        )
                    except RateLimited as error:
                        self.note("order refused here")
                        await asyncio.sleep(min(error.retry_after_s or 0.1, 1.0))
                    except TopstepxError as error:
                        self.note(f"order: {type(error).__name__}")
                        await asyncio.sleep(1.0)
                    else:
                        self.note("order placed")
                        self.resting.append(order)

            work += [trader() for _ in range(self.traders)]
            work.append(self._cancel_bursts())
        tasks = [asyncio.create_task(each) for each in (*work, self._watch())]
        await asyncio.sleep(seconds)
        await eventually(self._did_enough, timeout_s=60)
        self.stopped = True
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def _did_enough(self) -> bool:
        """A machine that has little time takes longer to trade as much as the test is about."""
        return not self.traders or (
            self.fates.get("cancel", 0) >= BURST and self.fates.get("order placed", 0) >= ORDERS
        )

    async def _read(self) -> None:
        request = models.PositionSearchOpenRequest(account_id=PRACTICE_ID)
        while not self.stopped:
            await self._call("read", routes.POSITION_SEARCH_OPEN, request)

    async def _download(self) -> None:
        contract = await self.tsx.contracts.front("MNQ")
        while not self.stopped:
            end = self.now()
            request = models.BarsRequest(
                contract_id=contract.id,
                live=False,
                start_time=end.replace(second=0, microsecond=0),
                end_time=end,
                unit=BarUnit.SECOND,
                unit_number=1,
                limit=5,
                include_partial_bar=False,
            )
            await self._call("bars", routes.RETRIEVE_BARS, request)

    async def _call(self, what: str, route: routes.Route, request: models.Request) -> None:  # type: ignore[type-arg]  # any route
        try:
            await self.tsx._rest.call(route, request, lane=Lane.READ, timeout_s=10.0, wait_s=120.0)
        except TopstepxError as error:
            self.note(f"{what}: {type(error).__name__}")
            await asyncio.sleep(0.05)
        else:
            self.note(what)

    async def _cancel_bursts(self) -> None:
        while not self.stopped:
            await asyncio.sleep(0.2)
            if len(self.resting) < BURST:
                continue
            burst, self.resting = self.resting[:BURST], self.resting[BURST:]
            for outcome in await asyncio.gather(
                *(order.cancel() for order in burst), return_exceptions=True
            ):
                if isinstance(outcome, BaseException):
                    self.note(f"cancel: {type(outcome).__name__}")
                else:
                    self.note("cancel")

    async def _watch(self) -> None:
        """How much of what the lanes permit is in use, looked at evenly."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not self.stopped:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            late_s = loop.time() - due
            self.stall_s = max(self.stall_s, late_s)
            if late_s > EVERY_S:
                continue
            general, bars = self.tsx.health().budgets
            lane = Lane.ORDER if self.traders else Lane.READ
            permitted = general.lanes[lane].line
            (bars_lane,) = bars.lanes.values()
            share = min(general.used / permitted, 1.0), bars.used / bars_lane.line
            self.used.append((loop.time() - began, *share))


def worst(moments: list[datetime], window_s: float) -> int:
    """The most arrivals that any window of this length held."""
    most = first = 0
    for last, moment in enumerate(moments):
        while (moment - moments[first]).total_seconds() > window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


async def main() -> None:
    url, user, log, seconds, general, bars, window_s = sys.argv[1:]
    key = sys.stdin.readline().strip()  # a key has no place on a command line
    store = SqliteBudget(Path(log), SystemClock(), f"process {os.getpid()}", busy_s=2.0)
    limits = policies(int(general), int(bars), float(window_s))
    async with client_of(url, url, Credentials(user, Secret(key)), limits, store) as tsx:
        await tsx.contracts.front("MNQ")
        print("ready", flush=True)  # noqa: T201  the parent waits for it
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        demand = Demand(tsx, tsx._rest.server_now, readers=6, traders=0, downloads=4)
        await demand.run(float(seconds), trade=False)
        alone = [budget.note for budget in tsx.health().budgets if budget.note]
        print(json.dumps({**demand.fates, "alone": alone}), flush=True)  # noqa: T201  for the parent


if __name__ == "__main__":
    asyncio.run(main())
