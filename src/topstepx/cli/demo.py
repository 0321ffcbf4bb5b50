"""`topstepx demo`: the whole main job on the embedded gateway, each step checked against the venue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from topstepx.cli.bar_rows import FileRow, rows_of
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.narration import JsonNarrator, Narrator, SpokenNarrator
from topstepx.connecting import connect
from topstepx.core.terms import Bracket, Market
from topstepx.errors import TopstepxError
from topstepx.sim.bar_file import RealBars, first_moment, read_bars_csv
from topstepx.sim.catalogue import Catalogue
from topstepx.sim.server import SimServer
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from topstepx.client import Client
    from topstepx.core.ledger_trades import TradeBelief
    from topstepx.desk.accounts import Account
    from topstepx.desk.contracts import Contract
    from topstepx.desk.desk import Desk
    from topstepx.desk.order import Order
    from topstepx.sim.faults import Fault
    from topstepx.sim.venue import Truth
    from topstepx.wire.models import TradeModel

_ACCOUNT = "PRAC-V2-600001-47190001"
_STOP_TICKS, _TARGET_TICKS, _MOVE_TICKS = 40, 80, 4
_QUOTES = 8
_STEP_S = 20.0


class StepFailed(TopstepxError):
    """A step of the demo did not agree with the venue."""


@dataclass(slots=True)
class Walk:
    """One run of the demo: what it talks to and what it has counted."""

    sim: SimServer
    tsx: Client
    say: Narrator
    pace_s: float
    checks: int = 0
    fills: list[TradeBelief] = field(default_factory=list)

    @property
    def truth(self) -> Truth:
        """The venue's own books."""
        return self.sim.gateway.venue.truth

    async def told(self, name: str, text: str, facts: Mapping[str, object]) -> None:
        """Say a step, and give a person time to read it."""
        self.say.step(name, text, facts)
        await asyncio.sleep(self.pace_s)

    def check(self, *, holds: bool, what: str) -> None:
        """Count one comparison with the venue; end the demo if it does not hold."""
        self.checks += 1
        if not holds:
            raise StepFailed(what)


async def run_demo(
    *,
    as_json: bool,
    fast: bool,
    seed: int,
    bars: Path | None,
    product: str,
    faults: Sequence[Fault] = (),
) -> bool:
    """Walk through everything; True only if every step agreed with the venue.

    `faults` go into the embedded gateway's plan before anything else happens.
    """
    say: Narrator = JsonNarrator() if as_json else SpokenNarrator()
    real = _read_bars(bars, product)
    walk: Walk | None = None
    try:
        async with SimServer(seed=seed, real=real) as sim:
            for fault in faults:
                sim.gateway.faults.add(fault)
            start = {"url": sim.url, "seed": seed}
            say.step(
                "gateway", f"a simulated gateway runs at {sim.url}; no account is needed", start
            )
            async with connect(
                "sim", url=sim.url, user_name=sim.user_name, api_key=sim.api_key, max_contracts=5
            ) as tsx:
                walk = Walk(sim, tsx, say, pace_s=0.0 if fast else 0.8)
                await _walk(walk, product, bars)
    except (TopstepxError, TimeoutError) as error:
        checks = 0 if walk is None else walk.checks
        say.failed("demo", str(error) or f"a step took longer than {_STEP_S:.0f} s")
        say.finished(
            "demo_finished", ok=False, facts={"text": "The demo failed.", "checks": checks}
        )
        return False
    text = f"Done: flat, {walk.checks} comparisons with the venue's own books, all equal."
    say.finished("demo_finished", ok=True, facts={"text": text, "checks": walk.checks})
    return True


def _read_bars(bars: Path | None, product: str) -> RealBars | None:
    if bars is None:
        return None
    return read_bars_csv(bars, Catalogue().front(product, now=first_moment(bars)))


async def _walk(walk: Walk, product: str, bars: Path | None) -> None:
    account, before = await _login(walk)
    contract = await walk.tsx.contracts.front(product)
    await walk.told(
        "contract",
        f"{contract.name}, {contract.description}: tick {contract.tick_size}, {contract.tick_value} $ a tick",
        {"id": contract.id, "name": contract.name, "tick_size": contract.tick_size},
    )
    if bars is not None:
        await _bars_equal_the_file(walk, contract, rows_of(bars))
    await _quotes(walk, contract)
    await walk.tsx.ready(account)
    desk = walk.tsx.desk(account, contract)
    order = await _enter(walk, desk)
    await _legs(walk, order)
    await _move_stop(walk, order)
    await _close(walk, desk, order)
    await _settle(walk, account, before)
    if bars is not None:
        await _fills_in_bars(walk, rows_of(bars))


async def _login(walk: Walk) -> tuple[Account, Decimal]:
    account = await walk.tsx.accounts.one(_ACCOUNT)
    walk.check(
        holds=account.balance == walk.truth.balance(account.id),
        what="the balance is not the venue's",
    )
    await walk.told(
        "login",
        f"logged in; account {account.name} holds {account.balance:,.2f} $",
        {"account": account.name, "id": account.id, "balance": account.balance},
    )
    return account, account.balance


