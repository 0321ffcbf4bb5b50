"""What a long journal costs at the start: from nothing to an account that is ready to trade.

    python bench/journal.py [intents] [--json]

Writes a journal of so many orders (100,000 unless said; ten facts each, as placing and cancelling one
really leaves them), opens a client on it in a process of its own, and says how long `connect` and `ready`
took and how much memory that process holds, beside a client with an empty journal. Both talk to a server
that does next to nothing. The target is two seconds more than the empty one.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.feed.answers import ACCOUNT, MNQ, answering
from bench.order import StubHubs
from topstepx import events
from topstepx.client import Client
from topstepx.core.tags import intent_id, tag_of
from topstepx.net.transport_http import HttpTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Secret, Settings, simulator_environment
from topstepx.store.journal import SqliteJournal
from topstepx.store.journal_file import JournalFile
from topstepx.store.rows import entry_of
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import OrderModel

if TYPE_CHECKING:
    from collections.abc import Iterator

INTENTS = 100_000
BATCH = 5000
INSTALLATION = "18S07SDJ"


def facts(number: int, at: datetime) -> Iterator[events.Event]:
    """What one order leaves that was placed, acknowledged, seen working and then cancelled."""
    intent, order_id = intent_id(number.to_bytes(10), at), 3_400_000_000 + number
    tag = tag_of(INSTALLATION, intent)
    body = {
        "accountId": ACCOUNT, "contractId": MNQ, "type": 1, "side": 0, "size": 1,
        "limitPrice": 21503.25, "customTag": tag,
    }  # fmt: skip
    yield events.IntentRecorded(
        intent_id=intent, account_id=ACCOUNT, action="place", route="Order/place", contract_id=MNQ,
        body=json.dumps(body, separators=(",", ":")), tag=tag, key=f"key-{number}", at=at,
        deadline_at=at + timedelta(seconds=2), server_at=at, watermark=order_id - 1,
    )  # fmt: skip
    yield events.IntentSent(intent_id=intent, account_id=ACCOUNT, at=at)
    yield events.IntentAnswered(
        intent_id=intent, account_id=ACCOUNT, outcome="accepted", order_id=order_id, status=200, at=at
    )  # fmt: skip
    for status in (OrderStatus.OPEN, OrderStatus.CANCELLED):
        order = OrderModel(
            id=order_id, account_id=ACCOUNT, contract_id=MNQ, creation_timestamp=at, status=status,
            type=OrderType.LIMIT, side=Side.BUY, size=1, symbol_id="F.US.MNQ", update_timestamp=at,
            limit_price=Decimal("21503.25"), fill_volume=0, custom_tag=tag,
        )  # fmt: skip
        yield events.OrderObserved(source="hub", order=order, at=at)


def write(path: Path, intents: int) -> int:
    """Make the journal of so many orders, one a second; how many rows it has."""
    file = JournalFile(path)
    file.open()
    first = datetime.now(UTC) - timedelta(days=30)
    number = 0
    for start in range(0, intents, BATCH):
        entries = []
        for index in range(start, min(start + BATCH, intents)):
            for event in facts(index, first + timedelta(seconds=index)):
                number += 1
                entries.append(entry_of(event, number))
        file.write(entries)
    file.close()
    return number


async def start(url: str, path: Path) -> dict[str, float]:
    """Open a client on the journal and get the account ready; seconds and megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    journal = SqliteJournal(path)
    ports = Ports(HttpTransport(url), StubHubs(), journal=journal, installation=INSTALLATION)
    settings = Settings(simulator_environment(url))
    began, cpu = time.perf_counter(), time.process_time()
    async with Client(settings, Credentials("b", Secret("k")), ports) as tsx:
        opened = time.perf_counter()
        account = await tsx.accounts.exact(ACCOUNT)
        await tsx.ready(account)
        ready = time.perf_counter()
        used = time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "open_s": opened - began,
        "ready_s": ready - began,
        "cpu_s": used,
        "memory_mb": (after - before) / 1024,
    }


def measured(url: str, path: Path) -> dict[str, float]:
    """`start` in a process of its own."""
    command = [sys.executable, __file__, "--start", url, str(path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    intents = numbers[0] if numbers else INTENTS
    with tempfile.TemporaryDirectory() as folder, answering("orders") as (url, _):
        long = Path(folder) / "long.sqlite"
        rows = write(long, intents)
        size_mb = long.stat().st_size / 1e6
        found = {
            "empty": measured(url, Path(folder) / "empty.sqlite"),
            "long": measured(url, long),
            "again": measured(url, long),
        }
    if "--json" in sys.argv:
        print(json.dumps({"intents": intents, "rows": rows, "size_mb": size_mb, **found}))
        return
    print(f"{intents} intents, {rows} facts, {size_mb:.0f} MB")
    for name, row in found.items():
        print(f"{name:8}" + "".join(f"{part:>12} {value:8.2f}" for part, value in row.items()))


if __name__ == "__main__":
    if "--start" in sys.argv:
        print(json.dumps(asyncio.run(start(sys.argv[-2], Path(sys.argv[-1])))))
    else:
        main()
