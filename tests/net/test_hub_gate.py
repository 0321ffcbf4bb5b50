"""Hubs behind their breakers: opened by failures to open, probed by the link's own next attempt."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import mnq, practice
from topstepx.core.breaker import Scope, ScopeState, State
from topstepx.errors import NotSent, UpgradeRefused
from topstepx.net.hub_gate import SCOPES, GatedHubs
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from topstepx.errors import Fault as Whose
    from topstepx.net.transport import Hub


@dataclass
class Doors:
    """A hub transport that fails as it is told."""

    error: BaseException | None = None
    opened: list[Hub] = field(default_factory=list)

    async def open(self, hub: Hub, **_: Any) -> Any:  # noqa: ANN401  nobody uses the socket
        self.opened.append(hub)
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        """Nothing to close."""


def state(pair: Pair, scope: Scope) -> ScopeState:
    return next(one for one in pair.tsx.breakers.states() if one.scope is scope)


async def knock(gated: GatedHubs, hub: Hub = "user") -> BaseException | None:
    try:
        await gated.open(hub, headers={}, query={}, listener=None, timeout_s=1.0)  # type: ignore[arg-type]  # nobody listens
    except NotSent as error:
        return error
    return None


def gated(pair: Pair, doors: Doors) -> GatedHubs:
    return GatedHubs(doors, pair.tsx._gate, pair.clock)


@virtual
async def test_a_hub_that_does_not_open_is_left_alone_and_then_probed_by_its_link() -> None:
    async with Pair() as pair:
        doors = Doors(NotSent("no answer"))
        hubs = gated(pair, doors)
        for _ in range(5):
            await knock(hubs)
        assert state(pair, Scope.HUB_USER).state is State.OPEN
        refused = await knock(hubs)
        assert isinstance(refused, NotSent)
        assert "left alone" in str(refused)
        assert refused.retry_after_s is not None
        assert len(doors.opened) == 5, "nothing was sent"
        assert await knock(hubs, "market") is not refused
        assert doors.opened[-1] == "market", "the other hub is another matter"
        await asyncio.sleep(refused.retry_after_s)
        doors.error = None
        assert await knock(hubs) is None
        assert state(pair, Scope.HUB_USER).state is State.CLOSED


@virtual
async def test_a_failed_or_cancelled_probe_does_not_wedge() -> None:
    async with Pair() as pair:
        doors = Doors(NotSent("no answer"))
        hubs = gated(pair, doors)
        for _ in range(5):
            await knock(hubs)
        await asyncio.sleep(2)
        doors.error = asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            await knock(hubs)
        await asyncio.sleep(2)
        doors.error = NotSent("no answer")
        await knock(hubs)
        assert state(pair, Scope.HUB_USER).state is State.OPEN
        await asyncio.sleep(60)
        doors.error = None
        assert await knock(hubs) is None
        assert state(pair, Scope.HUB_USER).state is State.CLOSED


@pytest.mark.parametrize(("status", "bad"), [(401, False), (403, False), (500, True), (503, True)])
def test_only_a_sick_answer_counts(status: int, *, bad: bool) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            hubs = gated(pair, Doors(UpgradeRefused("user", status)))
            for _ in range(5):
                await knock(hubs)
            assert (state(pair, Scope.HUB_USER).state is State.OPEN) is bad

    run()


@pytest.mark.parametrize("fault", ["here", "tls", "there"])
def test_a_lost_wifi_is_no_sick_hub(fault: Whose) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            doors = Doors(NotSent("x", fault=fault))
            for _ in range(5):
                await knock(gated(pair, doors))
            ours = fault == "here"
            assert (state(pair, Scope.NETWORK).state is State.CLOSED) is not ours
            assert (state(pair, Scope.HUB_USER).state is State.CLOSED) is ours

    run()


@virtual
async def test_health_is_red_while_a_hub_breaker_is_open_and_the_link_comes_back_by_itself() -> (
    None
):
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
            await anext(quotes)
            assert pair.tsx.health().ok
            sick = pair.faults.add(
                Fault(where="hub/market", what=f.RefuseUpgrade(status=503), times=None)
            )
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(
                lambda: state(pair, Scope.HUB_MARKET).state is not State.CLOSED, timeout_s=300
            )
            assert not pair.tsx.health().ok
            assert any("market hub: failing" in each for each in pair.tsx.health().problems)
            pair.faults.remove(sick)
            await eventually(lambda: pair.tsx.health().ok, timeout_s=300)
            await anext(quotes)


def test_each_hub_has_its_scope() -> None:
    assert SCOPES == {"user": Scope.HUB_USER, "market": Scope.HUB_MARKET}
