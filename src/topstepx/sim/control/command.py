"""One command of the control interface, and what commands ask of the machine that runs the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from topstepx.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.sim.catalogue import Listing
    from topstepx.sim.gateway import Gateway


class Machine(Protocol):
    """Whoever runs the gateway: it owns the clock and the files."""

    @property
    def gateway(self) -> Gateway:
        """The gateway that runs now; another one after a load or a reset."""
        ...

    @property
    def speed(self) -> float:
        """How many simulated seconds pass in a real one."""
        ...

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        ...

    def now(self) -> datetime:
        """The simulated time."""
        ...

    def facts(self) -> dict[str, object]:
        """What runs: url, scenario, seed and so on, without any secret."""
        ...

    def pause(self) -> None:
        """Stand still."""
        ...

    def resume(self) -> None:
        """Run on."""
        ...

    def set_speed(self, speed: float) -> None:
        """Run faster or slower."""
        ...

    def jump(self, to: datetime) -> None:
        """Be at a later moment."""
        ...

    def save(self, path: str | None) -> str:
        """Write the state to a file; gives its path."""
        ...

    def load(self, path: str | None) -> str:
        """Go on from a file; gives its path."""
        ...

    def reset(self, scenario: str | None) -> str:
        """Begin anew; gives the scenario's name."""
        ...


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Base of the bodies: a member that nobody knows is a slip."""


class Nothing(Body):
    """A command without arguments."""


@dataclass(frozen=True, slots=True)
class Command:
    """`name` is its path, `body` what it takes, `text` what it does; `reads`: it changes nothing."""

    name: str
    body: type[msgspec.Struct]
    text: str
    run: Callable[[Machine, Any], object]
    reads: bool = False


def listing_of(machine: Machine, contract: str) -> Listing:
    """A contract by its id, or by a product's name for its front month.

    Raises `ContractUnknown` or `InvalidRequest`.
    """
    market, now = machine.gateway.market, machine.gateway.now
    if contract.upper().startswith("CON."):
        found = market.listing(contract.upper(), now)
        if found is None:
            raise InvalidRequest(
                "contract", contract, "there is no such contract now.", "Use a name such as MNQ."
            )
        return found
    listing = market.catalogue.front(contract, now=now)
    market.listing(listing.id, now)
    return listing


def contract_id_of(machine: Machine, contract: str | None) -> str | None:
    """The id of a contract, with its market running; None stays None: all contracts."""
    if contract is None:
        return None
    listing = listing_of(machine, contract)
    machine.gateway.market.start(listing.id, machine.gateway.now)
    return listing.id
