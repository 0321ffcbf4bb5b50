# ruff: noqa: N802  the numbers are the fault catalogue's
"""The rows of the catalogue that are about sockets, on real ones: whole client, real server, fault proxy.

Time is compressed twenty times, so thirty seconds of silence take one and a half.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.link import LinkState
from topstepx.core.mode import Mode
from topstepx.core.terms import Market
from topstepx.errors import TopstepxError
from topstepx.events import (
    GapSuspected,
    HubReconnected,
    HubReconnecting,
    OrderObserved,
    PollingStarted,
    PollingStopped,
    TradeObserved,
)
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing import proxy_faults as w
from topstepx.testing.eventually import eventually
from topstepx.testing.hurry import hurried
from topstepx.testing.proxy_faults import WireFault
from topstepx.testing.socket_pair import SocketPair
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from decimal import Decimal

    from topstepx.desk.accounts import Account
    from topstepx.desk.contracts import Contract
    from topstepx.events import Event

SPEED = 40.0


class World:
    """A trader who is ready, and everything that he was told."""

    def __init__(self, pair: SocketPair, account: Account, contract: Contract) -> None:
        self.pair, self.tsx, self.proxy = pair, pair.tsx, pair.proxy
        self.account, self.contract = account, contract
        self.facts: list[Any] = []
        pair.tsx._record.listen(lambda event, _: self.facts.append(event))

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kinds)]

    def wire(self, what: w.What, where: str = "hub/user", **how: Any) -> Any:  # noqa: ANN401  parts of a fault
        return self.proxy.add(WireFault(where=where, what=what, **how))

    def gateway(self, what: f.What, where: str = "hub/user", **how: Any) -> Any:  # noqa: ANN401  as above
        return self.pair.faults.add(Fault(where=where, what=what, **how))

    def elsewhere(self, side: Side = Side.BUY, size: int = 1) -> None:
        """Another program trades on the account."""
        request = PlaceRequest(
            account_id=PRACTICE_ID,
            contract_id=self.contract.id,
            type=OrderType.MARKET,
            side=side,
            size=size,
        )
        self.pair.gateway.market.start(self.contract.id, self.pair.now())
        self.pair.gateway.venue.place(request, self.pair.now(), origin="other")
        self.pair.gateway.advance(self.pair.now())

    async def until_told(self, kind: type[Event], count: int = 1, timeout_s: float = 60) -> None:
        await eventually(lambda: len(self.of(kind)) >= count, timeout_s=timeout_s)

    async def until_quoted(self, price: Decimal) -> None:
        """Until the newest quote of the contract was last traded at this price."""

        def same() -> None:
            newest = self.tsx.market.newest(self.contract)
            assert newest is not None
            assert newest.last == price

        await eventually(same, timeout_s=20)

    async def until_level(self, timeout_s: float = 90) -> None:
        """Trading again, with the venue's own books, each thing told once."""
        await eventually(
            lambda: self.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE, timeout_s=timeout_s
        )
        await eventually(self.same_as_venue, timeout_s=20)
        trades = [fact.trade.id for fact in self.of(TradeObserved)]
        assert len(trades) == len(set(trades))
        steps = [(o.order.id, o.order.status, o.order.fill_volume) for o in self.of(OrderObserved)]
        assert len(steps) == len(set(steps))

    def same_as_venue(self) -> bool:
        ledger, truth = self.tsx.state, self.pair.truth
        orders = {b.id: (b.status, b.filled) for b in ledger.orders(PRACTICE_ID)}
        held = sum(b.net or 0 for b in ledger.positions(PRACTICE_ID))
        return (
            orders == {o.id: (o.status, o.fill_volume) for o in truth.orders(PRACTICE_ID)}
            and {b.id for b in ledger.trades(PRACTICE_ID)}
            == {o.id for o in truth.trades(PRACTICE_ID)}
            and held == truth.net_size(PRACTICE_ID, self.contract.id)
        )

    async def buy(self) -> None:
        """The way there and back works again: an order goes out and its fill comes in."""
        order = await self.tsx.orders.place(
            self.account, self.contract, Side.BUY, 1, at=Market(), allow_duplicate=True
        )
        await order.filled(timeout=30)


