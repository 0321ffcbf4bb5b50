"""What goes wrong with single requests and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from topstepx.sim import fault_kinds as f
from topstepx.testing.storm.weather import MUTATING, READING

if TYPE_CHECKING:
    import random

    from topstepx.testing.storm.weather import Trouble, Weather

_ROWS: Final = {
    "Order/v2/query": "orders",
    "Order/search": "orders",
    "Trade/search": "trades",
    "Position/searchOpen": "positions",
    "Account/search": "accounts",
}
_HTML: Final = "<html><h1>502 Bad Gateway</h1></html>"


async def answers_lost(weather: Weather, chance: random.Random) -> None:
    """Executed, and the answer is lost."""
    weather.strike(chance, f.DropAnswer(cut=chance.random() < 0.5))  # noqa: PLR2004  either way


async def requests_lost(weather: Weather, chance: random.Random) -> None:
    """It never arrives."""
    weather.strike(chance, f.LoseRequest(cut=chance.random() < 0.5))  # noqa: PLR2004  either way


async def requests_held(weather: Weather, chance: random.Random) -> None:
    """It is executed later, when the client may have given up."""
    seconds = chance.choice((0.5, 3.0, 8.0, 25.0, 70.0))
    weather.strike(chance, f.Hold(seconds), MUTATING)


async def answers_late(weather: Weather, chance: random.Random) -> None:
    """Executed at once and answered late."""
    weather.strike(chance, f.Delay(chance.choice((0.5, 2.0, 4.5, 9.0))))


async def answers_torn(weather: Weather, chance: random.Random) -> None:
    """The connection breaks inside the answer."""
    weather.strike(chance, f.Cut(chance.choice((0, 1, 10, 40))))


async def bad_gateway(weather: Weather, chance: random.Random) -> None:
    """A 5xx in HTML, from before or after it was executed."""
    when: Literal["before", "after"] = chance.choice(("before", "after"))
    weather.strike(chance, f.Answer(chance.choice((500, 502, 503, 504)), _HTML, when=when))


async def too_many(weather: Weather, chance: random.Random) -> None:
    """A 429 that is not deserved."""
    headers = chance.choice(({}, {}, {"Retry-After": "3"}))
    weather.strike(chance, f.Answer(429, headers=headers))


async def unauthorized(weather: Weather, chance: random.Random) -> None:
    """A 401 for a token that is good."""
    weather.strike(chance, f.Answer(401), MUTATING + READING)


async def odd_codes(weather: Weather, chance: random.Random) -> None:
    """Executed, and answered with a code that says nothing."""
    weather.strike(chance, f.Edit("errorCode", "value", chance.choice((6, 7, 99))), MUTATING)


async def lists_without_rows(weather: Weather, chance: random.Random) -> None:
    """A list whose rows are missing or null."""
    route = chance.choice(tuple(_ROWS))
    weather.strike(chance, f.Edit(_ROWS[route], chance.choice(("drop", "null"))), (route,))


async def requests_doubled(weather: Weather, chance: random.Random) -> None:
    """It arrives twice."""
    weather.strike(chance, f.Duplicate(chance.choice((0.0, 0.3, 2.0))), MUTATING[:3])


TROUBLES: Final[dict[str, Trouble]] = {
    "answers lost": answers_lost,
    "requests lost": requests_lost,
    "requests held": requests_held,
    "answers late": answers_late,
    "answers torn": answers_torn,
    "bad gateway": bad_gateway,
    "too many requests": too_many,
    "unauthorized": unauthorized,
    "odd codes": odd_codes,
    "lists without rows": lists_without_rows,
    "requests doubled": requests_doubled,
}
