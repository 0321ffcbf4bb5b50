"""Cards of sessions that a person repairs, and of downloads that a dying token does not hurt."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.sessions import HOUR_S, START, SessionWorld
from topstepx.clock import NANOSECONDS
from topstepx.core.link_effects import LinkState
from topstepx.core.mode import Mode, Operation
from topstepx.core.token import Session
from topstepx.desk.reading import PAGE_ROWS, Reader
from topstepx.errors import DeadlinePassed, LoginRefused, ModeRefused, NotSent, PinMismatch
from topstepx.events import AlarmRaised, ModeCauseAdded, ModeCauseCleared
from topstepx.settings import Credentials, Secret
from topstepx.sim import fault_kinds as f
from topstepx.store.login_log import SqliteLoginLog
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.wire import models
from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from topstepx.client import Client
    from topstepx.core.sharing import SharedSession
    from topstepx.net.transport import HttpAnswer, Hub, HubListener, HubSocket

LOGIN, VALIDATE, QUERY = "Auth/loginKey", "Auth/validate", "Order/v2/query"


# -- a login that was refused, and a person who put it right


async def locked(world: SessionWorld) -> int:
    """Lock the session of an account that is ready; the account's id."""
    account = await world.tsx.accounts.one("PRAC")
    await world.tsx.ready(account)
    await asyncio.sleep(10)
    world.gateway.users[world.gateway.user_name].login_code = 9
    world.gateway.tokens.revoke_all()
    with pytest.raises(LoginRefused):
        await world.read()
    assert world.tsx.state.mode(account.id) is Mode.HALTED
    return account.id


@virtual
async def test_a_locked_session_is_released_by_hand() -> None:
    async with SessionWorld() as world:
        account_id = await locked(world)
        world.told.clear()
        logins = world.calls(LOGIN)

        await world.tsx.resume()  # nothing was put right
        with pytest.raises(LoginRefused):
            await world.read()
        assert world.told == [
            "free session_locked",
            "locked",
            "restricted session_locked",
            "alarm session_locked",
        ]
        assert world.calls(LOGIN) == logins + 1
        await asyncio.sleep(HOUR_S)
        assert world.calls(LOGIN) == logins + 1

        world.gateway.users[world.gateway.user_name].login_code = 0
        world.told.clear()
        await world.tsx.resume()
        assert await world.read() == 4
        assert world.told == ["free session_locked", "refreshed 2"]
        await asyncio.sleep(60)
        assert world.tsx.health().session is Session.GOOD
        assert world.tsx.health().user_hub is LinkState.LIVE
        assert world.tsx.state.mode(account_id) is Mode.ACTIVE


@virtual
async def test_a_key_that_was_exchanged_is_read_again() -> None:
    world = SessionWorld()
    asked: list[str] = []

    async def again() -> tuple[Credentials, SharedSession | None]:
        asked.append("key")
        return Credentials(world.gateway.user_name, Secret("the new key")), None

    world.reread = again
    async with world:
        await asyncio.sleep(10)
        user = world.gateway.users[world.gateway.user_name]
        user.api_key = "the new key"
        world.gateway.tokens.revoke_all()
        with pytest.raises(LoginRefused, match="InvalidCredentials"):
            await world.read()
        assert asked == []
        await world.tsx.resume()
        assert await world.read() == 4
        assert asked == ["key"]


@virtual
async def test_what_halted_says_after_a_refused_login_can_be_done() -> None:
    async with SessionWorld() as world:
        await locked(world)
        account = world.tsx.accounts.known("PRAC-V2-600001-47190001")
        with pytest.raises(ModeRefused) as caught:
            world.tsx._record.ledger.modes.check(Operation.ENTRY, account.id)
        assert "resume" in str(caught.value)
        assert "by itself" not in str(caught.value)


# -- the very first login


class Nowhere:
    """What sends, and reaches nobody."""

    def __init__(self, error: NotSent) -> None:
        self.error = error
        self.sent: list[str] = []

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes, **times_s: object
    ) -> HttpAnswer:
        self.sent.append(path)
        raise self.error


class Unreached(SessionWorld):
    """Its gateway is out of reach from the start."""

    nowhere: Nowhere

    def client(self, *, api_key: str | None = None, shared: SharedSession | None = None) -> Client:
        client = super().client(api_key=api_key, shared=shared)
        self.rest.send = self.nowhere.send  # type: ignore[method-assign]  # the network
        return client


@virtual
@pytest.mark.parametrize(
    "error",
    [
        NotSent("Nothing listens on it.", lasting=True),
        PinMismatch("None of your pins.", next_step="Look."),
    ],
    ids=["nobody listens", "pins"],
)
async def test_what_a_moment_will_not_cure_is_told_at_once(error: NotSent) -> None:
    world, nowhere = Unreached(), Nowhere(error)
    world.nowhere = nowhere
    began = asyncio.get_running_loop().time()
    with pytest.raises(type(error), match=str(error)):
        async with world:
            raise AssertionError
    assert asyncio.get_running_loop().time() - began < 1
    assert nowhere.sent == ["/api/Auth/loginKey"]


