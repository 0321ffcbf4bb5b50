"""What a served simulator can do to itself: clock, files, and beginning anew."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from topstepx.errors import ConfigurationError
from topstepx.sim.saved import Recipe, SavedGateway, load_gateway, save_gateway
from topstepx.sim.scenarios import scenario
from topstepx.sim.server_clock import SPEED_MAX
from topstepx.sim.server_state import read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.sim.gateway import Gateway
    from topstepx.sim.server_clock import SimClock

    Build = Callable[[Recipe, datetime | None, str, bytes], Gateway]


class ServedMachine:
    """The `Machine` of a `SimServer`.

    `build` makes a gateway from a recipe, a time (None: the recipe's own), a key and a signing key;
    `adopt` lets the server go on with another gateway; `facts` is told besides what is known here.
    """

    def __init__(
        self,
        gateway: Gateway,
        clock: SimClock,
        recipe: Recipe | None,
        build: Build,
        state: Path | None,
    ) -> None:
        self.gateway, self.clock, self.recipe = gateway, clock, recipe
        self.state = state
        self.adopt: Callable[[Gateway], None] = lambda _: None
        self.where: Callable[[], str] = lambda: ""
        self._build = build

    @property
    def speed(self) -> float:
        """How many simulated seconds pass in a real one."""
        return self.clock.speed

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        return self.clock.paused

    def now(self) -> datetime:
        """The simulated time."""
        return self.clock.now()

    def facts(self) -> dict[str, object]:
        """What runs, without any secret."""
        recipe = self.recipe or Recipe()
        market = f"bars of {recipe.bars}" if recipe.bars else f"seed {recipe.seed}"
        return {
            "url": self.where(),
            "scenario": recipe.scenario or "mixed",
            "market": market,
            "seed": recipe.seed,
            "userName": self.gateway.user_name,
            "stateFile": str(self.state) if self.state else None,
        }

    # ------------------------------------------------------------ the clock

    def pause(self) -> None:
        """Stand still; what was due by now has happened."""
        self.clock.pause()
        self.gateway.advance(self.clock.now())

    def resume(self) -> None:
        """Run on."""
        self.clock.resume()

    def set_speed(self, speed: float) -> None:
        """Run faster or slower; hubs keep their pings in real time."""
        before = self.clock.speed
        self.clock.set_speed(speed)
        in_real_time(self.gateway, self.clock.speed / before)

    def jump(self, to: datetime) -> None:
        """Be at a later moment; what is due on the way happens in order."""
        self.gateway.advance(self.clock.now())
        self.clock.jump(to)
        self.gateway.jump(to)

    def step(self, seconds: float) -> None:
        """See `ClockHand.step`: soon, and not in the middle of what the gateway does now."""
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: self.jump(self.clock.now() + timedelta(seconds=seconds)))

    def drift(self, rate: float) -> Callable[[], None]:
        """See `ClockHand.drift`."""

        def run(factor: float) -> None:
            self.clock.set_speed(min(self.clock.speed * factor, SPEED_MAX))

        run(rate)
        return lambda: run(1 / rate)

    # ------------------------------------------------------------ files

    def save(self, path: str | None) -> str:
        """Write the state."""
        file, recipe = self._file(path), self._recipe()
        recipe = msgspec.structs.replace(recipe, speed=self.clock.speed)
        self.gateway.advance(self.clock.now())
        write_state(file, save_gateway(self.gateway, recipe, paused=self.paused))
        return str(file)

    def load(self, path: str | None) -> str:
        """Go on from a file. A file that is refused changes nothing."""
        file = self._file(path)
        saved = read_state(file)
        self._take(self.loaded(saved))
        if saved.paused:
            self.clock.pause()
        else:
            self.clock.resume()
        return str(file)

    def loaded(self, saved: SavedGateway) -> Gateway:
        """The gateway of a saved state, made with the saved recipe."""
        gateway = load_gateway(
            saved,
            lambda one: self._build(one.recipe, one.now, one.users[0].api_key, one.signing_key),
        )
        in_real_time(gateway, self.clock.speed / saved.recipe.speed)
        self.recipe = saved.recipe
        return gateway

    def reset(self, name: str | None) -> str:
        """Begin anew, with the same key, so that clients can log in again."""
        recipe = self._recipe()
        if name is not None:
            chosen = scenario(name)
            recipe = Recipe(
                seed=recipe.seed,
                scenario=chosen.name,
                limited=recipe.limited,
                user_name=recipe.user_name,
                switches=recipe.switches,
                speed=recipe.speed,
            )
        gateway = self._build(recipe, None, self.gateway.api_key, secrets.token_bytes(32))
        in_real_time(gateway, self.clock.speed)
        self.recipe = recipe
        self._take(gateway)
        return recipe.scenario or "mixed"

    def _take(self, gateway: Gateway) -> None:
        for session in self.gateway.sessions:
            session.cut()
        self.gateway.faults.clear()  # what they did to the clock or the program ends with them
        self.clock.start_over(gateway.now)
        self.gateway = gateway
        self.adopt(gateway)

    def _file(self, path: str | None) -> Path:
        if path:
            return Path(path)
        if self.state is None:
            raise ConfigurationError(
                "path: this simulator was started without --state.", next_step="Name a file."
            )
        return self.state

    def _recipe(self) -> Recipe:
        if self.recipe is None:
            raise ConfigurationError(
                "this simulator runs a gateway that was made by hand.",
                next_step="Save and reset work for one that was made from options.",
            )
        return self.recipe


def in_real_time(gateway: Gateway, speed: float) -> None:
    """Clients keep real time: pings and time-outs stay what they are at any speed."""
    policy = gateway.hubs.policy
    policy.keep_alive_s *= speed
    policy.client_timeout_s *= speed
    policy.handshake_timeout_s *= speed
    gateway.hubs.recheck()
