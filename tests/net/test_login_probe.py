"""Proof that a key works."""

from __future__ import annotations

import pytest

from tests.support.sessions import START
from topstepx.errors import (
    AnswerLost,
    AnswerUnusable,
    AuthBroken,
    DeadlinePassed,
    LoginRefused,
    NotSent,
    TopstepxError,
)
from topstepx.net.login_probe import Proof, prove_login
from topstepx.settings import Credentials, Secret
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.memory import MemoryGateway


class Full:
    """A log of logins that is used up."""

    def claim(self, *, exit_waits: bool) -> float:
        return 40.0

    def take_back(self) -> None:
        return


async def prove(
    *faults: Fault, key: str | None = None, up: bool = True, logins: Full | None = None
) -> Proof:
    async with MemoryGateway(Gateway.build(at=START)) as world:
        for fault in faults:
            world.gateway.faults.add(fault)
        world.network.up = up
        credentials = Credentials(world.gateway.user_name, Secret(key or world.gateway.api_key))
        return await prove_login(world.rest(), credentials, LoopClock(start=START), logins=logins)


@virtual
async def test_it_works() -> None:
    proof = await prove()
    assert proof.accounts == 4
    assert proof.token.life_s == 86_400


@virtual
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(where="Auth/loginKey", what=f.Answer(503)), AnswerLost),
        (Fault(where="Account/search", what=f.Answer(401)), AuthBroken),
        (Fault(where="Account/search", what=f.Answer(200, "[]")), AnswerUnusable),
        (Fault(where="Account/search", what=f.DropAnswer()), AnswerLost),
    ],
)
async def test_it_does_not(fault: Fault, error: type[TopstepxError]) -> None:
    with pytest.raises(error) as caught:
        await prove(fault)
    assert caught.value.did_it_happen == "no"


@virtual
async def test_refused_unreachable_and_used_up() -> None:
    with pytest.raises(LoginRefused):
        await prove(key="wrong")
    with pytest.raises(NotSent):
        await prove(up=False)
    with pytest.raises(DeadlinePassed, match="in 40 s"):
        await prove(logins=Full())