@virtual
async def test_a_session_that_once_began_outlives_a_gateway_that_is_gone_for_minutes() -> None:
    async with SessionWorld() as world:
        await asyncio.sleep(10)
        world.gateway.tokens.revoke_all()
        send = world.rest.send
        gone = Nowhere(NotSent("Nothing listens on it.", lasting=True))

        async def no_logins(
            method: str,
            path: str,
            *,
            headers: Mapping[str, str],
            body: bytes,
            timeout_s: float,
            leave_within_s: float | None = None,
        ) -> HttpAnswer:
            del leave_within_s
            go = gone.send if path.startswith("/api/Auth/") else send
            return await go(method, path, headers=headers, body=body, timeout_s=timeout_s)

        world.rest.send = no_logins  # type: ignore[method-assign]  # the network, for a while
        reading = asyncio.create_task(world.read(timeout_s=600))
        await asyncio.sleep(180)
        assert not reading.done()
        assert len(gone.sent) > 3
        world.rest.send = send  # type: ignore[method-assign]  # and back
        assert await reading == 4


# -- somebody else answers in the hub's place


@virtual
async def test_a_hub_without_our_pins_stays_shut_until_a_person_looked() -> None:
    async with SessionWorld() as world:
        account = await world.tsx.accounts.one("PRAC")
        await world.tsx.ready(account)
        hubs = world.tsx._transports[1]
        open_, tries = hubs.open, 0

        async def stranger(
            hub: Hub,
            *,
            headers: Mapping[str, str],
            query: Mapping[str, str],
            listener: HubListener,
            timeout_s: float,
        ) -> HubSocket:
            nonlocal tries
            tries += 1
            raise PinMismatch("none of your pins is in it.", next_step="Look.")

        hubs.open = stranger  # type: ignore[method-assign]  # the network, for a while
        world.told.clear()
        world.break_("hub/user", f.CutHub())
        await asyncio.sleep(300)
        assert tries == 1
        assert world.tsx.health().user_hub is LinkState.CLOSED
        assert world.tsx.state.mode(account.id) is Mode.REDUCE_ONLY
        alarms = [one for one in world.facts if isinstance(one, AlarmRaised)]
        assert [one.name for one in alarms][-1] == "hub_closed"
        assert "pins" in alarms[-1].detail
        causes = {
            one.reason: one.account_id for one in world.facts if isinstance(one, ModeCauseAdded)
        }
        assert causes["hub_closed"] == account.id

        hubs.open = open_  # type: ignore[method-assign]  # the stranger is gone
        await world.tsx.resume(account)
        await asyncio.sleep(60)
        assert world.tsx.health().user_hub is LinkState.LIVE
        assert world.tsx.state.mode(account.id) is Mode.ACTIVE
        freed = {one.reason for one in world.facts if isinstance(one, ModeCauseCleared)}
        assert "hub_closed" in freed


# -- a token that dies inside a download


@virtual
async def test_a_token_that_dies_inside_an_order_history_costs_one_page() -> None:
    rows = 4 * PAGE_ROWS + 20

    async def download(*, dies: bool) -> tuple[list[int], int, int]:
        async with SessionWorld(limited=False) as world:
            account = await world.tsx.accounts.one("PRAC")
            contract = await world.tsx.contracts.front("MNQ")
            now = world.world.now()
            world.gateway.market.start(contract.id, now)
            for number in range(rows):
                request = models.PlaceRequest(
                    account_id=account.id,
                    contract_id=contract.id,
                    type=OrderType.LIMIT,
                    side=Side.BUY,
                    size=1,
                    limit_price=Decimal(20_000 + number),
                )
                placed = world.gateway.venue.place(request, now, origin="other")
                assert isinstance(placed.order_id, int), placed
                world.gateway.venue.cancel(
                    models.CancelRequest(account_id=account.id, order_id=placed.order_id), now
                )
            await asyncio.sleep(10)
            world.world.network.latency_s = 0.1
            reader = Reader(world.tsx._rest, world.tsx._record, world.tsx.settings)
            reading = asyncio.create_task(
                reader.orders_since(account.id, START - timedelta(hours=1))
            )
            if dies:
                await eventually(lambda: world.calls(QUERY) == 2)
                world.gateway.tokens.revoke_all()
            return [one.id for one in await reading], world.calls(QUERY), world.calls(LOGIN)

    whole, calls, logins = await download(dies=False)
    resumed, calls_with_401, logins_with_401 = await download(dies=True)
    assert len(whole) == rows
    assert resumed == whole
    assert calls == 5
    assert (calls_with_401, logins_with_401) == (calls + 1, logins + 1)


# -- the bound on logins


@virtual
async def test_a_bound_that_outlasts_the_deadline_is_told_at_once(tmp_path: Path) -> None:
    """What other programs and earlier runs used up counts; nobody waits in vain for it."""
    clock = LoopClock(start=START)
    log = SqliteLoginLog(tmp_path / "logins.sqlite", clock)
    for _ in range(4):
        assert log.claim(exit_waits=False) == 0
        await asyncio.sleep(6)
    world = SessionWorld(logins=SqliteLoginLog(tmp_path / "logins.sqlite", clock))
    began = clock.monotonic_ns()
    with pytest.raises(DeadlinePassed, match="Logins are used up") as caught:
        async with world:
            raise AssertionError
    assert caught.value.retry_after_s == pytest.approx(600 - 24, abs=2)
    assert "share" in caught.value.next_step
    assert clock.monotonic_ns() - began < 3 * NANOSECONDS
