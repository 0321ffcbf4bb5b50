"""A machine for the simulator's console without a server: a gateway and a clock moved by hand."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support.sim_line import NOON, Line
from topstepx.clock import ManualClock
from topstepx.sim.control import Console
from topstepx.sim.gateway import Gateway
from topstepx.sim.saved import Recipe
from topstepx.sim.scenarios import SCENARIOS
from topstepx.sim.server_clock import SimClock
from topstepx.sim.server_machine import ServedMachine

if TYPE_CHECKING:
    from pathlib import Path


def build(recipe: Recipe, at: datetime | None, api_key: str, signing_key: bytes) -> Gateway:
    return Gateway.build(
        at=at or NOON,
        seed=recipe.seed,
        hours=recipe.hours,
        api_key=api_key,
        signing_key=signing_key,
        catch_up=timedelta(minutes=1),
        scenario=SCENARIOS.get(recipe.scenario or ""),
    )


class Desk:
    """An operator at a console, and a user of the same gateway."""

    def __init__(self, state: Path | None = None, **recipe: Any) -> None:  # noqa: ANN401  passed through by name
        self.real = ManualClock()
        made = Recipe(**recipe)
        gateway = build(made, None, "key", b"signing")
        self.machine = ServedMachine(gateway, SimClock(self.real, gateway.now), made, build, state)
        self.console = Console(self.machine)

    @property
    def line(self) -> Line:
        return Line(self.machine.gateway).log_in()

    def do(self, name: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
        """A command that must work; its result."""
        reply = self.console.do(name, json.dumps(body).encode())
        content: dict[str, Any] = json.loads(reply.body)
        assert reply.status == 200, content
        result: dict[str, Any] = content["result"]
        return result

    def refused(self, name: str, **body: Any) -> tuple[int, dict[str, str]]:  # noqa: ANN401  any JSON
        """A command that must not; its status and error."""
        reply = self.console.do(name, json.dumps(body).encode())
        assert reply.status != 200, reply
        error: dict[str, str] = json.loads(reply.body)["error"]
        return reply.status, error

    def pass_time(self, seconds: float) -> None:
        self.real.advance(seconds)
        self.machine.gateway.advance(self.machine.now())
