"""Carrying a renewal out: budget and breaker, the server's time, and what an answer means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.sessions import START, SessionWorld
from topstepx.core.breaker import Scope, State
from topstepx.core.token import Renewal, TokenMachine
from topstepx.errors import GatewayBusy, LoginRefused
from topstepx.net.renewal import Renewer, judge_answer, server_time
from topstepx.net.transport import HttpAnswer
from topstepx.settings import Credentials, Secret
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.memory import MemoryGateway
from topstepx.wire import routes


@pytest.mark.parametrize(
    ("date", "read"),
    [
        ("Mon, 23 Nov 2026 15:00:00 GMT", START),
        ("Mon, 23 Nov 2026 16:00:00 +0100", START),
        ("Mon, 23 Nov 2026 15:00:00 -0000", START),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_servers_time(date: str, read: datetime | None) -> None:
    assert server_time({"date": date}) == read
    assert server_time({}) is None


def test_the_servers_time_is_aware() -> None:
    found = server_time({"date": "Mon, 23 Nov 2026 15:00:00 GMT"})
    assert found is not None
    assert found.tzinfo is UTC


async def attempt(*answers: object, renewals: int = 1) -> tuple[TokenMachine, Renewer]:
    async with MemoryGateway(Gateway.build(at=START)) as world:
        for answer in answers:
            world.gateway.faults.add(Fault(where="Auth/*", what=answer))  # type: ignore[arg-type]  # any fault
        machine = TokenMachine(lambda: 0.5)
        credentials = Credentials(world.gateway.user_name, Secret(world.gateway.api_key))
        renewer = Renewer(machine, world.rest(), credentials, LoopClock(start=START), timeout_s=5)
        for _ in range(renewals):
            await renewer.renew(Renewal.LOGIN)
        renewer.close()
        return machine, renewer


@virtual
async def test_a_login() -> None:
    machine, renewer = await attempt()
    assert machine.token is not None
    assert machine.token.life_s == 86_400
    assert renewer.error is None


@virtual
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (f.Answer(500), "HTTP 500"),
        (f.Answer(200, "<html>"), "loginKey"),
        (f.Answer(200, "{}"), "lacks success"),
        (f.Answer(200, '{"success":true,"errorCode":3,"token":"t"}'), "contradicts"),
        (f.Answer(200, '{"success":true,"errorCode":0,"token":""}'), "without token"),
        (f.Answer(200, '{"success":false,"errorCode":99,"token":"t"}'), "99"),
        (f.Answer(302, headers={"location": "https://example.test"}), "HTTP 302"),
        (f.DropAnswer(cut=True), "reset"),
        (f.DropAnswer(cut=False), "no answer"),
    ],
)
async def test_what_is_no_token(answer: object, said: str) -> None:
    machine, renewer = await attempt(answer)
    assert machine.token is None
    assert machine.session.name == "ABSENT"
    assert said in str(renewer.error)


@virtual
@pytest.mark.parametrize("code", [1, 3, 7, 9, 10])
async def test_refused_for_good(code: int) -> None:
    body = f'{{"success":false,"errorCode":{code},"errorMessage":null,"token":null}}'
    machine, renewer = await attempt(f.Answer(200, body))
    assert machine.session.name == "LOCKED"
    assert isinstance(renewer.lock, LoginRefused)
    assert renewer.lock.next_step


@virtual
async def test_an_unknown_error_does_not_lock() -> None:
    body = '{"success":false,"errorCode":8,"errorMessage":null,"token":null}'
    machine, renewer = await attempt(f.Answer(200, body))
    assert machine.session.name == "ABSENT"
    assert renewer.lock is None


@virtual
async def test_too_many_requests() -> None:
    machine, renewer = await attempt(f.Answer(429))
    assert isinstance(renewer.error, GatewayBusy)
    assert machine.session.name == "ABSENT"


@virtual
async def test_logins_and_validates_are_behind_their_own_breaker() -> None:
    async with SessionWorld() as world:
        world.break_("Auth/*", f.Answer(503), times=None)
        for _ in range(6):
            world.tsx._keeper.machine.started(Renewal.VALIDATE)
            await world.tsx._keeper._renewer._ask(Renewal.VALIDATE)
        states = {one.scope: one.state for one in world.tsx._gate.snapshot()}
        assert states[Scope.AUTH] is not State.CLOSED
        assert states[Scope.TRADE_READ] is State.CLOSED
        assert await world.read() == 4
        sent = len(world.rest.sent)
        world.tsx._keeper.machine.started(Renewal.VALIDATE)
        await world.tsx._keeper._renewer._ask(Renewal.VALIDATE)
        assert len(world.rest.sent) == sent, "an open breaker lets nothing out"


@virtual
async def test_every_login_takes_a_place_in_the_budget() -> None:
    async with SessionWorld() as world:
        general = world.tsx._limiter.snapshot()[0]
        assert general.used == len(world.rest.sent)


def test_an_answer_is_judged_by_its_route() -> None:
    answer = HttpAnswer(200, {}, b'{"success":true,"errorCode":0,"newToken":null}')
    outcome = judge_answer(routes.VALIDATE, answer)
    assert outcome.breaks_contract
