"""What the trader does: one function for each habit, which gives the act to be awaited."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from topstepx.core.terms import (
    Bracket,
    CancelRest,
    JoinAsk,
    JoinBid,
    Limit,
    Market,
    Stop,
    TrailingStop,
)
from topstepx.testing.storm.notebook import Flat
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from topstepx.testing.storm.trader import Trader

_FILL_S = 20.0
_BARS = timedelta(hours=2)


def _terms(trader: Trader, at: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401  parts of `place`
    side = more.pop("side", None) or trader.chance.choice((Side.BUY, Side.SELL))
    size = trader.chance.randint(1, 3)
    return {"side": side, "size": size, "at": at, "allow_duplicate": True, **more}


async def _wish(trader: Trader, at: object, **more: Any) -> object:  # noqa: ANN401  parts of `place`
    return await trader.place(trader.book.wish(_terms(trader, at, **more), trader.which()))


def _away(trader: Trader, side: Side, points: int) -> Limit:
    """A limit that rests so many points from the market (negative: beyond it)."""
    return Limit(trader.world.price() - side.sign * points)


async def market(trader: Trader) -> object:
    """At the market; sometimes what is left of a partial fill goes."""
    remainder = CancelRest(after_s=2) if trader.chance.random() < 0.2 else None  # noqa: PLR2004  now and then
    return await _wish(trader, Market(), remainder=remainder)


async def rest(trader: Trader) -> object:
    """Far from the market: it works until somebody cancels it."""
    side = trader.chance.choice((Side.BUY, Side.SELL))
    return await _wish(trader, _away(trader, side, trader.chance.randint(100, 300)), side=side)


async def near(trader: Trader) -> object:
    """Near the market: it fills sooner or later."""
    side = trader.chance.choice((Side.BUY, Side.SELL))
    return await _wish(trader, _away(trader, side, trader.chance.randint(-2, 5)), side=side)


async def bracket(trader: Trader) -> object:
    """With a stop and a target."""
    ticks = trader.chance.choice((8, 40, 400))
    legs = Bracket(
        stop_ticks=ticks,
        target_ticks=ticks,
        trailing=trader.chance.random() < 0.2,  # noqa: PLR2004  now and then
    )
    return await _wish(trader, Market(), bracket=legs)


async def stop_entry(trader: Trader) -> object:
    """A stop that enters."""
    side = trader.chance.choice((Side.BUY, Side.SELL))
    away = trader.chance.choice((2, 50, 200))
    return await _wish(trader, Stop(trader.world.price() + side.sign * away), side=side)


async def trailing(trader: Trader) -> object:
    """A trailing stop of its own."""
    side = trader.chance.choice((Side.BUY, Side.SELL))
    return await _wish(trader, TrailingStop(trader.world.price() + side.sign * 20), side=side)


async def join(trader: Trader) -> object:
    """At the best price of a side."""
    side = trader.chance.choice((Side.BUY, Side.SELL))
    return await _wish(trader, JoinBid() if side is Side.BUY else JoinAsk(), side=side)


async def cancel(trader: Trader) -> object:
    """One of what works."""
    working = trader.working()
    return await trader.chance.choice(working).cancel() if working else None


async def modify(trader: Trader) -> object:
    """Another price or size for something that rests."""
    resting = [one for one in trader.working() if one.limit_price is not None]
    if not resting:
        return None
    order = trader.chance.choice(resting)
    price, side, size = order.limit_price, order.side, order.size
    if price is None or side is None or size is None:
        return None
    away = price - side.sign * trader.world.tick * trader.chance.randint(1, 9)
    if trader.chance.random() < 0.3:  # noqa: PLR2004  now and then
        return await order.modify(size=size + 1)
    return await order.modify(limit=away)


async def move(trader: Trader) -> object:
    """The stop of something, or its limit, to another price."""
    working = [one for one in trader.working() if one.stop_price is not None]
    if not working:
        return await modify(trader)
    order = trader.chance.choice(working)
    price, side = order.stop_price, order.side
    if price is None or side is None:
        return None
    return await order.move(price + side.sign * trader.world.tick * trader.chance.randint(1, 9))


async def await_fill(trader: Trader) -> object:
    """Wait for one of what works to fill."""
    working = trader.working()
    return await trader.chance.choice(working).filled(_FILL_S) if working else None


async def close(trader: Trader) -> object:
    """Out of the contract."""
    desk = trader.desk
    await desk.close()
    return Flat(desk.account.id, desk.contract.id)


async def close_part(trader: Trader) -> object:
    """One contract less."""
    return await trader.desk.close(1)


async def reduce(trader: Trader) -> object:
    """At most one contract is left."""
    return await trader.desk.reduce_to(1)


async def flatten(trader: Trader) -> object:
    """Out of everything."""
    return await trader.life.client.flatten(trader.account)


async def ask_again(trader: Trader) -> object:
    """Once more, by its key, for what was never answered definitely."""
    open_wishes = [wish for wish in trader.book.wishes.values() if wish.may_ask_again]
    return await trader.place(trader.chance.choice(open_wishes)) if open_wishes else None


async def walk_away(trader: Trader) -> object:
    """Begin something and cancel the call a moment later."""
    begun = trader.do("market", partial(market, trader))
    await asyncio.sleep(trader.chance.choice((0.0, 0.001, 0.01, 0.05, 0.3)))
    begun.cancel()
    return None


async def read(trader: Trader) -> object:
    """Lists, as the gateway has them now."""
    tsx, account = trader.life.client, trader.account
    lists: tuple[Callable[[], Coroutine[Any, Any, object]], ...] = (
        lambda: tsx.orders.open(account),
        lambda: tsx.positions.open(account),
        tsx.accounts.all,
        lambda: tsx.orders.history(account, start=trader.world.clock.now() - _BARS),
    )
    return await trader.chance.choice(lists)()


async def bars(trader: Trader) -> object:
    """A page of bars."""
    now = trader.world.clock.now()
    return await trader.life.client.market.bars(
        trader.life.contract,
        "1m",
        start=now - _BARS,
        end=now,
    )


async def burst(trader: Trader) -> object:
    """Forty reads at once: the request budget feels it."""
    reads = (read(trader) for _ in range(40))
    await asyncio.gather(*reads, return_exceptions=True)
    return None


HABITS: Final[dict[str, Callable[[Trader], Awaitable[object]]]] = {
    "market": market,
    "rest": rest,
    "near": near,
    "bracket": bracket,
    "stop entry": stop_entry,
    "trailing": trailing,
    "join": join,
    "cancel": cancel,
    "modify": modify,
    "move": move,
    "await fill": await_fill,
    "close": close,
    "close part": close_part,
    "reduce": reduce,
    "flatten": flatten,
    "ask again": ask_again,
    "walk away": walk_away,
    "read": read,
    "bars": bars,
    "burst": burst,
}
"""Every habit; its weight is in `options.WEIGHTS`."""
