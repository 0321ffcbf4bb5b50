"""What goes wrong around the client: on the way, at the venue, on this computer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from topstepx.sim import fault_kinds as f
from topstepx.testing.storm.others import another_program

if TYPE_CHECKING:
    import random

    from topstepx.testing.storm.weather import Trouble, Weather


async def outage(weather: Weather, chance: random.Random) -> None:
    """Nothing can be reached for a while."""
    network = weather.world.network
    network.up = False
    network.cut_all("the network went down")
    try:
        await asyncio.sleep(chance.choice((1.0, 4.0, 15.0, 40.0)))
    finally:
        network.up = True


async def half_open(weather: Weather, chance: random.Random) -> None:
    """What is sent one way vanishes, and nobody is told."""
    network = weather.world.network
    up, down = chance.choice(((True, False), (False, True), (True, True)))
    network.lose_up, network.lose_down = up, down
    try:
        await asyncio.sleep(chance.choice((2.0, 10.0, 40.0)))
    finally:
        network.lose_up = network.lose_down = False
        # What was lost meanwhile is a hole in a stream: TCP would have broken these connections.
        network.cut_all("the connection timed out")


async def reset(weather: Weather, chance: random.Random) -> None:
    """Every connection breaks."""
    del chance
    weather.world.network.cut_all()


async def slow(weather: Weather, chance: random.Random) -> None:
    """Everything takes seconds."""
    network, options = weather.world.network, weather.world.options
    network.latency_s = chance.choice((0.5, 1.5, 3.0))
    try:
        await asyncio.sleep(chance.uniform(3, 20))
    finally:
        network.latency_s = options.latency_s


# ---------------------------------------------------------------- session and venue


async def revoked(weather: Weather, chance: random.Random) -> None:
    """All tokens are refused."""
    del chance
    weather.add("*", f.Revoke())


async def renewals_that_kill(weather: Weather, chance: random.Random) -> None:
    """A renewed token ends the old one and what hangs on it."""
    weather.add("*", f.Set("tokens.rotation_kills", value=True), last_s=chance.uniform(10, 60))


async def late_lists(weather: Weather, chance: random.Random) -> None:
    """One kind of list shows the world as it was."""
    names = ("orders", "open_orders", "query", "by_id", "trades", "positions")
    switch = f"venue.visibility_{chance.choice(names)}"
    value = chance.choice((1.0, 4.0, 10.0))
    weather.add("*", f.Set(switch, value), last_s=chance.uniform(5, 30))


async def chopped(weather: Weather, chance: random.Random) -> None:
    """Fills come in pieces."""
    switch = f.Set("venue.max_fill_size", chance.choice((1, 2)))
    weather.add("*", switch, last_s=chance.uniform(5, 60))


async def voided(weather: Weather, chance: random.Random) -> None:
    """The exchange takes a trade back."""
    world = weather.world
    account_id = world.some_account(chance)
    trades = [one for one in world.truth.trades(account_id) if not one.voided]
    if trades:
        world.gateway.venue.void_trade(chance.choice(trades).id, world.memory.now())
        world.gateway.advance(world.memory.now())


async def another(weather: Weather, chance: random.Random) -> None:
    """Another program acts on the account."""
    another_program(weather.world, chance)


async def liquidated(weather: Weather, chance: random.Random) -> None:
    """The firm cancels and closes everything, and mostly locks the account, now and then for good."""
    world, venue = weather.world, weather.world.gateway.venue
    account_id = world.some_account(chance)
    locks, opens_again = chance.random() < 0.7, chance.random() < 0.7  # noqa: PLR2004  more often than not
    venue.liquidate(account_id, world.memory.now(), lock=locks)
    world.moved()
    if locks and opens_again:
        try:
            await asyncio.sleep(chance.uniform(3, 40))
        finally:
            venue.set_can_trade(account_id, True, world.memory.now())  # noqa: FBT003  it may again
            world.moved()


async def legs_hidden(weather: Weather, chance: random.Random) -> None:
    """Legs of brackets exist and trade, and no list and no event shows them."""
    weather.add("*", f.Set("venue.hide_legs", value=True), last_s=chance.uniform(2, 25))


# ---------------------------------------------------------------- this computer


async def slow_disk(weather: Weather, chance: random.Random) -> None:
    """Writes to the journal hang."""
    life = weather.world.life
    if life is None:
        return
    life.journal.hold()
    try:
        await asyncio.sleep(chance.choice((0.2, 1.0, 3.0, 8.0)))
    finally:
        life.journal.release()


async def full_disk(weather: Weather, chance: random.Random) -> None:
    """Writes to the journal fail."""
    life = weather.world.life
    if life is None:
        return
    life.journal.fail()
    try:
        await asyncio.sleep(chance.choice((1.0, 5.0, 20.0)))
    finally:
        life.journal.recover()


async def wall_clock(weather: Weather, chance: random.Random) -> None:
    """Somebody sets the clock."""
    weather.world.clock.step_wall(chance.choice((-3600.0, -300.0, -2.0, 2.0, 300.0, 3600.0)))


async def lid(weather: Weather, chance: random.Random) -> None:
    """The computer sleeps."""
    weather.world.sleep(chance.choice((3.0, 40.0, 700.0)))


async def crash(weather: Weather, chance: random.Random) -> None:
    """The process is gone, this instant."""
    del chance
    await weather.restart(True)  # noqa: FBT003  it is a crash


async def restarted(weather: Weather, chance: random.Random) -> None:
    """The program leaves in order and starts again."""
    del chance
    await weather.restart(False)  # noqa: FBT003  it is no crash


TROUBLES: Final[dict[str, Trouble]] = {
    "outages": outage,
    "half-open links": half_open,
    "connections reset": reset,
    "slow minutes": slow,
    "tokens revoked": revoked,
    "renewals that kill": renewals_that_kill,
    "late lists": late_lists,
    "chopped fills": chopped,
    "trades voided": voided,
    "another program": another,
    "liquidations": liquidated,
    "legs hidden": legs_hidden,
    "slow disk": slow_disk,
    "full disk": full_disk,
    "wall clock set": wall_clock,
    "lid closed": lid,
    "crashes": crash,
    "restarts": restarted,
}
