"""What a served simulator does to itself, with hub sessions that must survive it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.sim_line import NOON, Line
from tests.support.sim_machine import Desk
from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.server import SimServer
from topstepx.testing.eventually import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_pings_keep_real_time_at_another_speed_and_after_a_load(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "state")
    policy = desk.machine.gateway.hubs.policy
    desk.machine.set_speed(4)
    assert policy.keep_alive_s == 60
    desk.machine.save(None)
    desk.machine.set_speed(2)
    desk.machine.load(None)
    assert desk.machine.gateway.hubs.policy.keep_alive_s == 30
    desk.machine.reset(None)
    assert desk.machine.gateway.hubs.policy.keep_alive_s == 30


def test_a_hub_session_survives_a_jump_and_a_token_does_not_outlive_its_day() -> None:
    desk = Desk()
    line = desk.line
    user = line.open("user")
    desk.machine.pause()
    desk.machine.jump(desk.machine.now().replace(hour=23))
    assert not user.session.closed
    desk.machine.jump(desk.machine.now().replace(day=7))
    assert not user.session.closed
    late = Line(desk.machine.gateway)
    late.token = line.token
    assert late.send("/api/Account/search", {"onlyActiveAccounts": True}).status == 401


def test_a_paused_server_still_pings_its_hubs() -> None:
    async def main() -> None:
        async with SimServer(at=NOON) as sim, aiohttp.ClientSession() as session:
            login = {"userName": sim.user_name, "apiKey": sim.api_key}
            async with session.post(f"{sim.url}/api/Auth/loginKey", json=login) as answer:
                token = (await answer.json())["token"]
            sim.gateway.hubs.policy.keep_alive_s = 0.4
            sim.machine.pause()
            url = f"{sim.url}/hubs/user?access_token={token}".replace("http", "ws", 1)
            async with session.ws_connect(url) as hub:
                await hub.send_str('{"protocol":"json","version":1}\x1e')
                heard = ""
                while heard.count("\x1e") < 3:  # two records may come in one message
                    heard += await hub.receive_str(timeout=10)
            assert heard.split("\x1e")[:3] == ["{}", '{"type":6}', '{"type":6}']

    asyncio.run(main())


def test_a_server_with_a_state_file_goes_on_where_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "sim.state"
        async with SimServer(at=NOON, state=path) as first:
            key, account = first.api_key, first.gateway.venue.floor.accounts[26282001]
            account.balance += 1
            ended = first.now()
        async with SimServer(state=path) as second:
            assert second.api_key == key
            assert second.gateway.venue.floor.accounts[26282001].balance == 150_001
            assert abs((second.now() - ended).total_seconds()) < 5

    asyncio.run(main())


def test_a_plan_sets_the_clock_ahead_and_lets_it_drift_for_a_while() -> None:
    async def main() -> None:
        async with SimServer(at=NOON) as sim:
            began = sim.now()
            sim.gateway.faults.add(Fault(where="gateway", what=f.StepClock(600)))
            await eventually(lambda: sim.now() - began > timedelta(seconds=600))
            assert sim.gateway.now - began > timedelta(seconds=599)
            until = sim.now() + timedelta(seconds=1)
            sim.gateway.faults.add(Fault(where="gateway", what=f.DriftClock(5), until=until))
            await eventually(lambda: sim.speed == 5)
            await eventually(lambda: sim.speed == 1)
            with pytest.raises(InvalidRequest, match="topstepx sim run"):
                sim.gateway.faults.add(Fault(where="client", what=f.Crash()))

    asyncio.run(main())


def test_another_gateway_ends_what_a_plan_did_to_the_clock(tmp_path: Path) -> None:
    async def main() -> None:
        async with SimServer(at=NOON, state=tmp_path / "sim.state") as sim:
            sim.gateway.faults.add(Fault(where="gateway", what=f.DriftClock(4)))
            await eventually(lambda: sim.speed == 4)
            sim.machine.save(None)
            sim.machine.load(None)
            assert sim.speed == 4  # it is in the plan that was loaded, once
            sim.machine.reset(None)
            assert sim.speed == 1

    asyncio.run(main())


def test_a_clock_that_stood_still_stands_still_again_and_one_that_ran_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "sim.state")
    desk.machine.save(None)
    desk.machine.pause()
    paused = str(tmp_path / "paused.state")
    desk.machine.save(paused)
    desk.machine.load(None)
    assert desk.do("clock/show")["paused"] is False
    desk.machine.load(paused)
    assert desk.do("clock/show")["paused"] is True
    desk.pass_time(100)
    assert desk.machine.now() == NOON
