"""`topstepx flatten`, `kill`, `cancel` and `close`: out, also while the program that trades hangs.

None of them waits for a lock. `flatten` and `kill` first raise the epoch, so that whatever else trades
from this computer can open nothing more, and only then talk to anybody.
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
from topstepx.events import Event, Flattened, ModeCauseAdded, ModeCauseCleared
from topstepx.keeping import JOURNAL_FILE, leases_in, trading_folders
from topstepx.settings import Credentials
from topstepx.store.journal_file import JournalFile
from topstepx.store.rows import entry_of

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.client import Client
    from topstepx.desk.accounts import Account
    from topstepx.store.lease import Leases

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
            ends = await asyncio.gather(*(tsx.flatten(account) for account in accounts))
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


async def _accounts(where: Where, tsx: Client) -> tuple[Account, ...]:
    if where.account is not None:
        return (await where.chosen(tsx),)
    return tuple(account for account in await tsx.accounts.all() if account.can_trade)


def _fence(leases: Leases, account_id: int | None) -> None:
    leases.raise_epoch(account_id, "flatten", datetime.now(UTC), why="topstepx flatten")


def kill_command(
    *,
    where: Where = _NOWHERE,
    release: Annotated[bool, _FLAG] = False,
    flatten: Annotated[bool, _FLAG] = False,
    why: str = "topstepx kill",
    yes: Yes = False,
) -> int:
    """Stop every program of this computer from opening anything, at once; needs no key and no network.

    It stays in force over restarts until `topstepx kill --release`. Positions and working orders stay:
    add --flatten, or use `topstepx flatten`.

    Args:
        where: Which gateway, and which account by its id; without them, everything.
        release: End it.
        flatten: Take the accounts flat as well; this needs the key and the network.
        why: A word for the record.
        yes: Do not ask (for --flatten and --release).
    """
    if release:
        confirm("Release the kill switch?", yes=yes)
    account_id = _account_id(where)
    folders = _folders(where)
    for folder in folders:
        _kill_in(folder, where, account_id, release=release, why=why)
    if not folders:
        text = "Nothing has traded from this computer, so there is nothing to stop."
        where.say(text, {"killed": 0})
    return flatten_command(where=where, yes=yes) if flatten and not release else ExitCode.DONE


def _account_id(where: Where) -> int | None:
    if where.account is None:
        return None
    if not where.account.isdigit():
        raise ConfigurationError(
            f"--account {where.account}: the kill switch asks nobody for names.",
            next_step="Give the account's number, or leave it out to stop all.",
        )
    return int(where.account)


def _folders(where: Where) -> tuple[Path, ...]:
    """Where the programs concerned keep their leases: all of one gateway's users, or all there are."""
    if where.journal is not None:
        path = where.journal.expanduser().absolute()
        return (path.parent / f"{path.name}.d",)
    if where.environment is None and where.profile is None:
        return trading_folders()
    return trading_folders(where.target().reached.name)


def _kill_in(
    folder: Path, where: Where, account_id: int | None, *, release: bool, why: str
) -> None:
    leases, now = leases_in(folder), datetime.now(UTC)
    leases.raise_epoch(account_id, "release" if release else "kill", now, why=why)
    fact: Event
    if release:
        fact = ModeCauseCleared(
            at=now, account_id=account_id, reason="killed", released_by="topstepx kill --release"
        )
    else:
        fact = ModeCauseAdded(
            at=now, account_id=account_id, reason="killed", detail=f"by {leases.who}: {why}"
        )
    journal = folder / JOURNAL_FILE
    if where.journal is not None:
        journal = where.journal.expanduser().absolute()
    done = "released" if release else "killed"
    note = _write_down(journal, fact)
    text = f"{done}: {folder.name}" + (f" ({note})" if note else "")
    where.say(text, {"folder": str(folder), "done": done, "note": note})


def _write_down(path: Path, fact: Event) -> str:
    """Into the journal, if there is one that takes it; what kept it out otherwise. The kill stands anyway."""
    if not path.exists():
        return ""
    file = JournalFile(path)
    try:
        file.open(prove=False)
        file.write([entry_of(fact, 1)])
    except RecordUnavailable as error:
        return f"not in the journal: {error}"
    finally:
        file.close()
    return ""


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
        size: Close only so many contracts; orders then stay.
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
        facts = {"contract": contract_.id, "net": net, "cancelled": len(closed.cancelled)}
        where.say(f"{contract_.name}: {net} contracts are left.", facts)
    return ExitCode.DONE
