"""The keeper: who waits, who is told, and sharing with another process; cards are in tests/cards."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.sessions import HOUR_S, START, SessionWorld
from topstepx.clock import NANOSECONDS
from topstepx.core.token import Session, Token
from topstepx.errors import AuthBroken, DeadlinePassed, LoginRefused
from topstepx.net.auth import SessionNews, TokenKeeper
from topstepx.net.renewal import bearer
from topstepx.settings import Credentials, Secret
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.store.login_log import SqliteLoginLog
from topstepx.store.shared_session import FileSession
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.memory import MemoryGateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from topstepx.core.logins import LoginLog
    from topstepx.core.sharing import SharedSession
    from topstepx.testing.memory import MemoryRest


class Bench:
    """One gateway and as many keepers as wanted."""

    def __init__(self, world: MemoryGateway) -> None:
        self.world = world
        self.gateway = world.gateway
        self.clock = LoopClock(start=START)
        self.credentials = Credentials(self.gateway.user_name, Secret(self.gateway.api_key))
        self.news: list[SessionNews] = []
        self.rests: list[MemoryRest] = []
        self.tasks: list[asyncio.Task[None]] = []

    def keeper(
        self,
        *,
        shared: SharedSession | None = None,
        logins: LoginLog | None = None,
        jitter: float = 0.5,
    ) -> TokenKeeper:
        rest = self.world.rest()
        self.rests.append(rest)  # the twin, for its list of what left
        keeper = TokenKeeper(
            rest,
            self.credentials,
            self.clock,
            jitter=lambda: jitter,
            shared=shared,
            logins=logins,
            told=self.news.append,
        )
        self.tasks.append(asyncio.create_task(keeper.run(), name="keeper"))
        return keeper

    async def token(self, keeper: TokenKeeper, timeout_s: float = 30) -> Token:
        deadline_ns = self.clock.monotonic_ns() + round(timeout_s * NANOSECONDS)
        return await keeper.token(deadline_ns=deadline_ns)

    def calls(self, path: str) -> int:
        return sum(sent == f"/api/Auth/{path}" for rest in self.rests for _, sent, _ in rest.sent)

    def shared(self, folder: Path) -> FileSession:
        return FileSession(folder, "api.example.test", self.credentials, self.clock, boot="one")


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with MemoryGateway(Gateway.build(at=START)) as world:
        made = Bench(world)
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
            await asyncio.gather(*made.tasks, return_exceptions=True)


@virtual
async def test_news_and_new_tokens_in_order() -> None:
    async with bench() as made:
        keeper = made.keeper()
        heard: list[int] = []
        stop = keeper.listen(lambda token: heard.append(token.generation))
        await made.token(keeper)
        for _ in range(2):
            await asyncio.sleep(6)
            token = await made.token(keeper)
            keeper.proven(token)
            keeper.refused(token)
            await made.token(keeper)
        assert heard == [1, 2, 3]
        assert [(one.session.name, one.generation) for one in made.news] == [
            ("GOOD", 1),
            ("SUSPECT", 1),
            ("GOOD", 2),
            ("SUSPECT", 2),
            ("GOOD", 3),
        ]
        stop()
        stop()


@virtual
async def test_nothing_said_holds_a_token() -> None:
    async with bench() as made:
        token = await made.token(made.keeper())
        value = token.value.reveal()
        for shown in (repr(made.news), repr(token), str(made.tasks), repr(made.credentials)):
            assert value not in shown
            assert made.gateway.api_key not in shown


@virtual
async def test_no_token_in_time_says_why() -> None:
    async with bench() as made:
        made.gateway.faults.add(Fault(where="Auth/loginKey", what=f.Answer(503), times=None))
        keeper = made.keeper()
        with pytest.raises(DeadlinePassed, match="HTTP 503"):
            await made.token(keeper, 3)
        made.gateway.faults.clear()
        assert (await made.token(keeper, 40)).generation == 1


@virtual
async def test_each_refusal_is_an_error_of_its_own() -> None:
    async with bench() as made:
        made.gateway.users[made.gateway.user_name].login_code = 7
        keeper = made.keeper()
        caught = []
        for _ in range(2):
            with pytest.raises(LoginRefused, match="agreements") as one:
                await made.token(keeper)
            caught.append(one.value)
        assert caught[0] is not caught[1]
        assert made.calls("loginKey") == 1


@virtual
async def test_logged_out() -> None:
    async with bench() as made:
        keeper = made.keeper()
        await keeper.logout()
        with pytest.raises(AuthBroken, match="logged out"):
            await made.token(keeper)
        assert made.calls("logout") == 0


@virtual
async def test_restarts_keep_the_bounds(tmp_path: Path) -> None:
    async with bench() as made:
        for _ in range(4):
            log = SqliteLoginLog(tmp_path / "logins.sqlite", made.clock, boot="one")
            await made.token(made.keeper(logins=log), 10)
        started = made.clock.monotonic_ns()
        log = SqliteLoginLog(tmp_path / "logins.sqlite", made.clock, boot="one")
        keeper = made.keeper(logins=log)
        with pytest.raises(DeadlinePassed, match="next one may leave in 5"):
            await made.token(keeper, 10)
        await made.token(keeper, 900)
        assert made.calls("loginKey") == 5
        assert (made.clock.monotonic_ns() - started) / NANOSECONDS == pytest.approx(585, abs=1)


@virtual
async def test_logins_that_never_left_do_not_count(tmp_path: Path) -> None:
    async with bench() as made:
        made.world.network.up = False
        log = SqliteLoginLog(tmp_path / "logins.sqlite", made.clock, boot="one")
        keeper = made.keeper(logins=log)
        with pytest.raises(DeadlinePassed):
            await made.token(keeper, 300)
        made.world.network.up = True
        await made.token(keeper, 40)


@virtual
async def test_several_processes_share_one_session(tmp_path: Path) -> None:
    async with bench() as made:
        keepers = [
            made.keeper(shared=made.shared(tmp_path), jitter=jitter) for jitter in (0.1, 0.5, 0.9)
        ]
        values = {(await made.token(keeper)).value.reveal() for keeper in keepers}
        assert len(values) == 1
        assert made.calls("loginKey") == 1
        await asyncio.sleep(40 * HOUR_S)
        assert made.calls("loginKey") == 1
        assert made.calls("validate") == 3
        assert len({(await made.token(keeper)).value.reveal() for keeper in keepers}) == 1


@virtual
async def test_a_401_in_one_process_is_one_login_for_all(tmp_path: Path) -> None:
    async with bench() as made:
        keepers = [made.keeper(shared=made.shared(tmp_path)) for _ in range(5)]
        tokens = [await made.token(keeper) for keeper in keepers]
        await asyncio.sleep(10)
        made.gateway.tokens.revoke_all()
        for keeper, token in zip(keepers, tokens, strict=True):
            keeper.refused(token)
        renewed = {(await made.token(keeper)).value.reveal() for keeper in keepers}
        assert len(renewed) == 1
        assert renewed.isdisjoint(token.value.reveal() for token in tokens)
        assert made.calls("loginKey") == 2


@virtual
async def test_an_adopted_token_that_is_refused_is_not_adopted_again(tmp_path: Path) -> None:
    async with bench() as made:
        first = made.keeper(shared=made.shared(tmp_path))
        await made.token(first)
        made.gateway.tokens.revoke_all()
        second = made.keeper(shared=made.shared(tmp_path))
        token = await made.token(second)
        second.refused(token)
        again = await made.token(second)
        assert again.value.reveal() != token.value.reveal()
        assert made.calls("loginKey") == 2
        assert second.machine.session is Session.GOOD


@virtual
async def test_a_holder_that_hangs_is_not_waited_for_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench() as made:
        hung = made.shared(tmp_path)
        assert hung.try_lock()
        await made.token(made.keeper(shared=made.shared(tmp_path)), 90)
        assert "going on without it" in caplog.text
        hung.unlock()


@virtual
async def test_a_record_out_of_reach_means_a_session_of_our_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions").chmod(0o777)
    async with bench() as made:
        await made.token(made.keeper(shared=made.shared(tmp_path)))
        assert "not shared" in caplog.text


@virtual
async def test_logout_takes_the_shared_record_along(tmp_path: Path) -> None:
    async with bench() as made:
        keeper = made.keeper(shared=made.shared(tmp_path))
        await made.token(keeper)
        await keeper.logout()
        assert made.shared(tmp_path).read() is None
        assert made.gateway.tokens.live(made.world.now()) == []


@virtual(seeds=[None, *range(5)])
async def test_a_whole_client_shares_too(tmp_path: Path) -> None:
    async with SessionWorld() as world:
        credentials = Credentials(world.gateway.user_name, Secret(world.gateway.api_key))
        folder = tmp_path / str(id(world))

        def shared() -> FileSession:
            return FileSession(folder, "sim", credentials, world.clock, boot="one")

        await asyncio.sleep(6)
        before = len(world.gateway.tokens.live(world.world.now()))
        async with world.client(shared=shared()) as one, world.client(shared=shared()) as two:
            await eventually(lambda: one._keeper.machine.session is Session.GOOD)
            await eventually(lambda: two._keeper.machine.session is Session.GOOD)
        assert len(world.gateway.tokens.live(world.world.now())) == before + 1


@virtual
async def test_three_days_with_short_tokens_and_failing_validates_lose_no_request() -> None:
    """A request every half minute; 5 % of the validates fail, and nobody notices."""
    async with bench() as made:
        made.gateway.tokens.policy.life_s = HOUR_S
        made.gateway.faults.add(
            Fault(where="Auth/validate", what=f.Answer(500), times=None, chance=0.05)
        )
        keeper, rest = made.keeper(), made.world.rest()
        body = b'{"onlyActiveAccounts":true}'
        for _ in range(72 * 120):
            token = await made.token(keeper)
            answer = await rest.send(
                "POST", "/api/Account/search", headers=bearer(token), body=body, timeout_s=5
            )
            assert answer.status == 200
            keeper.proven(token)
            await asyncio.sleep(30)
        failed = len(made.gateway.faults.struck)
        assert 2 <= failed <= 20
        assert made.calls("loginKey") == 1 + failed
        assert made.calls("validate") > 130
        assert keeper.machine.token is not None
        assert keeper.machine.token.generation == made.calls("validate") + 1