@asynccontextmanager
async def world(**parts: Any) -> AsyncIterator[World]:  # noqa: ANN401  passed on
    async with SocketPair(**parts) as pair:
        account = await pair.tsx.accounts.one(PRACTICE)
        contract = await pair.tsx.contracts.front("MNQ")
        await pair.tsx.ready(account)
        yield World(pair, account, contract)


def now_s() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
@pytest.mark.parametrize("how", ["S01", "S02"])
def test_S01_S02_S09_closed_or_reset_with_a_round_trip_in_the_gap(
    how: str, hub_socket: str
) -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world(hub_socket=hub_socket) as here:
            if how == "S01":
                here.gateway(f.CloseHub(allow_reconnect=True))
            else:
                assert here.proxy.reset("hub/user") == 1
            await here.until_told(HubReconnecting)
            here.elsewhere(Side.BUY, 2)
            here.elsewhere(Side.SELL, 2)
            await here.until_told(HubReconnected)
            await here.until_level()
            assert len(here.of(TradeObserved)) == len(here.pair.truth.trades(PRACTICE_ID)) >= 2
            assert here.of(PollingStarted)
            assert here.of(PollingStopped)
            await here.buy()

    body()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_S03_a_half_open_link_is_found_within_twenty_seconds(direction: w.Direction) -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            await asyncio.sleep(4)  # the first ping, which says that this server answers them
            here.wire(w.HalfOpen(), direction=direction, times=1)
            began = now_s()
            await here.until_told(HubReconnecting)
            assert (
                now_s() - began < 27
            )  # twenty by the rule; a stall of this machine counts 20 times
            assert "the link is dead" in here.of(HubReconnecting)[0].reason
            here.elsewhere()
            await here.until_level()
            assert len(here.of(TradeObserved)) == 1
            await here.buy()

    body()


def test_S04_a_hub_that_answers_pings_but_says_nothing_is_given_up_after_thirty_seconds() -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            mute = here.gateway(f.Mute(), times=None)
            began = now_s()
            await here.until_told(HubReconnecting)
            assert 14 < now_s() - began < 40
            assert "30 s" in here.of(HubReconnecting)[0].reason
            here.pair.faults.remove(mute)
            await here.until_level()
            await here.buy()

    body()


def test_P20_all_sockets_die_silently_and_the_new_path_is_found() -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            here.wire(w.BlackHole(), where="*")
            began = now_s()
            await here.until_told(HubReconnecting)
            assert now_s() - began < 27
            assert here.tsx.state.mode(PRACTICE_ID) is Mode.REDUCE_ONLY
            here.elsewhere()
            here.proxy.clear()
            await here.until_level(120)
            await here.buy()

    body()


def test_a_gateway_that_is_gone_for_a_while_is_found_again_without_a_storm() -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            before = here.proxy.accepted
            refuse = here.wire(w.Refuse(), where="*")
            here.proxy.reset()
            await here.until_told(HubReconnecting)
            await asyncio.sleep(10)
            here.elsewhere()
            assert here.tsx.health().user_hub is not LinkState.LIVE
            here.proxy.remove(refuse)
            await here.until_level(120)
            assert here.proxy.accepted - before < 25
            await here.buy()

    body()


def test_S18_S19_S20_refused_handshake_final_close_and_401_come_back() -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            troubles: tuple[f.What, ...] = (
                f.RefuseHandshake("The protocol 'json' is not supported."),
                f.RefuseUpgrade(401),
                f.CloseHub(allow_reconnect=False),
            )
            for number, what in enumerate(troubles, start=1):
                here.gateway(what)
                if number < 3:
                    here.proxy.reset("hub/user")
                await here.until_told(HubReconnected, number)
                await here.until_level()
            reasons = " ".join(fact.reason for fact in here.of(HubReconnecting))
            for word in ("protocol", "401", "the hub closed"):
                assert word in reasons
            await here.buy()

    body()


@pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
def test_S21_S22_big_records_in_packets_of_any_size_are_whole(hub_socket: str) -> None:
    """The book (with an update of more than a mebibyte in it) and the user's events, however the wire tears them."""

    @hurried(speed=5)
    async def body() -> None:
        async with world(hub_socket=hub_socket) as here:
            here.wire(w.Slice(1), where="hub/user", direction="down")
            here.wire(w.Slice(1), where="hub/user", direction="up")
            here.wire(w.Slice(4099), where="hub/market", direction="down")
            async with here.tsx.market.depth(here.contract) as book:
                assert (await anext(book)).is_valid
                row = '{"timestamp":"2026-11-23T15:00:00+00:00","type":4,"price":%d.25,"volume":1,"currentVolume":1}'
                rows = ",".join(row % (20_000 - number) for number in range(11_500))
                record = f'{{"type":1,"target":"GatewayDepth","arguments":["{here.contract.id}",[{rows}]]}}'
                assert len(record) > 1024 * 1024
                here.gateway(f.Say(record), where="hub/market")

                async def until_deep() -> None:
                    async for message in book:
                        if len(message.rows) > 11_000:
                            return

                await asyncio.wait_for(until_deep(), 40)
            await here.buy()
            await here.until_level()
            assert not here.of(HubReconnecting)
            assert not here.of(GapSuspected)

    body()


def test_S29_S30_a_hub_that_stays_away_is_polled_and_its_return_repeats_nothing() -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            away = here.gateway(f.RefuseUpgrade(503), times=None)
            here.proxy.reset("hub/user")
            await here.until_told(HubReconnecting)
            for number in range(3):
                here.elsewhere(Side.SELL if number % 2 else Side.BUY)
                await eventually(here.same_as_venue, timeout_s=15)
            here.pair.faults.remove(away)
            await here.until_level()
            assert len(here.of(TradeObserved)) == 3

    body()


@pytest.mark.parametrize(
    "what",
    [
        w.Latency(0.4, jitter_s=0.4),
        w.Throttle(30_000),
        w.Slice(7),
    ],
    ids=["latency", "throttle", "slice"],
)
def test_a_bad_line_is_slower_and_otherwise_the_same(what: w.What) -> None:
    @hurried(speed=10)
    async def body() -> None:
        async with world() as here:
            here.wire(what, where="*")
            for _ in range(2):
                await here.buy()
            here.elsewhere(Side.SELL, 2)
            await here.until_level()
            assert not here.of(HubReconnecting)

    body()


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        ("N01", f.Answer(500)),
        ("N02", f.Edit(path="positions", op="drop")),
        ("W07", f.Edit(path="positions", op="value", value="three")),
        ("W09", None),
        ("I12", w.Truncate(150)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_N01_N02_W07_W09_a_list_that_did_not_come_whole_is_never_empty(
    row: str,
    trouble: Any,  # noqa: ANN401  a fault of the wire or of the gateway
) -> None:
    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            await here.buy()
            route = "Position/searchOpen"
            if row == "W09":
                bomb = '{"positions":[],"pad":"' + "0" * 4_000_000
                here.gateway(f.Answer(200, body=bomb), where=route, times=None)
            elif isinstance(trouble, w.Truncate):
                here.wire(trouble, where=route, direction="down")
            else:
                here.gateway(trouble, where=route, times=None)
            with pytest.raises(TopstepxError):
                await here.tsx.positions.open(here.account)
            assert here.tsx.state.positions(PRACTICE_ID)[0].net == 1, "what was known stays known"
            here.pair.faults.clear()
            here.proxy.clear()
            await eventually(here.same_as_venue, timeout_s=60)

    body()


def test_an_answer_that_drips_ends_at_its_deadline_and_nothing_else_waits() -> None:
    """A slow loris on the other side: one byte a second, for ever."""

    @hurried(speed=SPEED)
    async def body() -> None:
        async with world() as here:
            here.wire(w.Slice(1, pause_s=1.0), where="Position/searchOpen", direction="down")
            began = now_s()
            reading = asyncio.create_task(here.tsx.positions.open(here.account))
            await here.buy()
            assert now_s() - began < 10, "an order beside it is not held up"
            with pytest.raises(TopstepxError):
                await reading
            assert now_s() - began < 60
            here.proxy.clear()
            await eventually(here.same_as_venue, timeout_s=60)

    body()
