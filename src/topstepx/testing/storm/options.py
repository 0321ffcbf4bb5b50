"""What one storm is made of, drawn from its seed.

Each seed draws its own *subset* of troubles and habits, with its own rates: a storm of everything at
once finds less than many storms of a few things each, because one trouble hides another.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from topstepx.testing.storm.conditions import drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

PER_MINUTE: Final[dict[str, tuple[float, float]]] = {
    # REST
    "answers lost": (0.5, 6.0),
    "requests lost": (0.3, 3.0),
    "requests held": (0.3, 3.0),
    "answers late": (0.5, 4.0),
    "answers torn": (0.3, 3.0),
    "bad gateway": (0.5, 6.0),
    "too many requests": (0.3, 2.0),
    "unauthorized": (0.2, 2.0),
    "odd codes": (0.3, 3.0),
    "lists without rows": (0.3, 3.0),
    "requests doubled": (0.3, 3.0),
    # hubs
    "hubs cut": (0.3, 4.0),
    "hubs closed": (0.3, 3.0),
    "hubs mute": (0.1, 0.7),
    "hubs deaf": (0.1, 0.7),
    "events garbled": (0.3, 2.0),
    "poison": (0.3, 3.0),
    "kicks": (0.1, 0.6),
    "upgrades refused": (0.2, 1.5),
    "handshakes refused": (0.2, 1.5),
    "subscriptions refused": (0.2, 1.5),
    "messages sliced": (0.1, 0.7),
    # the way there
    "outages": (0.1, 1.0),
    "half-open links": (0.1, 0.8),
    "connections reset": (0.3, 4.0),
    "slow minutes": (0.1, 0.7),
    # the session
    "tokens revoked": (0.1, 0.6),
    "renewals that kill": (0.1, 0.5),
    # the venue
    "late lists": (0.2, 1.0),
    "chopped fills": (0.2, 1.0),
    "trades voided": (0.1, 0.6),
    "another program": (0.5, 8.0),
    "liquidations": (0.1, 0.8),
    "legs hidden": (0.2, 1.2),
    # this computer
    "slow disk": (0.2, 1.5),
    "full disk": (0.1, 0.7),
    "wall clock set": (0.1, 0.7),
    "lid closed": (0.1, 0.5),
    "crashes": (0.2, 1.2),
    "restarts": (0.1, 0.5),
}
"""Every trouble, with the least and the most that a seed may draw of it, in events per minute."""

WEIGHTS: Final[dict[str, float]] = {
    "market": 5.0,
    "rest": 4.0,
    "near": 3.0,
    "bracket": 3.0,
    "stop entry": 1.0,
    "trailing": 0.7,
    "join": 0.7,
    "cancel": 4.0,
    "modify": 2.0,
    "move": 2.0,
    "await fill": 1.5,
    "close": 1.5,
    "close part": 1.5,
    "reduce": 0.7,
    "flatten": 0.4,
    "ask again": 3.0,
    "walk away": 1.0,
    "read": 1.5,
    "bars": 0.7,
    "burst": 0.5,
}
"""Every habit of the trader, with its usual weight; a seed drops some and exaggerates others."""

_TROUBLE_CHANCE: Final = 0.25
_HABIT_CHANCE: Final = 0.7
_FAIR_ONE_IN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One storm. `troubles` are events per minute, `habits` weights, `pace_s` the mean time between acts.

    `conditions` (see `conditions.CONDITIONS`) hold all the time, in the calm too.

    A *fair* storm has no troubles at all: whatever then goes wrong is the client's own doing.
    `shuffled`: ready callbacks run in a random order, which is stricter than asyncio.
    """

    seed: int
    storm_s: float = 60.0
    shuffled: bool = False
    limited: bool = True
    latency_s: float = 0.02
    jitter_s: float = 0.0
    pace_s: float = 2.0
    contracts_max: int | None = None
    write_s: float = 0.0
    troubles: Mapping[str, float] = field(default_factory=dict)
    habits: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    conditions: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_fair(self) -> bool:
        """Whether nothing goes wrong but by the client's own doing."""
        return not self.troubles

    def describe(self) -> str:
        """One line with everything that the seed decided."""
        troubles = ", ".join(f"{name} {rate:.2g}/min" for name, rate in self.troubles.items())
        under = ", ".join(f"{name} ({value:g})" for name, value in self.conditions.items())
        order = "shuffled" if self.shuffled else "in order"
        return (
            f"seed {self.seed}: {self.storm_s:.0f} s, callbacks {order}, way {self.latency_s * 1e3:.0f}"
            f" to {(self.latency_s + self.jitter_s) * 1e3:.0f} ms, an act each {self.pace_s:.2g} s;"
            f" {troubles or 'no trouble'}{under and '; '}{under}"
        )


def swarm(seed: int) -> Options:
    """The storm of a seed."""
    chance = random.Random(f"options {seed}")  # noqa: S311  repeatable chance is the point
    fair = chance.randrange(_FAIR_ONE_IN) == 0
    troubles = {
        name: math.exp(chance.uniform(math.log(low), math.log(high)))
        for name, (low, high) in PER_MINUTE.items()
        if chance.random() < _TROUBLE_CHANCE
    }
    habits = {
        name: weight * math.exp(chance.uniform(-1.0, 1.0))
        for name, weight in WEIGHTS.items()
        if chance.random() < _HABIT_CHANCE
    }
    return Options(
        seed=seed,
        storm_s=chance.choice((30.0, 60.0, 60.0, 120.0)),
        shuffled=chance.random() < 0.5,  # noqa: PLR2004  every second seed
        limited=fair or chance.random() < 0.5,  # noqa: PLR2004  every second seed
        latency_s=chance.choice((0.0, 0.005, 0.02, 0.1, 0.3)),
        jitter_s=chance.choice((0.0, 0.0, 0.01, 0.1, 0.5)),
        pace_s=chance.choice((0.4, 1.0, 2.0, 5.0)),
        contracts_max=chance.choice((None, None, 3, 8)),
        write_s=chance.choice((0.0, 0.0005, 0.005)),
        troubles={} if fair else troubles,
        habits=habits or {"market": 1.0},
        # From a chance of its own: a new condition leaves the rest of every storm as it was.
        conditions=drawn(random.Random(f"conditions {seed}")),  # noqa: S311  repeatable chance is the point
    )
