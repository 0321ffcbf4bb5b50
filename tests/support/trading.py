"""Names and small steps that tests of the whole client share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.testing.eventually import eventually

if TYPE_CHECKING:
    from topstepx.desk.accounts import Account
    from topstepx.desk.contracts import Contract
    from topstepx.sim.hub_session import HubSession
    from topstepx.testing.pair import Pair

PRACTICE = "PRAC-V2-600001-47190001"
PRACTICE_ID = 26282001


async def practice(pair: Pair) -> Account:
    """The practice account."""
    return await pair.tsx.accounts.one(PRACTICE)


async def mnq(pair: Pair) -> Contract:
    """The micro Nasdaq to trade now."""
    return await pair.tsx.contracts.front("MNQ")


def hub_session(pair: Pair, hub: str) -> HubSession:
    """The one open session of a hub, as the gateway sees it."""
    (session,) = pair.gateway.hubs.of(hub)
    return session


def subscribed(pair: Pair, hub: str) -> set[tuple[str, str]]:
    """What a hub's only client is subscribed to: event and contract or account; empty when it is away."""
    return {key for session in pair.gateway.hubs.of(hub) for key in session.subscriptions}


async def until_subscribed(pair: Pair, hub: str, wanted: set[tuple[str, str]]) -> None:
    """Wait until a hub has exactly these subscriptions."""

    def same() -> None:
        assert subscribed(pair, hub) == wanted

    await eventually(same)