async def _quotes(walk: Walk, contract: Contract) -> None:
    seen = 0
    async with asyncio.timeout(_STEP_S), walk.tsx.market.quotes(contract) as quotes:
        async for quote in quotes:
            if quote.bid is None or quote.ask is None:
                continue
            seen += 1
            walk.check(
                holds=quote.bid < quote.ask, what=f"bid {quote.bid} is not below ask {quote.ask}"
            )
            on_grid = quote.bid % contract.tick_size == 0 and quote.ask % contract.tick_size == 0
            walk.check(holds=on_grid, what=f"{quote.bid} or {quote.ask} is off the tick grid")
            await walk.told(
                "quote",
                f"bid {quote.bid}  ask {quote.ask}  last {quote.last}",
                {"bid": quote.bid, "ask": quote.ask, "last": quote.last},
            )
            if seen >= _QUOTES:
                break


async def _enter(walk: Walk, desk: Desk) -> Order:
    order = await desk.buy(
        2,
        at=Market(),
        bracket=Bracket(stop_ticks=_STOP_TICKS, target_ticks=_TARGET_TICKS),
        key="demo-entry",
    )
    again = await desk.buy(
        2,
        at=Market(),
        bracket=Bracket(stop_ticks=_STOP_TICKS, target_ticks=_TARGET_TICKS),
        key="demo-entry",
    )
    walk.check(holds=again.id == order.id, what="the same key made a second order")
    executions = walk.truth.executions(desk.account.id, order.tag or "")
    walk.check(holds=executions == 1, what=f"the venue counts {executions} orders for one intent")
    await walk.told(
        "order",
        f"buy 2 at market, stop {_STOP_TICKS} and target {_TARGET_TICKS} ticks away: order {order.id}",
        {"order_id": order.id, "executions": executions},
    )
    await order.filled(timeout=_STEP_S)
    walk.fills += order.trades
    true_order = walk.truth.order(order.id or 0)
    walk.check(holds=true_order.status is OrderStatus.FILLED, what="the venue has not filled it")
    walk.check(
        holds=order.average_price == true_order.filled_price,
        what=f"average {order.average_price} is not the venue's {true_order.filled_price}",
    )
    net = walk.truth.net_size(desk.account.id, desk.contract.id)
    walk.check(holds=net == order.filled_size, what=f"the venue holds {net}")
    await walk.told(
        "fill",
        f"filled {order.filled_size} at {order.average_price}",
        {"size": order.filled_size, "average_price": order.average_price},
    )
    return order


async def _legs(walk: Walk, order: Order) -> None:
    tick = order.contract.tick_size
    entry = order.trades[0].trade.price
    for leg, name, ticks in (
        (order.stop, "stop", -_STOP_TICKS),
        (order.target, "target", _TARGET_TICKS),
    ):
        await leg.working(timeout=_STEP_S)
        price = leg.stop_price if name == "stop" else leg.limit_price
        true_leg = walk.truth.order(leg.id or 0)
        true_price = true_leg.stop_price if name == "stop" else true_leg.limit_price
        walk.check(holds=price == true_price, what=f"the {name} is at {true_price}, not {price}")
        if len(order.trades) == 1:
            walk.check(
                holds=price == entry + ticks * tick, what=f"the {name} is not {ticks} ticks away"
            )
        await walk.told(
            name, f"works at {price}: order {leg.id}", {"order_id": leg.id, "price": price}
        )


async def _move_stop(walk: Walk, order: Order) -> None:
    before = order.stop.stop_price
    if before is None:
        msg = "the stop has no price"
        raise StepFailed(msg)
    wanted = before - _MOVE_TICKS * order.contract.tick_size
    await order.stop.move(wanted)
    true_price = walk.truth.order(order.stop.id or 0).stop_price
    walk.check(
        holds=true_price == wanted, what=f"the venue's stop is at {true_price}, not {wanted}"
    )
    walk.check(holds=order.stop.stop_price == wanted, what="our picture of the stop did not follow")
    await walk.told(
        "move", f"stop moved from {before} to {wanted}", {"before": before, "after": wanted}
    )


async def _close(walk: Walk, desk: Desk, order: Order) -> None:
    closed = await desk.close()
    net = walk.truth.net_size(desk.account.id, desk.contract.id)
    working = [
        one.id for one in walk.truth.working(desk.account.id) if one.contract_id == desk.contract.id
    ]
    walk.check(holds=net == 0, what=f"the venue still holds {net}")
    walk.check(holds=not working, what=f"orders {working} still work at the venue")
    walk.check(
        holds=closed.position is not None and closed.position.is_flat,
        what="our picture is not flat",
    )
    for leg in (order.stop, order.target):
        walk.check(holds=leg.is_done, what=f"our picture still has {leg!r}")
    await walk.told(
        "close",
        f"closed; both legs are gone, nothing works on {desk.contract.name}",
        {"net": net, "working": working},
    )


