"""`accounts/*`: what the firm does to an account."""

from __future__ import annotations

from decimal import Decimal

from topstepx.errors import InvalidRequest
from topstepx.sim.control.command import Body, Command, Machine, Nothing
from topstepx.sim.dialect import rest_record

_MOST = 10**12


class Which(Body):
    """One account."""

    account_id: int


class Liquidate(Body):
    """`lock` also turns `canTrade` off."""

    account_id: int
    lock: bool = True


class Pay(Body):
    """Money comes in; negative goes out."""

    account_id: int
    amount: Decimal


def listed(machine: Machine, _body: Nothing) -> object:
    """The accounts, with what the house thinks of them."""
    gateway = machine.gateway
    rows = []
    for account_id, account in gateway.venue.floor.accounts.items():
        row = {**rest_record(account.model()), "equity": gateway.house.equity(account_id)}
        if account_id in gateway.house.rules:
            standing = gateway.house.standings[account_id]
            rule = gateway.house.rules[account_id]
            row |= {
                "maximumLossAt": gateway.house.floor_of(account_id),
                "dailyLossAt": None
                if rule.daily_loss is None
                else standing.day_start - rule.daily_loss,
                "failed": standing.failed,
                "lockedUntil": standing.locked_until.isoformat() if standing.locked_until else None,
            }
        row["follower"], row["bracketMode"] = account.follower, account.bracket_mode
        rows.append(row)
    return {"accounts": rows}


def liquidate(machine: Machine, body: Liquidate) -> object:
    """Cancel and close everything."""
    _known(machine, body.account_id)
    machine.gateway.venue.liquidate(body.account_id, machine.gateway.now, lock=body.lock)
    return _told(machine)


def lock(machine: Machine, body: Which) -> object:
    """Turn `canTrade` off."""
    _known(machine, body.account_id)
    machine.gateway.venue.set_can_trade(body.account_id, False, machine.gateway.now)  # noqa: FBT003  the venue's own order of arguments
    return _told(machine)


def unlock(machine: Machine, body: Which) -> object:
    """Turn `canTrade` on."""
    _known(machine, body.account_id)
    machine.gateway.venue.set_can_trade(body.account_id, True, machine.gateway.now)  # noqa: FBT003  the venue's own order of arguments
    return _told(machine)


def pay(machine: Machine, body: Pay) -> object:
    """Pay in or out."""
    _known(machine, body.account_id)
    if not body.amount.is_finite() or abs(body.amount) > _MOST:
        raise InvalidRequest("amount", str(body.amount), "is no amount of money.", "Use a number.")
    machine.gateway.venue.adjust_balance(body.account_id, body.amount, machine.gateway.now)
    return _told(machine)


def _known(machine: Machine, account_id: int) -> None:
    accounts = machine.gateway.venue.floor.accounts
    if account_id not in accounts:
        known = ", ".join(str(one) for one in accounts)
        raise InvalidRequest("account_id", account_id, "no such account.", f"Known: {known}.")


def _told(machine: Machine) -> object:
    machine.gateway.advance(machine.gateway.now)
    return listed(machine, Nothing())


COMMANDS = (
    Command("accounts/list", Nothing, "The accounts, with the house's limits.", listed, reads=True),
    Command(
        "accounts/liquidate", Liquidate, "Cancel all, close all and lock, as the firm.", liquidate
    ),
    Command("accounts/lock", Which, "Turn `canTrade` off.", lock),
    Command("accounts/unlock", Which, "Turn `canTrade` on.", unlock),
    Command("accounts/pay", Pay, "Pay in, or (negative) out.", pay),
)
