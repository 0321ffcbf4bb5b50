"""What goes wrong with the hubs and with what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.sim import fault_kinds as f

if TYPE_CHECKING:
    import random

    from topstepx.testing.storm.weather import Trouble, Weather

_POISON: Final = (
    "{]",
    '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":',
    '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":null}]}',
    '{"type":1,"target":"GatewayUserTrade","arguments":[{"action":0,"data":{"id":"x"}}]}',
    '{"type":1,"target":"GatewayUserSurprise","arguments":[42]}',
    '{"type":99}',
    "[]",
)


async def hubs_cut(weather: Weather, chance: random.Random) -> None:
    """The socket is gone without a word."""
    weather.add(_hub(chance), f.CutHub())


async def hubs_closed(weather: Weather, chance: random.Random) -> None:
    """A SignalR Close."""
    weather.add(_hub(chance), f.CloseHub(allow_reconnect=chance.choice((None, True, False))))


async def hubs_mute(weather: Weather, chance: random.Random) -> None:
    """The socket stays open and nothing comes, pings included."""
    weather.add(_hub(chance), f.Mute(), times=None, last_s=chance.uniform(5, 50))


async def hubs_deaf(weather: Weather, chance: random.Random) -> None:
    """Pings come, and events of a kind do not."""
    event = chance.choice(("*", "GatewayUserOrder", "GatewayUserTrade", "GatewayUserPosition"))
    weather.add("hub/user", f.DropEvents(event), times=None, last_s=chance.uniform(2, 30))


async def events_garbled(weather: Weather, chance: random.Random) -> None:
    """Events come twice, late and out of order."""
    for what in (f.DuplicateEvents(), f.ReorderEvents(), f.DelayEvents(chance.uniform(0.1, 3))):
        last_s, often = chance.uniform(5, 40), chance.uniform(0.05, 0.5)
        weather.add("hub/user", what, times=None, last_s=last_s, chance=often)


async def poison(weather: Weather, chance: random.Random) -> None:
    """A record that cannot be read, or that nobody knows."""
    weather.add(_hub(chance), f.Say(chance.choice(_POISON)))


async def kicks(weather: Weather, chance: random.Random) -> None:
    """`GatewayLogout`, as when somebody else logs in."""
    revoke = chance.random() < 0.5  # noqa: PLR2004  either way
    weather.add("hub/*", f.Kick(close=chance.random() < 0.7, revoke=revoke))  # noqa: PLR2004  most of the time


async def upgrades_refused(weather: Weather, chance: random.Random) -> None:
    """The next WebSockets are refused."""
    status = chance.choice((401, 403, 429, 500, 503))
    weather.add(_hub(chance), f.RefuseUpgrade(status), times=chance.choice((1, 2, 4)), last_s=40)
    await hubs_cut(weather, chance)


async def handshakes_refused(weather: Weather, chance: random.Random) -> None:
    """The next SignalR handshakes are refused."""
    error = chance.choice(("Handshake was canceled.", "Unauthorized", "protocol"))
    weather.add(_hub(chance), f.RefuseHandshake(error), last_s=40)
    await hubs_cut(weather, chance)


async def subscriptions_refused(weather: Weather, chance: random.Random) -> None:
    """The next subscriptions fail or are never confirmed."""
    what = chance.choice((f.FailInvocation(), f.IgnoreInvocation(), f.LoseCompletion()))
    weather.add(_hub(chance), what, times=chance.choice((1, 2, 5)), last_s=40)
    await hubs_cut(weather, chance)


async def messages_sliced(weather: Weather, chance: random.Random) -> None:
    """Records arrive in pieces."""
    weather.add(_hub(chance), f.Slice(chance.choice((1, 7, 100))), times=None, last_s=15)


def _hub(chance: random.Random) -> str:
    return chance.choice(("hub/user", "hub/user", "hub/market", "hub/*"))


TROUBLES: Final[dict[str, Trouble]] = {
    "hubs cut": hubs_cut,
    "hubs closed": hubs_closed,
    "hubs mute": hubs_mute,
    "hubs deaf": hubs_deaf,
    "events garbled": events_garbled,
    "poison": poison,
    "kicks": kicks,
    "upgrades refused": upgrades_refused,
    "handshakes refused": handshakes_refused,
    "subscriptions refused": subscriptions_refused,
    "messages sliced": messages_sliced,
}