async def _settle(walk: Walk, account: Account, before: Decimal) -> None:
    true_trades = walk.truth.trades(account.id)
    trades = await _trades_once_visible(walk, account, len(true_trades))
    same = sorted(map(_figures, trades)) == sorted(map(_figures, true_trades))
    walk.check(holds=same, what="the trades are not the venue's")
    gross = sum((trade.profit_and_loss or Decimal(0) for trade in trades), Decimal(0))
    fees = sum((trade.fees + (trade.commissions or Decimal(0)) for trade in trades), Decimal(0))
    for trade in trades:
        closing = trade.profit_and_loss
        result = "" if closing is None else f", {closing:+,.2f} $ before fees"
        await walk.told(
            "trade",
            f"{trade.side.name.lower()} {trade.size} at {trade.price}{result}",
            {"id": trade.id, "price": trade.price, "size": trade.size, "profit_and_loss": closing},
        )
    after = (await walk.tsx.accounts.one(account.id)).balance
    walk.check(holds=after == walk.truth.balance(account.id), what="the balance is not the venue's")
    walk.check(
        holds=after == before + gross - fees,
        what=f"{before} {gross:+} - {fees} is not {after}",
    )
    known = walk.tsx.state.trades(account)
    walk.check(
        holds=sorted(one.trade.id for one in known) == sorted(trade.id for trade in true_trades),
        what="our ledger's trades are not the venue's",
    )
    walk.fills = list(known)
    await walk.told(
        "balance",
        f"{after:,.2f} $ = {before:,.2f} {gross:+,.2f} profit and loss - {fees:,.2f} fees",
        {"balance": after, "profit_and_loss": gross, "fees": fees},
    )


def _figures(trade: TradeModel) -> tuple[int, Decimal, int, str, Decimal, bool, Decimal]:
    """What two accounts of one trade must agree on."""
    costs = trade.fees + (trade.commissions or 0)
    result = trade.profit_and_loss
    return (
        trade.id,
        trade.price,
        trade.size,
        trade.side.name,
        costs,
        result is None,
        result or Decimal(0),
    )


async def _trades_once_visible(walk: Walk, account: Account, count: int) -> tuple[TradeModel, ...]:
    """The account's trades; the gateway lists a trade a moment after its fill (observed live)."""
    start = walk.sim.now() - timedelta(hours=26)
    async with asyncio.timeout(_STEP_S):
        while len(trades := await walk.tsx.trades.search(account, start=start)) < count:  # noqa: ASYNC110  nobody is told when a trade becomes visible
            await asyncio.sleep(0.1)
    return trades


async def _bars_equal_the_file(
    walk: Walk, contract: Contract, rows: dict[datetime, FileRow]
) -> None:
    """Read the last hundred bars before now and compare them with the file's rows."""
    got = await walk.tsx.market.bars(contract, "1m", last=100, end=walk.sim.now())
    walk.check(holds=bool(got), what="no bars came back")
    for bar in got:
        read = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        walk.check(holds=rows.get(bar.at) == read, what=f"the bar of {bar.at} is not the file's")
    await walk.told(
        "bars",
        f"{len(got)} one-minute bars read back, equal to the file's",
        {"count": len(got), "first": got[0].at, "last": got[-1].at},
    )


async def _fills_in_bars(walk: Walk, rows: dict[datetime, FileRow]) -> None:
    """Every fill lies inside the range of the bar of its minute."""
    for fill in walk.fills:
        minute = fill.trade.creation_timestamp.replace(second=0, microsecond=0)
        price = fill.trade.price
        walk.check(holds=minute in rows, what=f"the fill at {price} is in a minute without a bar")
        _, high, low, _, _ = rows[minute]
        walk.check(holds=low <= price <= high, what=f"the fill at {price} is outside its bar")
        await walk.told(
            "in_bar",
            f"fill {price} lies in its bar {low} to {high} of {minute:%d %b %H:%M}",
            {"price": price, "low": low, "high": high, "minute": minute},
        )


def demo_command(
    *,
    bars: Path | None = None,
    contract: str = "MNQ",
    seed: int = 1,
    json: bool = False,
    fast: bool = False,
) -> int:
    """Watch the whole main job on a simulated gateway; needs no account and no network.

    Parameters
    ----------
    bars
        Replay one-minute bars from this CSV file (plain or gzipped) instead of the generated market.
    contract
        The product to trade: MNQ, ES, 6E …
    seed
        Which generated market; the same seed gives the same one.
    json
        One JSON object per step.
    fast
        No pauses between steps.
    """
    ok = asyncio.run(run_demo(as_json=json, fast=fast, seed=seed, bars=bars, product=contract))
    return ExitCode.DONE if ok else ExitCode.FAILED
