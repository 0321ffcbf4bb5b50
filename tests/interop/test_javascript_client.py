"""The official JavaScript SignalR client on the simulator's hubs: a client that nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.javascript import absent, check_present, trading
from tests.support.running import run
from tests.support.sim_line import MNQ, PRACTICE
from topstepx.sim.fault_kinds import CloseHub, Kick, Say, Set, Slice
from topstepx.sim.faults import Fault
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import HalfOpen, WireFault

if TYPE_CHECKING:
    from tests.support.javascript import Calls, JavaScript, Trader

USER: Calls = {
    "SubscribeAccounts": (),
    "SubscribeOrders": (PRACTICE,),
    "SubscribePositions": (PRACTICE,),
    "SubscribeTrades": (PRACTICE,),
}
MARKET: Calls = {
    "SubscribeContractQuotes": (MNQ,),
    "SubscribeContractTrades": (MNQ,),
    "SubscribeContractMarketDepth": (MNQ,),
}
USER_EVENTS = {"GatewayUserAccount", "GatewayUserOrder", "GatewayUserPosition", "GatewayUserTrade"}
MARKET_EVENTS = {"GatewayQuote", "GatewayTrade", "GatewayDepth"}


@pytest.fixture
def node() -> str:
    """The path of Node."""
    check_present(absent(), ci=bool(os.environ.get("CI")))
    found = shutil.which("node")
    assert found is not None
    return found


def fault(trader: Trader, where: str, what: Any, **more: Any) -> None:  # noqa: ANN401  any kind
    trader.sim.gateway.faults.add(Fault(where=where, what=what, **more))


@pytest.mark.parametrize("skip_negotiation", [True, False], ids=["direct", "negotiated"])
def test_every_kind_of_event_arrives(node: str, *, skip_negotiation: bool) -> None:
    async def main() -> dict[str, int]:
        async with trading(node) as trader:
            js = trader.js
            # The official client sends its token in the header; here nothing else would open.
            trader.sim.gateway.hubs.policy.auth_in = "header"
            ids = await trader.connect("user", "market", skip_negotiation=skip_negotiation)
            assert all((one is None) is skip_negotiation for one in ids), ids
            await js.invoke_all("user", USER)
            await js.invoke_all("market", MARKET)
            order_id = await trader.trade_once()
            await js.until(lambda: set(js.seen()) >= USER_EVENTS | MARKET_EVENTS)
            await js.until(lambda: js.seen()["GatewayTrade"] >= 3)
            _check_user_events(js, order_id)
            _check_market_events(js)
            heard = js.seen()
            counts = await js.finish()
            assert all(counts[name] >= count for name, count in heard.items())
            assert trader.sim.gateway.sessions == []
            return counts

    counts = run(main())
    assert set(counts) == USER_EVENTS | MARKET_EVENTS
    assert all(count > 0 for count in counts.values())
    print(json.dumps({"skipNegotiation": skip_negotiation, "events": counts}, sort_keys=True))  # noqa: T201  the counts are there to be quoted


def _check_user_events(js: JavaScript, order_id: int) -> None:
    for name in USER_EVENTS:
        for arguments in js.named(name):
            (wrapped,) = arguments
            assert set(wrapped) == {"action", "data"}, (name, wrapped)
            assert type(wrapped["action"]) is int
            assert type(wrapped["data"]["id"]) is int
    orders = [one["data"] for (one,) in js.named("GatewayUserOrder")]
    assert order_id > 2**31  # beyond 32 bits, and exact in JavaScript too
    assert [one["status"] for one in orders if one["id"] == order_id][-1] == 2
    bought, sold = (one["data"] for (one,) in js.named("GatewayUserTrade"))
    assert (bought["orderId"], bought["side"], sold["side"]) == (order_id, 0, 1)
    assert "profitAndLoss" not in bought  # nothing was realised: the hubs leave nulls out
    assert isinstance(sold["profitAndLoss"], int | float)
    sizes = [one["data"]["size"] for (one,) in js.named("GatewayUserPosition")]
    assert sizes == [1, 0]
    assert {one["data"]["accountId"] for (one,) in js.named("GatewayUserPosition")} == {PRACTICE}
    assert js.named("GatewayUserAccount")[-1][0]["data"]["id"] == PRACTICE


def _check_market_events(js: JavaScript) -> None:
    for name in MARKET_EVENTS:
        for arguments in js.named(name):
            contract_id, payload = arguments
            assert contract_id == MNQ
            assert isinstance(payload, dict if name == "GatewayQuote" else list), (name, payload)
    first = js.named("GatewayQuote")[0][1]
    assert first["bestBid"] < first["bestAsk"]
    for _, trades in js.named("GatewayTrade"):
        assert all(trade["price"] > 0 and trade["volume"] > 0 for trade in trades)
    for _, rows in js.named("GatewayDepth"):
        assert all({"type", "price", "volume", "timestamp"} <= set(row) for row in rows)


def test_calls_are_completed_and_unsubscribing_ends_the_events(node: str) -> None:
    async def main() -> None:
        async with trading(node) as trader:
            js = trader.js
            await trader.connect("user", "market")
            await js.invoke_all("user", USER)
            await js.invoke_all("market", MARKET)
            await js.until(lambda: set(js.seen()) >= MARKET_EVENTS)
            for calls, hub in ((USER, "user"), (MARKET, "market")):
                off = {f"Un{name[0].lower()}{name[1:]}": args for name, args in calls.items()}
                await js.invoke_all(hub, off)
            before = js.seen()
            await trader.post(
                "Order/place", accountId=PRACTICE, contractId=MNQ, type=2, side=0, size=1
            )
            await asyncio.sleep(
                0.7
            )  # the market goes on: about a hundred events that must not come
            assert js.seen() == before

            for hub in ("user", "market"):
                reply = await js.invoke(hub, "SubscribeNothing", 1)
                assert "SubscribeNothing" in reply["error"], reply
                assert "Method does not exist" in reply["error"], reply
            reply = await js.invoke("user", "SubscribeOrders", 1)
            assert "Account 1 was not found" in reply["error"], reply
            reply = await js.invoke("market", "SubscribeContractQuotes")
            assert "Invocation provides 0 argument(s) but target expects 1" in reply["error"], reply
            await js.invoke_all("market", MARKET)  # a refused call costs nothing else

    run(main())


def test_after_a_close_it_reconnects_and_events_go_on_once_resubscribed(node: str) -> None:
    async def main() -> dict[str, int]:
        async with trading(node) as trader:
            js = trader.js
            await trader.connect("user", "market")
            await js.invoke_all("user", USER)
            await js.invoke_all("market", MARKET)
            await js.until(lambda: set(js.seen()) >= MARKET_EVENTS)
            first = set(trader.sim.gateway.sessions)
            for hub in ("user", "market"):
                fault(trader, f"hub/{hub}", CloseHub(allow_reconnect=True))
            back = {("user", "reconnected", None), ("market", "reconnected", None)}
            await js.until(lambda: back <= set(js.states))
            words = [error for _, state, error in js.states if state == "reconnecting"]
            assert len(words) == 2
            assert all(error and "Connection closed with an error." in error for error in words)
            second = set(trader.sim.gateway.sessions)
            assert len(second) == 2
            assert first.isdisjoint(second)
            # Subscriptions died with the connection; nobody hears anything before asking again.
            js.events.clear()
            await asyncio.sleep(0.4)
            assert js.events == []
            await js.invoke_all("user", USER)
            await js.invoke_all("market", MARKET)
            await trader.trade_once()
            await js.until(lambda: set(js.seen()) >= USER_EVENTS | MARKET_EVENTS)
            after = dict(js.seen())
            # A close that does not allow it is final for the official client.
            fault(trader, "hub/user", CloseHub(allow_reconnect=False))
            await js.until(lambda: any(one[:2] == ("user", "closed") for one in js.states))
            assert [session.hub for session in trader.sim.gateway.sessions] == ["market"]
            return after

    print(json.dumps({"after reconnecting": run(main())}, sort_keys=True))  # noqa: T201  the counts are there to be quoted


@pytest.mark.parametrize("trouble", ["cut", "half-open", "kicked"])
def test_all_seven_events_come_again_after_each_kind_of_loss(node: str, trouble: str) -> None:
    """Through the fault proxy: reset, a link that dies without a word, and another login's eviction."""

    async def main() -> dict[str, int]:
        async with trading(node) as trader, FaultProxy(trader.sim.port) as wire:
            js, hubs = trader.js, ("user", "market")
            trader.hub_url = wire.url
            patience: dict[str, Any] = {}
            if (
                trouble == "half-open"
            ):  # found by silence, which a machine that stands still keeps too
                patience = {"keepAlive": 200, "serverTimeout": 2500}
                fault(trader, "*", Set("hubs.keep_alive_s", 0.2))
            await trader.connect(*hubs, **patience)
            await _hear_everything(trader)
            if trouble == "cut":
                assert wire.reset("hub/*") == 2
            elif trouble == "half-open":
                dead = [
                    wire.add(WireFault(where=f"hub/{hub}", what=HalfOpen(), direction="down"))
                    for hub in hubs
                ]
                await js.until(lambda: sum(one[1] == "reconnecting" for one in js.states) == 2)
                for each in dead:
                    wire.remove(each)
            else:
                for hub in hubs:
                    fault(trader, f"hub/{hub}", Kick())
            if trouble == "kicked":  # a close without leave to come back: its user opens a new one
                await js.until(lambda: sum(one[1] == "closed" for one in js.states) == 2)
                assert js.seen()["GatewayLogout"] >= 1
                await trader.connect(*hubs, **patience)
            else:
                await js.until(lambda: sum(one[1] == "reconnected" for one in js.states) == 2)
            js.events.clear()
            await _hear_everything(trader)
            return dict(js.seen())

    after = run(main())
    print(json.dumps({"after": trouble, "events": after}, sort_keys=True))  # noqa: T201  the counts are there to be quoted


