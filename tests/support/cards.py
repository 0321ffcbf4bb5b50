"""Small steps that several cards share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cards.world import World
    from topstepx.sim import fault_kinds as f


def lasting(world: World, rest: f.RequestFault, hub: f.EventFault) -> None:
    """A fault of every order answer and every order event, for good."""
    world.break_("Order/*", rest, times=None)
    world.break_("hub/user", hub, times=None)
