"""Cards about the session and the hubs: nothing is missed, nothing is told twice, nobody is pestered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from topstepx.sim import fault_kinds as f
from topstepx.testing.conformance.stage import require

if TYPE_CHECKING:
    from topstepx.testing.conformance.stage import Stage

_BACK_S = 75.0
_AWAY_S = 4.0
_MUTE_S = 40.0
_READS_MAX = 15
_LOGINS_MAX = 3
_RENEWALS_MAX = 12
_CONNECTS_MAX = 8
_READS = ("*/search", "*/searchOpen", "*/searchById", "Order/v2/query")


async def revoked(stage: Stage) -> None:
    """The token is refused from now on: one login, and trading goes on."""
    await stage.begin()
    stage.fault("*", f.Revoke())
    await _bought_again(stage)


async def validate_down(stage: Stage) -> None:
    """The token is refused and its renewal fails: a login helps, and there are few of them."""
    await stage.begin()
    stage.fault("Auth/validate", f.Answer(503), times=None)
    stage.fault("*", f.Revoke())
    await _bought_again(stage)


async def too_many_on_reads(stage: Stage) -> None:
    """429 on every read for ten seconds: few are sent meanwhile, and then they work again."""
    await stage.begin()
    for route in _READS:
        stage.fault(route, f.Answer(429, headers={"Retry-After": "5"}), for_s=10.0)
    before = stage.struck(f.Answer)
    loop = asyncio.get_running_loop()
    until = loop.time() + 10.0
    while loop.time() < until:
        await stage.say("read")
        await asyncio.sleep(1.0)
    asked = stage.struck(f.Answer) - before
    require(asked > 0, "the program read nothing")
    require(asked <= _READS_MAX, f"{asked} reads were sent into ten seconds of 429")
    for _ in range(20):
        if (await stage.say("read"))["result"] == "done":
            return
        await asyncio.sleep(2.0)
    require(False, "reads do not work again 40 s after the last 429")  # noqa: FBT003  it is not so


async def missed_fill(stage: Stage) -> None:
    """The user hub is away for four seconds and a fill is missed: it is told, once."""
    await stage.begin()
    order = await stage.resting()
    stage.fault("hub/*", f.RefuseUpgrade(503), for_s=_AWAY_S)
    stage.fault("hub/*", f.CutHub())
    await asyncio.sleep(0.5)
    stage.fill(order)
    await asyncio.sleep(_AWAY_S)
    tried = stage.struck(f.RefuseUpgrade)
    require(tried <= 2 * _CONNECTS_MAX, f"the hubs were tried {tried} times in {_AWAY_S:g} s")
    await stage.told_once(await stage.trades(1), 30.0)
    await stage.level()


async def mute(stage: Stage) -> None:
    """The user hub stays connected and says nothing for 40 s: a fill is told within a minute, once."""
    await stage.begin()
    order = await stage.resting()
    stage.fault("hub/user", f.Mute(), for_s=_MUTE_S)
    stage.fill(order)
    await stage.told_once(await stage.trades(1), 60.0)
    await stage.level(30.0)


async def deaf(stage: Stage) -> None:
    """The user hub pings and tells no events: the fill of an own order is told within 45 s, once."""
    await stage.begin()
    stage.fault("hub/user", f.DropEvents(), times=None)
    await stage.bought()
    await stage.told_once(await stage.trades(1), 45.0)
    await stage.level(30.0)


async def doubled(stage: Stage) -> None:
    """Every event comes twice: each fill is told once."""
    await stage.begin()
    stage.fault("hub/user", f.DuplicateEvents(), times=None)
    await stage.bought()
    await stage.told_once(await stage.trades(1))
    await stage.level()


async def disordered(stage: Stage) -> None:
    """Events overtake each other: each fill is told once, and the position is right."""
    await stage.begin()
    stage.fault("hub/user", f.ReorderEvents(), times=None)
    await stage.bought()
    await stage.trades(1)
    await stage.bought("two", side="sell", size=2)
    await stage.told_once(await stage.trades(2), 45.0)
    await stage.level(45.0)


async def voided(stage: Stage) -> None:
    """The exchange takes a trade back: that is told once, and the position is right."""
    await stage.begin()
    await stage.bought()
    trade = (await stage.trades(1))[0]
    await stage.told_once([trade])
    stage.sim.gateway.venue.void_trade(trade.id, stage.now())
    stage.tell()
    await stage.level()
    await asyncio.sleep(1.0)
    times = stage.told("void")[trade.id]
    require(times == 1, f"the trade that was taken back is told as such {times} times")


# ---------------------------------------------------------------- what they share


async def _bought_again(stage: Stage) -> None:
    """Before long an order is accepted, every word on the way is so, and few renewals were tried."""
    logins, renewals = stage.asked("Auth/loginKey"), stage.asked("Auth/validate")
    loop = asyncio.get_running_loop()
    until, number = loop.time() + _BACK_S, 0
    accepted = False
    while not accepted:
        number += 1
        said = await stage.place(f"try {number}")
        accepted = said["result"] == "accepted"
        require(said["result"] != "unknown", "a 401 proves that nothing happened, it says unknown")
        stage.honest(said, int(accepted))
        require(accepted or loop.time() < until, f"no order is accepted {_BACK_S:g} s later")
        if not accepted:
            await asyncio.sleep(3.0)
    logins, renewals = (
        stage.asked("Auth/loginKey") - logins,
        stage.asked("Auth/validate") - renewals,
    )
    require(logins <= _LOGINS_MAX, f"{logins} logins")
    require(renewals <= _RENEWALS_MAX, f"{renewals} attempts to renew the token")
    await stage.level(30.0)
