"""One handshake with each hub."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sessions import START
from topstepx.errors import AnswerLost, HandshakeRefused, TopstepxError, UpgradeRefused
from topstepx.net.hub_probe import Placement, probe_hub
from topstepx.settings import Secret
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import virtual
from topstepx.testing.memory import MemoryGateway


async def probe(*whats: Any, auth_in: str = "both", token: str | None = None) -> Placement:  # noqa: ANN401  any fault
    async with MemoryGateway(Gateway.build(at=START)) as world:
        world.gateway.hubs.policy.auth_in = auth_in  # type: ignore[assignment]  # one of its words
        for what in whats:
            world.gateway.faults.add(Fault(where="hub/user", what=what, times=None))
        value = token or world.gateway.tokens.issue(world.gateway.user_name, world.now())
        hubs = world.hubs()
        try:
            return await probe_hub("user", hubs, Secret(value), timeout_s=5)
        finally:
            await hubs.close()


@virtual
@pytest.mark.parametrize(("auth_in", "found"), [("both", "header"), ("query", "query")])
async def test_where_the_token_travels(auth_in: str, found: str) -> None:
    assert await probe(auth_in=auth_in) == found


@virtual
@pytest.mark.parametrize(
    ("what", "error"),
    [
        (f.RefuseUpgrade(503), UpgradeRefused),
        (f.RefuseHandshake(), HandshakeRefused),
        (f.Mute(), AnswerLost),
    ],
)
async def test_troubles(what: Any, error: type[TopstepxError]) -> None:  # noqa: ANN401  any fault
    with pytest.raises(error):
        await probe(what)


@virtual
async def test_a_token_that_neither_place_takes() -> None:
    with pytest.raises(UpgradeRefused, match="401"):
        await probe(token="no.such.token")
