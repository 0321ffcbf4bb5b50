"""`topstepx sim orders`: fill, refuse, void, and act as another client of the same accounts."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from topstepx.cli.sim_runs import Which, tell
from topstepx.cli.sim_told import show

_ANY = Which()
orders_app = App(name="orders", help="Fill, refuse, void, or trade as another client.")


@orders_app.command(name="list")
@orders_app.default
def list_command(
    *,
    account: int | None = None,
    everything: Annotated[bool, Parameter(name="--all", negative=())] = False,
    which: Which = _ANY,
) -> int:
    """Orders, trades and positions as they really are.

    Args:
        account: Of one account only.
        everything: Also orders that are over.
        which: Which simulator.
    """
    return show(tell(which, "orders/list", account_id=account, all=everything), which)


@orders_app.command(name="fill")
def fill_command(
    order: int, *, size: int | None = None, price: str | None = None, which: Which = _ANY
) -> int:
    """Fill an order, or a part of it, whatever the market is.

    Args:
        order: The order's id.
        size: How much of it; all that is left without it.
        price: At which price; where the market is without it.
        which: Which simulator.
    """
    return show(tell(which, "orders/fill", order_id=order, size=size, price=price), which)


@orders_app.command(name="reject")
def reject_command(
    verb: Literal["place", "modify", "cancel", "close", "partial_close"] = "place",
    *,
    code: int = 2,
    text: str | None = None,
    count: int = 1,
    executes: Annotated[bool, Parameter(negative=())] = False,
    which: Which = _ANY,
) -> int:
    """Refuse the next requests of a kind, as the venue.

    Args:
        verb: Which requests.
        code: The error code.
        text: The error message.
        count: How many.
        executes: They happen all the same: a lie.
        which: Which simulator.
    """
    body = {"verb": verb, "code": code, "text": text, "count": count, "executes": executes}
    return show(tell(which, "orders/reject", **body), which)


@orders_app.command(name="void")
def void_command(trade: int, *, which: Which = _ANY) -> int:
    """Take a half-turn back, as the exchange.

    Args:
        trade: The trade's id.
        which: Which simulator.
    """
    return show(tell(which, "orders/void", trade_id=trade), which)


@orders_app.command(name="place")
def place_command(
    account: int,
    side: Literal["buy", "sell"],
    size: int,
    contract: str,
    *,
    limit: str | None = None,
    stop: str | None = None,
    which: Which = _ANY,
) -> int:
    """Place an order as another client: a market order, or with a price a limit or stop.

    Args:
        account: The account's id.
        side: buy or sell.
        size: How many contracts.
        contract: Such as MNQ.
        limit: A limit price.
        stop: A stop price.
        which: Which simulator.
    """
    kinds = {(True, True): "stop-limit", (True, False): "limit", (False, True): "stop"}
    kind = kinds.get((limit is not None, stop is not None), "market")
    body = {"side": side, "size": size, "contract": contract, "type": kind}
    prices = {"limit_price": limit, "stop_price": stop}
    return show(tell(which, "orders/place", account_id=account, **body, **prices), which)


@orders_app.command(name="cancel")
def cancel_command(account: int, order: int, *, which: Which = _ANY) -> int:
    """Cancel an order as another client.

    Args:
        account: The account's id.
        order: The order's id.
        which: Which simulator.
    """
    return show(tell(which, "orders/cancel", account_id=account, order_id=order), which)


@orders_app.command(name="close")
def close_command(
    account: int, contract: str, *, size: int | None = None, which: Which = _ANY
) -> int:
    """Close a position as another client.

    Args:
        account: The account's id.
        contract: Such as MNQ.
        size: How much of it; all without it.
        which: Which simulator.
    """
    body = {"account_id": account, "contract": contract, "size": size}
    return show(tell(which, "orders/close", **body), which)
