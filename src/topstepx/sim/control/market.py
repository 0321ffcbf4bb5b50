"""`market/*`: halts, gaps and spreads."""

from __future__ import annotations

from topstepx.errors import InvalidRequest
from topstepx.sim.control.command import (
    Body,
    Command,
    Machine,
    Nothing,
    contract_id_of,
    listing_of,
)

_TICKS_MAX = 100_000


class Which(Body):
    """`contract`: a product's name or a contract's id; none is every contract."""

    contract: str | None = None


class Gap(Body):
    """All prices of `contract` move by `ticks` from now on; negative is down."""

    contract: str
    ticks: int


class Spread(Body):
    """The usual spread of `contract` becomes `ticks` wide; null is the market's own again."""

    contract: str
    ticks: int | None


def show(machine: Machine, _body: Nothing) -> object:
    """Where the markets stand."""
    gateway = machine.gateway
    hand, rows = gateway.market.hand, []
    for contract_id, book in gateway.venue.floor.books.items():
        grip = hand.grips.get(contract_id)
        rows.append(
            {
                "contract": contract_id,
                "name": book.contract.display_name,
                "bid": book.bid,
                "ask": book.ask,
                "last": book.last,
                "open": book.is_open,
                "halted": hand.is_halted(contract_id),
                "gapTicks": grip.shift_ticks if grip else 0,
                "spreadTicks": grip.spread_ticks if grip else None,
                "followed": gateway.feed.started(contract_id),
                "active": book.contract.active,
            }
        )
    return {"contracts": rows, "allHalted": hand.all_halted}


def halt(machine: Machine, body: Which) -> object:
    """Halt trading."""
    machine.gateway.market.hand.halt(contract_id_of(machine, body.contract))
    return _refreshed(machine)


def resume(machine: Machine, body: Which) -> object:
    """End a halt."""
    machine.gateway.market.hand.resume(contract_id_of(machine, body.contract))
    return _refreshed(machine)


def gap(machine: Machine, body: Gap) -> object:
    """Move all prices."""
    _check("ticks", body.ticks, -_TICKS_MAX)
    contract_id_of(machine, body.contract)
    machine.gateway.market.hand.gap(
        listing_of(machine, body.contract), body.ticks, machine.gateway.now
    )
    return _refreshed(machine)


def spread(machine: Machine, body: Spread) -> object:
    """Widen the spread."""
    if body.ticks is not None:
        _check("ticks", body.ticks, 1)
    contract_id_of(machine, body.contract)
    machine.gateway.market.hand.spread(listing_of(machine, body.contract), body.ticks)
    return _refreshed(machine)


def _check(name: str, ticks: int, least: int) -> None:
    if not least <= ticks <= _TICKS_MAX or ticks == 0:
        raise InvalidRequest(
            name, ticks, f"must be from {least} to {_TICKS_MAX}, not 0.", "Count in ticks."
        )


def _refreshed(machine: Machine) -> object:
    gateway = machine.gateway
    gateway.market.refresh(gateway.hubs, gateway.now)
    gateway.advance(gateway.now)
    return show(machine, Nothing())


COMMANDS = (
    Command("market/show", Nothing, "Where the markets stand.", show, reads=True),
    Command("market/halt", Which, "Halt a contract, or all: no data, no fills, no orders.", halt),
    Command("market/resume", Which, "End the halt.", resume),
    Command("market/gap", Gap, "Move all prices of a contract by ticks, at once.", gap),
    Command("market/spread", Spread, "Make the usual spread that many ticks wide.", spread),
)
