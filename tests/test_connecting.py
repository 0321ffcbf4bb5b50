"""`connect`: every wrong argument has its own error, and what it starts really ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

import topstepx
from topstepx.errors import (
    ConfigurationError,
    CredentialsMissing,
    LoginRefused,
    ProfileUnknown,
)
from topstepx.settings import ENVIRONMENTS
from topstepx.sim.server import SimServer
from topstepx.store.credentials_environment import FAMILIES, names_of

ACCOUNT = "PRAC-V2-600001-47190001"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keychain, no variables, no settings files: nobody who could log in."""
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.delenv("TOPSTEPX_PASSPHRASE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    for family in FAMILIES:
        for name in names_of(family):
            monkeypatch.delenv(name, raising=False)


# ---------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize(
    ("name", "parts", "words"),
    [
        ("topstep", {}, "topstep"),
        ("", {}, "Choose|profile|environment"),
        ("SIM ", {}, "Choose|profile|environment"),
        ("topstepx", {"url": "http://127.0.0.1:5000"}, "only the simulator has an address"),
        ("sim", {"url": "http://example.test:5000"}, "on this machine"),
        ("sim", {"url": "https://api.topstepx.com"}, "on this machine"),
        ("sim", {"url": "http://127.0.0.1:port"}, "no address"),
        ("sim", {"url": "http://127.0.0.1:5000/api"}, "not part of an address"),
        ("sim", {"url": "http://u:canary@127.0.0.1:5000"}, "no user, password or query"),
        ("sim", {"max_contracts": 2, "limits": topstepx.Limits()}, "both given"),
        ("sim", {"max_contracts": 0}, "at least 1"),
        ("sim", {"max_contracts": 1.5}, "at least 1"),
        ("sim", {"max_contracts": True}, "at least 1"),
        ("sim", {"user_name": "me", "api_key": "canary"}, "which has its own"),
        ("sim", {"user_name": "me"}, "which has its own"),
        ("topstepx", {"api_key": "canary"}, "without user_name"),
        ("topstepx", {"user_name": "me", "api_key": ""}, "API key .* is empty"),
        ("topstepx", {"user_name": "me", "api_key": topstepx.Secret(" ")}, "API key .* is empty"),
        ("topstepx", {"user_name": " ", "api_key": "canary"}, "user name .* is empty"),
    ],
)
def test_each_wrong_argument_has_its_own_error_before_anything_happens(
    name: str, parts: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as refused:
        topstepx.connect(name, **parts)
    assert refused.value.did_it_happen == "no"
    assert refused.value.next_step
    assert "canary" not in str(refused.value)


def test_an_unknown_environment_lists_those_there_are() -> None:
    with pytest.raises(ProfileUnknown, match="Did you mean topstepx"):
        topstepx.connect("topstep")
    with pytest.raises(ProfileUnknown) as unknown:
        topstepx.connect("nothing like it")
    for name in ("sim", *ENVIRONMENTS):
        assert name in str(unknown.value)


def test_the_environment_has_no_default() -> None:
    connect: Any = topstepx.connect
    with pytest.raises(TypeError):
        connect()
    with pytest.raises(TypeError):
        connect(environment_name="sim")


def test_without_credentials_the_fix_is_named_and_nothing_was_opened() -> None:
    async def enter() -> None:
        async with topstepx.connect("topstepx"):
            pytest.fail("nobody logged in")

    with pytest.raises(CredentialsMissing) as missing:
        asyncio.run(enter())
    said = str(missing.value)
    assert "topstepx login" in said
    assert "TOPSTEPX_USERNAME" in said or "PROJECT_X_USERNAME" in said or "environment" in said


# ---------------------------------------------------------------- what it starts ends


def sockets() -> int:
    """How many sockets this process holds."""
    links = Path("/proc/self/fd")
    count = 0
    for link in links.iterdir():
        try:
            count += str(link.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


async def work(tsx: topstepx.Client) -> None:
    """A bit of everything that opens something."""
    account = await tsx.accounts.one(ACCOUNT)
    mnq = await tsx.contracts.front("MNQ")
    async with tsx.market.quotes(mnq) as quotes:
        await anext(quotes)
    await tsx.ready(account)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count sockets")
@pytest.mark.parametrize("how", ["well", "error", "cancelled"])
def test_the_simulator_inside_ends_with_it(how: str) -> None:
    before, threads = 0, set(threading.enumerate())

    async def block() -> None:
        async with topstepx.connect("sim") as tsx:
            await work(tsx)
            assert sockets() > before
            if how == "error":
                raise ZeroDivisionError
            if how == "cancelled":
                me = asyncio.current_task()
                assert me is not None
                me.cancel()
                await asyncio.sleep(1)

    async def main() -> None:
        nonlocal before
        before = sockets()
        running = asyncio.create_task(block())
        await asyncio.wait({running})
        assert running.cancelled() == (how == "cancelled")
        if how == "error":
            assert isinstance(running.exception(), ZeroDivisionError)
        elif how == "well":
            running.result()
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert sockets() == before

    asyncio.run(main())
    assert set(threading.enumerate()) == threads


def test_two_programs_share_a_simulator_that_outlives_them() -> None:
    async def main() -> None:
        async with SimServer() as sim:
            for _ in range(2):
                async with topstepx.connect(
                    "sim", url=sim.url, user_name=sim.user_name, api_key=sim.api_key
                ) as tsx:
                    await work(tsx)
            assert sim.gateway.sessions == [] or all(one.closed for one in sim.gateway.sessions)

    asyncio.run(main())


def test_a_wrong_key_is_an_error_on_entering() -> None:
    async def main() -> None:
        async with SimServer() as sim:
            with pytest.raises(LoginRefused):
                async with topstepx.connect(
                    "sim", url=sim.url, user_name=sim.user_name, api_key="wrong"
                ):
                    pytest.fail("nobody logged in")

    asyncio.run(main())


def test_nothing_happens_before_it_is_entered() -> None:
    threads = threading.active_count()
    connection = topstepx.connect("sim")
    assert threading.active_count() == threads
    del connection


def test_a_slip_in_on_exit_is_refused_at_once() -> None:
    with pytest.raises(
        ConfigurationError, match=r"on_exit='flaten'.*keep, cancel_entries, flatten"
    ):
        topstepx.connect("sim", on_exit="flaten")  # type: ignore[arg-type]  # the slip is the point


def test_opening_positions_at_a_real_gateway_is_asked_for_and_says_what_was_not_tried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    topstepx.connect("topstepx", trade=True, exits_only=True)
    topstepx.connect("sim", trade=True, max_contracts=1)
    topstepx.connect("topstepx")
    assert not caplog.messages
    topstepx.connect("topstepx", trade=True, max_contracts=1)
    assert "has met no real one" in caplog.text


def test_sending_again_is_off_unless_it_is_asked_for() -> None:
    async def main(*, asked: bool) -> bool:
        connection = topstepx.connect("sim")
        async with topstepx.connect("sim", send_lost_again=True) if asked else connection as tsx:
            return tsx._trading.resolver.resending is not None

    assert not asyncio.run(main(asked=False))
    assert asyncio.run(main(asked=True))
