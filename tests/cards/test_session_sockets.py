"""The session over real sockets: the same single flight, with real connections behind it."""

from __future__ import annotations

import asyncio
import random

from tests.support.commands import running_sim
from topstepx.access import rest_transport
from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.net.auth import TokenKeeper
from topstepx.net.renewal import bearer
from topstepx.profiles import read_profile
from topstepx.settings import Credentials, Secret
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

BODY = b'{"onlyActiveAccounts":true}'


async def hundred(url: str, credentials: Credentials) -> tuple[list[int], int]:
    """A hundred requests at once, each repeated after one 401; their statuses and how many 401 came."""
    clock = SystemClock()
    transport = rest_transport(read_profile("sim", url=url), clock)
    keeper = TokenKeeper(transport, credentials, clock, jitter=random.random)
    running = asyncio.create_task(keeper.run())
    unauthorized = 0

    async def one() -> int:
        nonlocal unauthorized
        for _ in range(2):
            token = await keeper.token(deadline_ns=clock.monotonic_ns() + 30 * NANOSECONDS)
            answer = await transport.send(
                "POST", "/api/Account/search", headers=bearer(token), body=BODY, timeout_s=10
            )
            if answer.status != 401:
                return answer.status
            unauthorized += 1
            keeper.refused(token)
        return 401

    try:
        assert await one() == 200
        await transport.send("POST", "/api/Status/ping", headers={}, body=b"", timeout_s=5)
        return list(await asyncio.gather(*(one() for _ in range(100)))), unauthorized
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await transport.close()


def test_a_hundred_401_over_real_sockets_cause_one_login() -> None:
    with running_sim(limited=False) as sim:
        credentials = Credentials(sim.user_name, Secret(sim.api_key))
        # The first request works; what comes after it finds every token revoked.
        sim.gateway.faults.add(
            Fault(where="Account/search", what=f.Answer(401), after=1, times=100)
        )
        statuses, unauthorized = asyncio.run(hundred(sim.url, credentials))
        logins = sum(one.route == "Auth/loginKey" for one in sim.gateway.limits.arrivals)
    assert statuses == [200] * 100
    assert unauthorized == 100
    assert logins == 2
