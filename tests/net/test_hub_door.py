"""Opening a hub: what a refusal means, which token travels, and that nobody fights for a session."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from topstepx.core.link_ends import EndKind
from topstepx.net.auth import TokenKeeper
from topstepx.net.hub_door import HubDoor, NotOpened, TokenPlace
from topstepx.settings import Credentials, Secret
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.memory import MemoryGateway

if TYPE_CHECKING:
    from topstepx.settings import TokenPlacement


class Nobody:
    """A listener that needs nothing."""

    def data(self, payload: bytes) -> None:
        """Nothing."""

    def closed(self, reason: str) -> None:
        """Nothing."""


class Door:
    """A door to a simulated gateway, with a token."""

    def __init__(self, placement: TokenPlacement = "auto", *, rest_accepts: bool = True) -> None:
        clock = LoopClock()
        self.gateway = Gateway.build(at=clock.now())
        self.world = MemoryGateway(self.gateway)
        credentials = Credentials(self.gateway.user_name, Secret(self.gateway.api_key))
        chance = random.Random(1).random
        self.keeper = TokenKeeper(self.world.rest(), credentials, clock, jitter=chance)
        self.place = TokenPlace(placement)

        async def accepts() -> bool:
            await asyncio.sleep(0)
            return rest_accepts

        self.door = HubDoor(
            "user",
            self.world.hubs(),
            self.keeper,
            clock,
            place=self.place,
            rest_accepts=accepts,
            open_timeout_s=10.0,
        )

    async def refused(self, *, fresh: bool = False) -> NotOpened:
        with pytest.raises(NotOpened) as caught:
            await self.door.open(Nobody(), fresh_token=fresh)
        return caught.value


@virtual
async def test_each_refusal_is_named_with_its_status() -> None:
    one = Door()
    async with one.world, asyncio.TaskGroup() as group:
        keeping = group.create_task(one.keeper.run())
        for status in (403, 503):
            one.gateway.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(status)))
            failed = await one.refused()
            assert (failed.end.kind, failed.end.code) == (EndKind.UPGRADE, status)
        one.world.network.up = False
        assert (await one.refused()).end.kind is EndKind.UNREACHABLE
        one.world.network.up = True
        (await one.door.open(Nobody(), fresh_token=False)).close()
        keeping.cancel()


@virtual
async def test_a_401_moves_the_token_once_when_rest_takes_it() -> None:
    one = Door()
    one.gateway.hubs.policy.auth_in = "query"
    async with one.world, asyncio.TaskGroup() as group:
        keeping = group.create_task(one.keeper.run())
        assert (await one.refused()).end.code == 401
        assert one.place.current == "query"
        (await one.door.open(Nobody(), fresh_token=False)).close()
        assert not one.place.may_move
        keeping.cancel()


@virtual
async def test_a_fresh_token_is_asked_for_once_in_five_minutes() -> None:
    one = Door()
    async with one.world, asyncio.TaskGroup() as group:
        keeping = group.create_task(one.keeper.run())
        generations = []
        for fresh in (False, True, True):
            (await one.door.open(Nobody(), fresh_token=fresh)).close()
            token = one.keeper.machine.token
            assert token is not None
            generations.append(token.generation)
        assert generations == [1, 2, 2]
        keeping.cancel()


@virtual
async def test_a_contested_session_opens_nothing_and_an_ended_one_stops() -> None:
    one = Door()
    async with one.world, asyncio.TaskGroup() as group:
        keeping = group.create_task(one.keeper.run())
        (await one.door.open(Nobody(), fresh_token=False)).close()
        for _ in range(2):
            one.keeper.evicted("user")
            await asyncio.sleep(30)
        assert (await one.refused()).contested
        await one.keeper.resume()
        await one.keeper.logout()
        failed = await one.refused()
        assert (failed.end.kind, failed.contested) == (EndKind.NO_SESSION, False)
        keeping.cancel()
