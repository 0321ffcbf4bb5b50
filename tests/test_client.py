"""The whole client: what it opens it closes, whatever fails, and outside the simulator it only reads."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import PRACTICE, PRACTICE_ID, mnq, practice
from topstepx.client import Client
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit, Market
from topstepx.errors import (
    AuthBroken,
    DeadlinePassed,
    LoginRefused,
    RecordUnavailable,
    TopstepxError,
    TradingDisabled,
)
from topstepx.events import (
    ClientStarted,
    ClientStopped,
    Event,
    ModeCauseAdded,
    OrderObserved,
    PositionObserved,
)
from topstepx.ports import Ports
from topstepx.settings import Credentials, Environment, Secret, Settings
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LIVE = Environment("topstepx", "https://api.example.test", "wss://rtc.example.test")


class Closing:
    """A transport that remembers whether it was closed; `fails` when it is."""

    def __init__(self, inner: Any, *, fails: bool = False) -> None:  # noqa: ANN401  either transport
        self._inner, self._fails = inner, fails
        self.closed = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the transport has
        return getattr(self._inner, name)

    async def close(self) -> None:
        self.closed += 1
        await self._inner.close()
        if self._fails:
            raise OSError("the socket would not close")


def client(
    pair: Pair,
    *,
    settings: Settings | None = None,
    key: str | None = None,
    journal: Any = None,  # noqa: ANN401  a journal or its stand-in
    fails: bool = False,
) -> tuple[Client, Closing, Closing]:
    """One more client of the pair's gateway, with transports that are watched."""
    rest, hubs = Closing(pair.world.rest(), fails=fails), Closing(pair.world.hubs())
    watched: tuple[Any, Any] = rest, hubs
    ports = Ports(
        watched[0],
        watched[1],
        clock=pair.clock,
        journal=MemoryJournal() if journal is None else journal,
        jitter=lambda: 0.5,
    )
    credentials = Credentials(pair.gateway.user_name, Secret(key or pair.gateway.api_key))
    return Client(settings or pair.tsx.settings, credentials, ports), rest, hubs


def others() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


# ---------------------------------------------------------------- beginning and ending


@virtual
async def test_a_life_is_in_the_record_from_its_start_to_its_clean_end() -> None:
    journal = MemoryJournal()
    async with Pair(journal=journal) as pair:
        await pair.tsx.ready(PRACTICE)
    facts: list[Event] = [row.event() for row in await journal.crash().rows()]
    started = [fact for fact in facts if isinstance(fact, ClientStarted)]
    assert [fact.environment for fact in started] == ["sim"]
    stopped = [fact for fact in facts if isinstance(fact, ClientStopped)]
    assert [(fact.reason, fact.clean) for fact in stopped] == [("left the context", True)]


@virtual
async def test_nothing_is_left_running_open_or_subscribed() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair)
        async with tsx:
            await tsx.ready(PRACTICE)
            async with tsx.market.quotes(await tsx.contracts.front("MNQ")) as quotes:
                await anext(quotes)
                assert len(pair.gateway.sessions) == 2
                assert others() > before
        await asyncio.sleep(0.1)
        assert others() == before
        assert (rest.closed, hubs.closed) == (1, 1)
        assert pair.gateway.sessions == []


def timers() -> list[str]:
    """What the loop will call for a client, now or ever."""
    loop: Any = asyncio.get_running_loop()
    names = [f"{h._callback.__module__}.{h._callback}" for h in loop._scheduled if not h._cancelled]
    return [name for name in names if name.startswith(("topstepx.desk", "topstepx.net"))]


@virtual
async def test_no_timer_holds_a_client_that_is_left() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        pair.tsx._keeper.doubted("it moves to a new token, and must try again in 20 s")
        pair.faults.add(
            Fault(where="hub/user", what=f.DropEvents("GatewayUserPosition"), times=None)
        )
        await asyncio.sleep(1)
        order = await pair.tsx.desk(account, contract).buy(1, at=Market())
        await order.filled(timeout=5)
        there = "\n".join(timers())
        assert "HubLink.move" in there
        assert "FillWatch._look" in there
    assert timers() == []