async def _hear_everything(trader: Trader) -> None:
    js = trader.js
    await js.invoke_all("user", USER)
    await js.invoke_all("market", MARKET)
    await trader.trade_once()
    await js.until(lambda: set(js.seen()) >= USER_EVENTS | MARKET_EVENTS)


def test_pings_keep_a_silent_hub_open_in_both_directions(node: str) -> None:
    async def main() -> None:
        async with trading(node) as trader:
            await trader.connect("user", keepAlive=200, serverTimeout=2000)
            fault(trader, "*", Set("hubs.client_timeout_s", 2.0))
            fault(trader, "*", Set("hubs.keep_alive_s", 0.2))
            (session,) = trader.sim.gateway.sessions
            await asyncio.sleep(3.0)  # without pings either end would have hung up by now
            assert trader.js.states == []
            assert trader.sim.gateway.sessions == [session]
            assert session.received_records >= 5
            # And when one end falls silent, the other notices.
            fault(trader, "*", Set("hubs.keep_alive_s", 60.0))
            await trader.js.until(lambda: trader.js.states)
            assert "Server timeout elapsed" in str(trader.js.states[0][2])

    run(main())


def test_it_takes_many_records_in_a_message_but_no_record_over_two_messages(node: str) -> None:
    """The official JavaScript client joins no records over messages: it hangs up and reconnects.

    The simulator therefore sends them so only as a planned fault, which is for our own client: that
    one must join them (see the codec's tests).
    """

    async def main() -> None:
        async with trading(node) as trader:
            js, faults = trader.js, trader.sim.gateway.faults
            await trader.connect("market", reconnectDelays=[50] * 40)
            records = [
                '{"type":6}',
                '{"type":1,"target":"GatewayTrade","arguments":["one",[]]}',
                '{"type":1,"target":"Unheard","arguments":[]}',
                '{"type":1,"target":"gatewaytrade","arguments":["two",[]]}',
            ]
            fault(trader, "hub/market", Say("\x1e".join(records)))
            await js.until(lambda: len(js.events) == 2)
            assert js.named("GatewayTrade") == [["one", []], ["two", []]]
            assert js.states == []

            fault(trader, "hub/market", Slice(16), times=None)
            reply = await js.invoke("market", "SubscribeContractQuotes", MNQ)
            assert "Message is incomplete." in reply["error"], reply
            hub, state, error = js.states[0]
            assert (hub, state) == ("market", "reconnecting")
            assert "Message is incomplete." in str(error)
            faults.clear()
            await js.until(lambda: js.states[-1][1] == "reconnected")
            js.events.clear()
            await js.invoke_all("market", MARKET)
            await js.until(lambda: set(js.seen()) >= MARKET_EVENTS)

    run(main())


def test_where_node_is_missing_it_skips_but_never_in_continuous_integration() -> None:
    check_present(None, ci=True)
    with pytest.raises(pytest.skip.Exception, match="no JavaScript client: node is not installed"):
        check_present("node is not installed", ci=False)
    with pytest.raises(pytest.fail.Exception, match=r"must run .* node is not installed"):
        check_present("node is not installed", ci=True)
