"""`topstepx buy` and `sell`: an order by hand."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.looks import shown
from topstepx.cli.targets import Target
from topstepx.cli.where import Where, confirm
from topstepx.cli.whole import Whole
from topstepx.core.terms import Bracket, Limit, Market, Stop
from topstepx.errors import ConfigurationError, InvalidRequest
from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from topstepx.client import Client
    from topstepx.desk.contracts import Contract
    from topstepx.desk.order import Order

_SEEN_WITHIN_S = 1.0
_FLAG = Parameter(negative=())
_NOWHERE = Where()
Yes = Annotated[bool, _FLAG]


def buy_command(
    size: Whole,
    contract: str,
    /,
    *,
    at: str,
    where: Where = _NOWHERE,
    max_contracts: Whole | None = None,
    stop_ticks: Whole | None = None,
    target_ticks: Whole | None = None,
    key: str | None = None,
    label: str | None = None,
    yes: Yes = False,
) -> int:
    """Buy, once.

    Args:
        size: How many contracts.
        contract: The product, such as MNQ, or the contract's id.
        at: The price: market, limit:21503.25 or stop:21510.
        where: Which gateway and account.
        max_contracts: What the position may come to at most; needed for real orders.
        stop_ticks: A protective stop this far from the fill, in ticks.
        target_ticks: A profit target this far from the fill, in ticks.
        key: A name of your own: the same key never makes a second order.
        label: A note of your own, such as the strategy; `topstepx orders` shows it, the gateway never does.
        yes: Do not ask.
    """
    terms = _Terms(size, contract, at, stop_ticks, target_ticks, key, label, max_contracts)
    return _place(Side.BUY, terms, where, yes=yes)


def sell_command(
    size: Whole,
    contract: str,
    /,
    *,
    at: str,
    where: Where = _NOWHERE,
    max_contracts: Whole | None = None,
    stop_ticks: Whole | None = None,
    target_ticks: Whole | None = None,
    key: str | None = None,
    label: str | None = None,
    yes: Yes = False,
) -> int:
    """Sell, once.

    Args:
        size: How many contracts.
        contract: The product, such as MNQ, or the contract's id.
        at: The price: market, limit:21503.25 or stop:21490.
        where: Which gateway and account.
        max_contracts: What the position may come to at most; needed for real orders.
        stop_ticks: A protective stop this far from the fill, in ticks.
        target_ticks: A profit target this far from the fill, in ticks.
        key: A name of your own: the same key never makes a second order.
        label: A note of your own, such as the strategy; `topstepx orders` shows it, the gateway never does.
        yes: Do not ask.
    """
    terms = _Terms(size, contract, at, stop_ticks, target_ticks, key, label, max_contracts)
    return _place(Side.SELL, terms, where, yes=yes)


class _Terms:
    """What the order is to be."""

    def __init__(  # noqa: PLR0917  as typed on the command line
        self,
        size: int,
        contract: str,
        at: str,
        stop_ticks: int | None,
        target_ticks: int | None,
        key: str | None,
        label: str | None,
        max_contracts: int | None,
    ) -> None:
        self.size, self.contract, self.key, self.label = size, contract, key, label
        self.max_contracts = max_contracts
        self.at_text, self.at = at, price_of(at)
        self.bracket = None
        if stop_ticks is not None or target_ticks is not None:
            self.bracket = Bracket(stop_ticks=stop_ticks, target_ticks=target_ticks)


def price_of(text: str) -> Market | Limit | Stop:
    """`market`, `limit:PRICE` or `stop:PRICE`; raises `InvalidRequest` for anything else."""
    kind, _, price = text.partition(":")
    if kind == "market" and not price:
        return Market()
    if kind == "limit" and price:
        return Limit(price)
    if kind == "stop" and price:
        return Stop(price)
    raise InvalidRequest("--at", text, "is no price.", "Say market, limit:PRICE or stop:PRICE.")


def _place(side: Side, terms: _Terms, where: Where, *, yes: bool) -> int:
    target = where.target()
    confirm(
        f"{side.name} {terms.size} {terms.contract} at {terms.at_text}, {target.reached.name}?",
        yes=yes,
    )
    return asyncio.run(_placing(side, terms, where, target))


async def _placing(side: Side, terms: _Terms, where: Where, target: Target) -> int:
    connection = where.connection(
        target,
        where.credentials(target),
        trade=True,
        max_contracts=terms.max_contracts,
        on_exit="keep",
    )
    async with connection as tsx:
        account = await where.chosen(tsx)
        contract = await _contract(tsx, terms.contract)
        order = await tsx.orders.place(
            account,
            contract,
            side,
            terms.size,
            at=terms.at,
            bracket=terms.bracket,
            key=terms.key,
            label=terms.label,
        )
        await _seen(order)
        facts = {
            "order_id": order.id,
            "tag": order.tag,
            "label": order.label,
            "status": order.status.name,
            "side": side.name,
            "size": terms.size,
            "contract": contract.id,
            "filled": order.filled_size,
            "average_price": order.average_price,
        }
        where.say(
            f"{side.name} {terms.size} {contract.name} id {order.id}: {_stands(order)}", facts
        )
    return ExitCode.DONE


async def _seen(order: Order) -> None:
    """A moment for the gateway to show it at work; the answer to the order itself says nothing of that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_SEEN_WITHIN_S):
            async for _ in order.events():
                if order.status is not OrderStatus.NONE:
                    return


def _stands(order: Order) -> str:
    """How it stands, for somebody who has just pressed the button."""
    if order.status is OrderStatus.NONE:
        return "accepted by the gateway; not seen at work yet. `topstepx orders` and `trades` look."
    text = order.status.name
    if order.filled_size:
        text += f", {order.filled_size} filled"
        if order.average_price is not None:
            text += f" at {shown(order.average_price)} on average"
    return text


async def _contract(tsx: Client, name: str) -> Contract:
    if not name.strip():
        raise ConfigurationError("The contract is empty.", next_step="Say for example MNQ.")
    return await (tsx.contracts.one(name) if "." in name else tsx.contracts.front(name))
