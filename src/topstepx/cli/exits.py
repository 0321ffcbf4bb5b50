"""`topstepx flatten`, `cancel` and `close`: out, also while the program that trades hangs.

None of them waits for a lock. `flatten` first raises the epoch, so that whatever else trades from this
computer can open nothing more, and only then talks to anybody.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.targets import Target
from topstepx.cli.where import Where, confirm
from topstepx.cli.whole import Whole
from topstepx.errors import ConfigurationError, IntentsLeftOpen, RecordUnavailable, TopstepxError
from topstepx.events import Flattened
from topstepx.settings import Credentials

if TYPE_CHECKING:
    from topstepx.client import Client
    from topstepx.desk.accounts import Account
    from topstepx.store.lease import Leases

_TELL_EVERY_S = 5
_FLAG = Parameter(negative=())
_NOWHERE = Where()
Yes = Annotated[bool, _FLAG]


def flatten_command(*, where: Where = _NOWHERE, yes: Yes = False) -> int:
    """Take an account flat, or every account: cancel entries, close, cancel what remains, look twice.

    Programs of this computer that trade it are fenced first: they can open nothing more until they are
    started again or a person resumes the account in them.

    Args:
        where: Which gateway and account; without --account, every account that may trade.
        yes: Do not ask.
    """
    target = where.target()
    whose = where.account or "EVERY account"
    confirm(f"Flatten {whose} at {target.reached.name}?", yes=yes)
    credentials = where.credentials(target)
    leases = where.leases(target, credentials)
    known = int(where.account) if where.account is not None and where.account.isdigit() else None
    if where.account is None or known is not None:
        _fence(leases, known)
    return asyncio.run(_flatten(where, target, credentials, leases, known))


async def _flatten(
    where: Where, target: Target, credentials: Credentials, leases: Leases, known: int | None
) -> int:
    code = ExitCode.DONE
    try:
        async with where.connection(target, credentials, trade=True, exits_only=True) as tsx:
            accounts = await _accounts(where, tsx)
            if where.account is not None and known is None:
                _fence(leases, accounts[0].id)
            telling = asyncio.create_task(_tell_how_long())
            ends = await asyncio.gather(*(tsx.flatten(account) for account in accounts))
            telling.cancel()
            for account, end in zip(accounts, ends, strict=True):
                if isinstance(end, Flattened):
                    text = f"{account.name} is flat: looked twice."
                    where.say(text, {"account": account.name, "id": account.id, "flat": True})
                    continue
                code = ExitCode.FLATTEN_INCOMPLETE
                left = [f"{one.contract_id} {one.net or ''} {one.reason}" for one in end.remaining]
                where.say(
                    f"{account.name} is NOT flat ({end.reason}): {'; '.join(left)}. Use the web"
                    " platform now.",
                    {"account": account.name, "id": account.id, "flat": False, "remaining": left},
                )
    except (RecordUnavailable, IntentsLeftOpen) as error:
        sys.stderr.write(
            f"{error}\n"
        )  # it was done or said above; only the record of it is missing
    except TopstepxError:
        if where.account is not None and known is None:
            _fence(leases, None)  # which account is not known, and the person wants out
        raise
    return code


async def _tell_how_long() -> None:
    """A minute without a word is long for somebody who wants out."""
    passed_s = 0
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        passed_s += _TELL_EVERY_S
        sys.stderr.write(f"Not flat yet after {passed_s} s; still cancelling, closing, looking.\n")


async def _accounts(where: Where, tsx: Client) -> tuple[Account, ...]:
    if where.account is not None:
        return (await where.chosen(tsx),)
    return tuple(account for account in await tsx.accounts.all() if account.can_trade)


def _fence(leases: Leases, account_id: int | None) -> None:
    leases.raise_epoch(account_id, "flatten", datetime.now(UTC), why="topstepx flatten")


def cancel_command(order_id: Whole, /, *, where: Where = _NOWHERE, yes: Yes = False) -> int:
    """Cancel one order and wait until it is over.

    Args:
        order_id: The gateway's number of the order; `topstepx orders` shows it.
        where: Which gateway and account.
        yes: Do not ask.
    """
    target = where.target()
    confirm(f"Cancel order {order_id} at {target.reached.name}?", yes=yes)
    return asyncio.run(_cancel(where, target, order_id))


async def _cancel(where: Where, target: Target, order_id: int) -> int:
    credentials = where.credentials(target)
    async with where.connection(target, credentials, trade=True, exits_only=True) as tsx:
        account = await where.chosen(tsx)
        await tsx.ready(account)
        order = tsx.orders.get(account, order_id=order_id)
        if order is None:
            msg = f"There is no order {order_id} on {account.name} today."
            raise ConfigurationError(msg, next_step="Look with `topstepx orders`.")
        await order.cancel()
        facts = {"order_id": order_id, "status": order.status.name, "filled": order.filled_size}
        where.say(f"{order.describe()}: {order.status.name}", facts)
    return ExitCode.DONE


def close_command(
    contract: str, /, *, where: Where = _NOWHERE, size: Whole | None = None, yes: Yes = False
) -> int:
    """Close the position in a contract and cancel what is left working on it.

    Args:
        contract: The product or the contract, such as MNQ or CON.F.US.MNQ.Z26.
        where: Which gateway and account.
        size: Close only so many contracts; entries then stay.
        yes: Do not ask.
    """
    target = where.target()
    confirm(f"Close {size or 'all'} {contract} at {target.reached.name}?", yes=yes)
    return asyncio.run(_close(where, target, contract, size))


async def _close(where: Where, target: Target, contract: str, size: int | None) -> int:
    credentials = where.credentials(target)
    async with where.connection(target, credentials, trade=True, exits_only=True) as tsx:
        account = await where.chosen(tsx)
        await tsx.ready(account)
        if "." in contract:
            contract_ = await tsx.contracts.one(contract)
        else:
            contract_ = await tsx.contracts.front(contract)
        closed = await tsx.positions.close(account, contract_, size)
        net = closed.position.net if closed.position is not None else None
        gone = [one.id for one in closed.cancelled]
        large = [one.id for one in closed.too_large]
        facts = {"contract": contract_.id, "net": net, "cancelled": gone, "too_large": large}
        where.say(f"{contract_.name}: {_left(net)}", facts)
        for one in closed.cancelled if not where.as_json else ():
            where.say(f"  cancelled {one.describe()}", {})
        for one in closed.too_large if not where.as_json else ():
            where.say(
                f"  {one.describe()} is larger than that, and a fill would turn it: cancel it", {}
            )
    return ExitCode.DONE if net == 0 or size is not None else ExitCode.POSITION_LEFT_OPEN


def _left(net: int | None) -> str:
    if net is None:
        return "it is not known what is left; look with `topstepx positions`."
    if net == 0:
        return "flat."
    return f"{'LONG' if net > 0 else 'SHORT'} {abs(net)} left."
