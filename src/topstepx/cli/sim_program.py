"""`topstepx sim run -- COMMAND`: a program of yours against a simulator of its own, by a plan."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.sim import SimOptions, announced, is_started, server_of
from topstepx.cli.sim_front import Front
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from topstepx.sim.server import SimServer
    from topstepx.sim.server_program import SupervisedProgram


def run_command(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    plan: Path | None = None,
    port: int = 0,
    seed: int = 1,
    speed: float = 1.0,
    hours: Literal["always", "true"] = "always",
    at: str | None = None,
    scenario: str | None = None,
    switch: Annotated[list[str] | None, Parameter(negative=())] = None,
    no_limits: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Start a program against a simulator of its own, and let a plan do what it says to both.

    The program finds the simulator in TOPSTEPX_SIM_URL, TOPSTEPX_USERNAME and TOPSTEPX_API_KEY. A plan
    may crash it, stop it, ask it to leave and start it again; TOPSTEPX_SIM_START is the number of its
    start. Faults on the wire put a proxy before the simulator, and the program finds that.
    When it ends by itself, so does the simulator, and the last lines (on standard error) say what
    struck and what is left at the venue. Exit code 0: it ended with 0.

    Args:
        command: The program and its arguments, behind --.
        plan: A TOML file with a list of tables `faults`; it begins when the program starts.
        port: The TCP port; 0 takes a free one.
        seed: The market: the same seed and time give the same prices.
        speed: How many simulated seconds pass in a real one.
        hours: "always" keeps the market open, "true" keeps the exchange's hours.
        at: Where the simulated clock starts, such as 2026-01-05T14:30:00Z; default: now.
        scenario: A ready-made world: accounts, rules, hours; `topstepx sim scenarios` lists them.
        switch: An open question about the real gateway, answered: name=value. May be repeated.
        no_limits: Never answer 429.
        as_json: What is left, as one JSON object on standard error.
    """
    if not command:
        raise ConfigurationError(
            "Which program?",
            next_step="Name it behind --, as in: topstepx sim run -- python bot.py",
        )
    options = SimOptions(
        port=port,
        seed=seed,
        speed=speed,
        hours=hours,
        at=at,
        scenario=scenario,
        plan=plan,
        switches=tuple(switch or ()),
        limited=not no_limits,
    )
    return asyncio.run(_run(tuple(command), Front(options), as_json=as_json))


@dataclass(frozen=True, slots=True)
class _Left:
    """What is there when the program has ended."""

    code: int
    starts: int
    struck: list[str]
    working: int
    positions: list[str]

    def plain(self) -> dict[str, object]:
        """For programs."""
        return {
            "event": "ended",
            "exit_code": self.code,
            "starts": self.starts,
            "faults": self.struck,
            "working_orders": self.working,
            "positions": self.positions,
        }

    def told(self) -> str:
        """For people."""
        how = f"by signal {-self.code}" if self.code < 0 else f"with {self.code}"
        struck = "; ".join(self.struck) or "none"
        return (
            f"The program ended {how} after {self.starts} start{'s' * (self.starts != 1)}.\n"
            f"Faults that struck: {struck}.\n"
            f"At the venue: {self.working} working orders, positions: "
            f"{', '.join(self.positions) or 'none'}."
        )


async def _run(command: tuple[str, ...], front: Front, *, as_json: bool) -> int:
    from topstepx.sim.server_program import SupervisedProgram

    sim = server_of(front.behind)
    if not await is_started(sim, front):
        return ExitCode.FAILED
    try:
        variables = {
            "TOPSTEPX_SIM_URL": front.url,
            "TOPSTEPX_USERNAME": sim.user_name,
            "TOPSTEPX_API_KEY": sim.api_key,
        }
        program = SupervisedProgram(command, variables, lambda: sim.speed)
        sim.outside.program, sim.outside.disk = program, program.disk()
        front.begin(sim)
        _pass_signals_on(program)
        with announced(sim, front.port):
            code = await program.run()
        left = _left(sim, program, code)
    finally:
        await front.close()
        await sim.close()
    sys.stderr.write(f"{json.dumps(left.plain()) if as_json else left.told()}\n")
    return ExitCode.DONE if code == 0 else ExitCode.FAILED


def _pass_signals_on(program: SupervisedProgram) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows has no such call; Ctrl-C reaches both there
            loop.add_signal_handler(number, program.ask_to_end, number)


def _left(sim: SimServer, program: SupervisedProgram, code: int) -> _Left:
    from topstepx.sim.fault_kinds import told

    gateway = sim.gateway
    accounts = gateway.venue.floor.accounts
    held = [one for account_id in accounts for one in gateway.venue.truth.positions(account_id)]
    return _Left(
        code=code,
        starts=program.starts,
        struck=[f"{where}: {told(what)}" for _, where, what in gateway.faults.struck],
        working=sum(len(gateway.venue.truth.working(account_id)) for account_id in accounts),
        positions=[f"{one.size} {one.type.name} {one.contract_id}" for one in held],
    )
