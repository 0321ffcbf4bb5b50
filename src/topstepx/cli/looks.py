"""`topstepx orders`, `positions` and `trades`: a look at what the gateway has now."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.where import Where
from topstepx.core import tags
from topstepx.errors import ConfigurationError, sanitised
from topstepx.store.installation import known_installation
from topstepx.store.journal_file import labels as journal_labels
from topstepx.store.places import state_folder

if TYPE_CHECKING:
    from topstepx.cli.targets import Target
    from topstepx.settings import Credentials
    from topstepx.wire.models import OrderModel

_NOWHERE = Where()
_AVERAGE_PLACES = Decimal("0.0001")


def shown(average: Decimal) -> str:
    """An average price for people: rounded to four places, and no more digits than it has."""
    rounded = average if average == (cut := average.quantize(_AVERAGE_PLACES)) else cut
    return f"{rounded.normalize():f}"


def orders_command(*, where: Where = _NOWHERE) -> int:
    """List the live orders as the gateway has them now, suspended bracket legs included.

    The labels come from the journal of this computer; what another one placed has none here.

    Args:
        where: Which gateway and account.
    """
    target = where.target()
    credentials = where.credentials(target)
    rows = asyncio.run(_orders(where, target, credentials))
    labels = _labels(where, target, credentials, {row.custom_tag for row in rows})
    for row in rows:
        price = row.limit_price if row.limit_price is not None else row.stop_price
        label = labels.get(tags.entry_tag(row.custom_tag)) if row.custom_tag else None
        facts = {
            "id": row.id,
            "contract": row.contract_id,
            "side": row.side.name,
            "size": row.size,
            "type": row.type.name,
            "price": price,
            "status": row.status.name,
            "filled": row.fill_volume or 0,
            "tag": row.custom_tag,
            "label": label,
        }
        where.say(
            f"{row.id}  {row.side.name:4} {row.size:>3} {row.contract_id:22} {row.type.name:13}"
            f" {price if price is not None else '-':>10}  {row.status.name}"
            f"{f'  {sanitised(label)}' if label else ''}",
            facts,
        )
    if not rows and not where.as_json:
        where.say("No live orders.", {})
    return ExitCode.DONE


async def _orders(where: Where, target: Target, credentials: Credentials) -> tuple[OrderModel, ...]:
    async with where.connection(target, credentials) as tsx:
        return await tsx.orders.open(await where.chosen(tsx))


def _labels(
    where: Where, target: Target, credentials: Credentials, shown_tags: set[str | None]
) -> dict[str, str]:
    """The labels that the journal has for orders like ours, by their entry's tag."""
    named = {tags.entry_tag(tag) for tag in shown_tags if tag is not None}
    wanted = {tag for tag in named if tag.startswith(tags.PREFIX)}
    path = where.journal_of(target, credentials.user_name) if wanted else None
    if path is None or not path.exists():
        return {}
    try:
        return journal_labels(path, wanted)
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        sys.stderr.write(f"The labels in {path} cannot be read: {error}.\n")
        return {}


def positions_command(*, where: Where = _NOWHERE) -> int:
    """List the open positions as the gateway has them now.

    Args:
        where: Which gateway and account.
    """
    return asyncio.run(_positions(where, where.target()))


async def _positions(where: Where, target: Target) -> int:
    async with where.connection(target, where.credentials(target)) as tsx:
        rows = await tsx.positions.open(await where.chosen(tsx))
        for row in rows:
            facts = {
                "contract": row.contract_id,
                "side": row.type.name,
                "size": row.size,
                "average_price": row.average_price,
            }
            where.say(
                f"{row.type.name:5} {row.size:>3} {row.contract_id:22} at {shown(row.average_price)}"
                " on average",
                facts,
            )
        if not rows and not where.as_json:
            where.say("Flat.", {})
    return ExitCode.DONE


def trades_command(
    *,
    where: Where = _NOWHERE,
    since: str | None = None,
    foreign: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """List trades, oldest first, and whose order each came from: of the last 24 hours, or since a time.

    "this computer" is the mark of this computer's program on its orders. Another tag is other software;
    no tag is the platform, other software, or a close, which the gateway never marks.

    Args:
        where: Which gateway and account.
        since: From when on, such as 2026-11-20T14:30:00Z, or 2026-11-20 for a day's beginning in UTC.
        foreign: Only those that are not from an order of this computer's program.
    """
    start = moment_of(since) if since is not None else datetime.now(UTC) - timedelta(hours=24)
    return asyncio.run(_trades(where, where.target(), start, foreign=foreign))


async def _trades(where: Where, target: Target, start: datetime, *, foreign: bool) -> int:
    ours = known_installation(state_folder())
    async with where.connection(target, where.credentials(target)) as tsx:
        account = await where.chosen(tsx)
        rows = await tsx.trades.search(account, start=start)
        # An order may have been placed long before it was filled.
        orders = await tsx.orders.history(account, start=start - timedelta(days=7)) if rows else ()
        tag_of = {order.id: order.custom_tag for order in orders}
        shown_rows = 0
        for row in rows:
            tag = tag_of.get(row.order_id)
            is_ours = ours is not None and tags.is_of(ours, tag)
            if foreign and is_ours:
                continue
            shown_rows += 1
            gain = row.profit_and_loss
            facts = {
                "id": row.id,
                "at": row.creation_timestamp,
                "contract": row.contract_id,
                "side": row.side.name,
                "size": row.size,
                "price": row.price,
                "profit_and_loss": gain,
                "order_id": row.order_id,
                "tag": tag,
                "ours": is_ours,
                "voided": row.voided,
            }
            result = "opens" if gain is None else f"{gain:+}"
            whose = "this computer" if is_ours else f"tag {tag}" if tag else "no tag"
            where.say(
                f"{row.creation_timestamp:%Y-%m-%d %H:%M:%S}Z  {row.side.name:4} {row.size:>3}"
                f" {row.contract_id:22} at {row.price:<10} {result:>10}  order {row.order_id}"
                f"  {whose}{'  VOIDED' if row.voided else ''}",
                facts,
            )
    if not shown_rows and not where.as_json:
        where.say(f"No {'foreign ' if foreign else ''}trades since {start:%Y-%m-%d %H:%M} UTC.", {})
    return ExitCode.DONE


def moment_of(text: str) -> datetime:
    """A time with its zone, or a day's beginning in UTC; raises `ConfigurationError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is None and len(text) == len("2026-11-20"):
        return moment.replace(tzinfo=UTC)
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"--since {text}: is not a time with its zone.",
            next_step="Write it like 2026-11-20T14:30:00Z, or a day like 2026-11-20.",
        )
    return moment.astimezone(UTC)