@virtual
async def test_an_error_inside_the_block_is_passed_on_and_everything_is_closed() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair)
        stream = tsx.events()

        async def fails() -> None:
            async with tsx:
                await tsx.ready(PRACTICE)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fails()
        await asyncio.sleep(0.1)
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)
        stopped = [fact async for fact in stream if isinstance(fact, ClientStopped)]
        assert [fact.reason for fact in stopped] == ["left by ZeroDivisionError"]


@virtual
async def test_a_cancelled_program_closes_everything() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair)

        async def works() -> None:
            async with tsx:
                await tsx.ready(PRACTICE)
                await asyncio.sleep(3600)

        running = asyncio.create_task(works())
        await asyncio.sleep(5)
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()
        await asyncio.sleep(0.1)
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)


@virtual
async def test_a_second_ctrl_c_while_leaving_still_closes_everything() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair)
        contract = await mnq(pair)

        async def works() -> None:
            async with tsx:
                account = await tsx.accounts.exact(PRACTICE)
                await tsx.desk(account, contract).buy(1, at=Limit("29000"))
                await asyncio.sleep(3600)

        running = asyncio.create_task(works())
        await asyncio.sleep(5)
        pair.faults.add(Fault(where="Order/cancel", what=f.Delay(60), times=None))
        running.cancel()
        await asyncio.sleep(0.5)
        assert not running.done(), "it takes back its entry first"
        running.cancel()
        await asyncio.wait({running}, timeout=20)
        assert running.cancelled()
        await asyncio.sleep(0.1)
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)


@virtual
async def test_a_part_that_cannot_be_closed_keeps_none_of_the_others_open() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair, fails=True)
        with pytest.raises(OSError, match="would not close"):
            async with tsx:
                await tsx.ready(PRACTICE)
        await asyncio.sleep(0.1)
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)


@virtual
async def test_a_wrong_key_is_refused_on_entering_and_leaves_nothing_behind() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair, key="wrong")
        with pytest.raises(LoginRefused) as refused:
            await tsx.__aenter__()
        assert refused.value.did_it_happen == "no"
        assert "wrong" not in str(refused.value)
        await asyncio.sleep(0.1)
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)


@virtual
async def test_a_gateway_that_cannot_be_reached_is_an_error_in_time() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair)
        pair.network.up = False
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(TopstepxError) as failed:
            await tsx.__aenter__()
        assert isinstance(failed.value, DeadlinePassed)
        assert failed.value.did_it_happen == "no"
        assert asyncio.get_running_loop().time() - began_s <= 30
        await asyncio.sleep(0.1)
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)


