"""Real processes, real sockets, one session: nobody loses a request, and a killed holder holds nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.commands import Home, running_sim
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from topstepx.sim.server import SimServer

PROGRAM = """
import asyncio, json, random, sys
from topstepx.access import find_credentials, profile_of, rest_transport, shared_session
from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.net.auth import TokenKeeper
from topstepx.net.renewal import bearer

async def main(url, seconds):
    profile, clock = profile_of("sim", url), SystemClock()
    credentials = find_credentials(profile).credentials
    transport = rest_transport(profile, clock)
    keeper = TokenKeeper(transport, credentials, clock, jitter=random.random,
                         shared=shared_session(profile.environment, credentials, clock))
    print("started", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    running = asyncio.create_task(keeper.run())
    end_ns = clock.monotonic_ns() + round(seconds * NANOSECONDS)
    done = again = 0
    while clock.monotonic_ns() < end_ns or done <= 30:  # however slow this machine is
        token = await keeper.token(deadline_ns=clock.monotonic_ns() + 20 * NANOSECONDS)
        answer = await transport.send("POST", "/api/Account/search", headers=bearer(token),
                                      body=b'{"onlyActiveAccounts":true}', timeout_s=10)
        if answer.status == 401:
            keeper.refused(token)
            again += 1
            continue
        assert answer.status == 200, answer.status
        keeper.proven(token)
        done += 1
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await transport.close()
    print(json.dumps({"done": done, "again": again, "generation": keeper.machine.token.generation}))

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


@contextmanager
def programs(sim: SimServer, folder: Path, count: int, seconds: float) -> Iterator[list[Any]]:
    """So many programs of one user, each its own process."""
    home = Home(folder, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
    started = [
        subprocess.Popen(  # noqa: S603  this interpreter on our own package
            [sys.executable, "-c", PROGRAM, sim.url, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=home.variables(),
        )
        for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def go(*programs: subprocess.Popen[str]) -> None:
    """Let them begin together: how long this machine takes to load them is no part of it."""
    for process in programs:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def result(process: subprocess.Popen[str]) -> dict[str, int]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found: dict[str, int] = json.loads(out.splitlines()[-1])
    return found


def calls(sim: SimServer, route: str) -> int:
    return sum(arrival.route == route for arrival in sim.gateway.limits.arrivals)


def test_two_programs_share_one_session(tmp_path: Path) -> None:
    with running_sim(limited=False) as sim:
        sim.gateway.tokens.policy.life_s = 4.0
        sim.gateway.tokens.policy.rotation_kills = True
        with programs(sim, tmp_path, 2, 8.0) as both:
            began = sim.now()
            go(*both)
            found = [result(process) for process in both]
            lasted_s = (sim.now() - began).total_seconds()
        assert all(one["done"] > 30 for one in found)
        assert all(one["generation"] >= 3 for one in found)
        assert calls(sim, "Auth/loginKey") == 1
        # One validate for each half of a life, not one for each program.
        assert 3 <= calls(sim, "Auth/validate") <= lasted_s / 2 + 2


def test_the_holder_of_the_lock_is_killed(tmp_path: Path) -> None:
    """It dies inside its login, with the lock in its hands; the others log in at once."""
    with running_sim(limited=False) as sim:
        sim.gateway.faults.add(Fault(where="Auth/loginKey", what=f.LoseRequest(cut=False), times=1))
        with (
            programs(sim, tmp_path, 1, 30.0) as holder,
            programs(sim, tmp_path, 2, 5.0) as survivors,
        ):
            go(*holder)
            wait_for_struck(sim)
            go(*survivors)
            time.sleep(0.5)
            assert not sim.gateway.tokens.live(sim.now()), "they wait for the holder"
            os.kill(holder[0].pid, signal.SIGKILL)
            found = [result(process) for process in survivors]
        assert all(one["done"] > 30 for one in found)
        assert len(sim.gateway.tokens.live(sim.now())) == 1


def wait_for_struck(sim: SimServer) -> None:
    for _ in range(600):
        if sim.gateway.faults.struck:
            return
        time.sleep(0.05)
    raise AssertionError("nobody logged in")


def test_commands_share_one_session(tmp_path: Path) -> None:
    with running_sim() as sim:
        home = Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
        account = "PRAC-V2-600001-47190001"
        here = ("--environment", "sim", "--url", sim.url, "--account", account)
        for command in ("orders", "positions", "orders"):
            done = home.run(command, *here)
            assert done.returncode == 0, done.stderr
        logins = sum(one.route == "Auth/loginKey" for one in sim.gateway.limits.arrivals)
        assert logins == 1
        (home.folder / "topstepx.toml").write_text("[profiles.sim]\nshare_session = false\n")
        assert home.run("orders", *here).returncode == 0
        logins = sum(one.route == "Auth/loginKey" for one in sim.gateway.limits.arrivals)
        assert logins == 2