class Broken(MemoryJournal):
    """Cannot be opened."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def open(self) -> None:
        raise self._error


@virtual
async def test_a_bug_while_opening_the_journal_leaves_nothing_behind() -> None:
    async with Pair() as pair:
        before = others()
        tsx, rest, hubs = client(pair, journal=Broken(ZeroDivisionError()))
        with pytest.raises(ZeroDivisionError):
            await tsx.__aenter__()
        assert (others(), rest.closed, hubs.closed) == (before, 1, 1)


@virtual
async def test_a_journal_that_cannot_be_used_leaves_the_exits_open_and_says_so() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        tsx, _, _ = client(pair, journal=Broken(RecordUnavailable("the disk is gone")))
        async with tsx:
            account = await tsx.accounts.exact(PRACTICE)
            await tsx.ready(account)
            assert tsx.state.mode(account) is Mode.REDUCE_ONLY
            assert any("the disk is gone" in one for one in tsx.health().problems)
            with pytest.raises(TopstepxError) as refused:
                await tsx.desk(account, contract).buy(1, at=Market())
            assert refused.value.did_it_happen == "no"
        assert pair.truth.orders(PRACTICE_ID) == []


# ---------------------------------------------------------------- outside the simulator


@virtual
async def test_outside_the_simulator_every_change_is_refused_with_that_reason() -> None:
    async with Pair() as pair:
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        resting = await desk.buy(1, at=Limit("29000"))
        reader, _, _ = client(pair, settings=Settings(environment=LIVE))
        before = len(pair.gateway.limits.arrivals)
        async with reader as tsx:
            account = await tsx.accounts.exact(PRACTICE)
            contract = await tsx.contracts.front("MNQ")
            await tsx.ready(account)
            assert tsx.state.working(account), "reading works"
            found = tsx.orders.get(account, order_id=resting.id or 0)
            assert found is not None
            order, mine = found, tsx.desk(account, contract)
            changes: dict[str, Callable[[], Awaitable[object]]] = {
                "buy": lambda: mine.buy(1, at=Market()),
                "sell": lambda: mine.sell(1, at=Market()),
                "close": mine.close,
                "close some": lambda: mine.close(1),
                "cancel": order.cancel,
                "move": lambda: order.move("29001"),
                "flatten": lambda: tsx.flatten(account),
            }
            for name, change in changes.items():
                with pytest.raises(TradingDisabled, match="topstepx") as disabled:
                    await change()
                assert disabled.value.did_it_happen == "no", name
                assert disabled.value.next_step, name
        asked = {one.route for one in list(pair.gateway.limits.arrivals)[before:]}
        assert "Account/search" in asked
        assert not asked & {
            "Order/place",
            "Order/modify",
            "Order/cancel",
            "Position/closeContract",
            "Position/partialCloseContract",
        }
        assert [one.id for one in pair.truth.working(PRACTICE_ID)] == [resting.id]


# ---------------------------------------------------------------- the rest of its face


@virtual
async def test_events_are_facts_of_the_kinds_asked_for() -> None:
    async with Pair() as pair:
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        orders, everything = pair.tsx.events(OrderObserved, PositionObserved), pair.tsx.events()
        order = await desk.buy(1, at=Market())
        await order.filled(timeout=5)
        heard = [await anext(orders) for _ in range(3)]
        assert {fact.kind for fact in heard} <= {"OrderObserved", "PositionObserved"}
    kinds = [fact.kind async for fact in everything]  # the end of the client ends the stream
    assert {"IntentRecorded", "IntentAnswered", "OrderObserved", "TradeObserved"} <= set(kinds)
    assert kinds[-1] == "ClientStopped"


@virtual
async def test_resume_releases_what_is_latched_under_a_persons_name() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        record = pair.tsx._record
        record.commit(
            ModeCauseAdded(at=record.stamp(), account_id=account.id, reason="halted_by_hand")
        )
        assert pair.tsx.state.mode(account) is Mode.HALTED
        await pair.tsx.resume(account, released_by="Ada")
        assert pair.tsx.state.mode(account) is Mode.ACTIVE
        with pytest.raises(TopstepxError):
            await pair.tsx.resume("nobody")


@virtual
async def test_after_a_logout_nothing_works_and_nothing_logs_in_again() -> None:
    async with Pair() as pair:
        await pair.tsx.logout()
        with pytest.raises(AuthBroken, match="logged out"):
            await pair.tsx.accounts.all()
        await asyncio.sleep(3600)
        routes = [one.route for one in pair.gateway.limits.arrivals]
        assert (routes.count("Auth/loginKey"), routes.count("Auth/logout")) == (1, 1)


@virtual
async def test_leaving_logs_out_only_if_asked_to(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with Pair() as pair:
        pass
    assert not [one for one in pair.gateway.limits.arrivals if one.route == "Auth/logout"]
    async with Pair(settings={"logout_on_exit": True}) as pair:
        pass
    assert [one for one in pair.gateway.limits.arrivals if one.route == "Auth/logout"]
    assert not caplog.records
