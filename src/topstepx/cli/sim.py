"""`topstepx sim`: the simulated gateway as a server of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.sim_front import Front
from topstepx.cli.sim_key import sim_key
from topstepx.cli.sim_runs import Run, forget, remember
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from topstepx.settings import Secret
    from topstepx.sim.bar_file import RealBars
    from topstepx.sim.server import SimServer


sim_app = App(
    name="sim",
    help="Run a simulated gateway on this machine that any client can log in to.",
)
for _path, _name, _help in (
    ("topstepx.cli.sim_fault:fault_app", "fault", "Let things go wrong: add, list, kinds, clear."),
    ("topstepx.cli.sim_hands:clock_app", "clock", "Pause, step and set simulated time."),
    ("topstepx.cli.sim_hands:market_app", "market", "Halt a market, move it, widen its spread."),
    (
        "topstepx.cli.sim_hands:accounts_app",
        "accounts",
        "Do what the firm does: lock, liquidate, pay.",
    ),
    ("topstepx.cli.sim_hands:state_app", "state", "Save, load or reset."),
    (
        "topstepx.cli.sim_orders:orders_app",
        "orders",
        "Fill, refuse, void, or trade as another client.",
    ),
    (
        "topstepx.cli.sim_looks:info_command",
        "info",
        "Say what runs, what is on, and what is not modelled.",
    ),
    (
        "topstepx.cli.sim_looks:events_command",
        "events",
        "Show the faults that struck and what hands did.",
    ),
    ("topstepx.cli.sim_looks:scenarios_command", "scenarios", "List the ready-made worlds."),
    (
        "topstepx.cli.sim_program:run_command",
        "run",
        "Start a program against a simulator of its own, by a plan: crash it, stop it, fill its disk.",
    ),
    (
        "topstepx.cli.storm:storm_command",
        "storm",
        "Run storms of faults against a client in virtual time, and check every promise.",
    ),
    (
        "topstepx.cli.conformance:conformance_command",
        "conformance",
        "Drive any client program, in any language, through numbered cards of trouble.",
    ),
):
    sim_app.command(_path, name=_name, help=_help)


@sim_app.command(name="serve")
@sim_app.default
def sim_command(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    seed: int = 1,
    speed: float = 1.0,
    bars: Path | None = None,
    contract: str | None = None,
    hours: Literal["always", "true"] = "always",
    at: str | None = None,
    scenario: str | None = None,
    state: Path | None = None,
    plan: Path | None = None,
    switch: Annotated[list[str] | None, Parameter(negative=())] = None,
    user: str = "trader01",
    key_file: Path | None = None,
    key_stdin: Annotated[bool, Parameter(negative=())] = False,
    no_limits: Annotated[bool, Parameter(negative=())] = False,
    public: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Run a simulated gateway on this machine that any client can log in to.

    It prints its addresses and a user and key to log in with, and runs until Ctrl-C. Nothing it does
    reaches a real market.

    Args:
        port: The TCP port; 0 takes a free one.
        host: The address to listen on; others than this machine's own need --public.
        seed: The market: the same seed and time give the same prices.
        speed: How many simulated seconds pass in a real one.
        bars: Replay one-minute bars from this CSV file, plain or gzipped.
        contract: What the bars are of, such as 6E or CON.F.US.EU6.H24.
        hours: "always" keeps the market open, "true" keeps the exchange's hours.
        at: Where the simulated clock starts, such as 2026-01-05T14:30:00Z; default: now.
        scenario: A ready-made world: accounts, rules, hours; `topstepx sim scenarios` lists them.
        state: Go on from this file if it is there, and save to it at the end.
        plan: A TOML file with a list of tables `faults`; it begins at once.
        switch: An open question about the real gateway, answered: name=value. May be repeated.
        user: The user name to log in with.
        key_file: Keep the key in this file, so that clients survive a restart; made if it is missing.
        key_stdin: Take the key from the first line of standard input.
        no_limits: Never answer 429.
        public: Allow a host that others can reach.
        as_json: One JSON object per line; the first is {"event":"listening", ...}.
    """
    options = SimOptions(
        port=port,
        host=host,
        seed=seed,
        speed=speed,
        bars=bars,
        contract=contract,
        hours=hours,
        at=at,
        scenario=scenario,
        state=state,
        plan=plan,
        switches=tuple(switch or ()),
        user_name=user,
        api_key=sim_key(key_file, key_stdin=key_stdin),
        limited=not no_limits,
        public=public,
        as_json=as_json,
    )
    return run_sim(options)


_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class SimOptions:
    """What `topstepx sim` was asked for; the meanings are those of `sim_command`."""

    port: int = 0
    host: str = "127.0.0.1"
    seed: int = 1
    speed: float = 1.0
    bars: Path | None = None
    contract: str | None = None
    hours: Literal["always", "true"] = "always"
    at: str | None = None
    scenario: str | None = None
    state: Path | None = None
    plan: Path | None = None
    switches: tuple[str, ...] = ()
    user_name: str = "trader01"
    api_key: Secret | None = None
    limited: bool = True
    public: bool = False
    as_json: bool = False


def run_sim(options: SimOptions) -> int:
    """Serve until a signal ends it; gives the exit code.

    Raises `ConfigurationError` or `ContractUnknown` for options that cannot be meant.
    """
    if not 0 <= options.port <= _PORT_MAX:
        raise ConfigurationError(
            f"--port {options.port}: ports go from 0 to {_PORT_MAX}.",
            next_step="0 takes a free one.",
        )
    return asyncio.run(_serve(options))


def real_bars(path: Path, contract: str) -> RealBars:
    """The bars of a file as bars of a contract: a product's front month then, an id, or a name.

    Raises `ConfigurationError` for a bad file and `ContractUnknown` for an unknown contract.
    """
    from topstepx.sim.bar_file import first_moment, read_bars_csv
    from topstepx.sim.catalogue import Catalogue

    moment = first_moment(path)
    catalogue = Catalogue()
    listing = catalogue.by_id(contract.upper(), now=moment) or catalogue.front(contract, now=moment)
    return read_bars_csv(path, listing)


def server_of(options: SimOptions) -> SimServer:
    """The server that is meant, not started yet."""
    from topstepx.sim.scenarios import scenario
    from topstepx.sim.server import SimServer
    from topstepx.sim.switches import Switches

    source = _source(options)
    return SimServer(
        host=options.host,
        port=options.port,
        public=options.public,
        at=_moment(options.at),
        speed=options.speed,
        seed=options.seed,
        hours=options.hours,
        real=real_bars(Path(source[0]), source[1]) if source is not None else None,
        source=source,
        switches=Switches.from_pairs(options.switches),
        user_name=options.user_name,
        api_key=None if options.api_key is None else options.api_key.reveal(),
        limited=options.limited,
        scenario=scenario(options.scenario) if options.scenario is not None else None,
        state=options.state,
    )


def _source(options: SimOptions) -> tuple[str, str] | None:
    """The file of bars and what they are of: as asked for, or as the saved state says."""
    if options.bars is None and options.contract is not None:
        raise ConfigurationError(
            f"--contract {options.contract}: says what a file of bars is of.",
            next_step="Name the file with --bars, or leave --contract out: all contracts are there.",
        )
    if options.bars is not None and options.contract is None:
        raise ConfigurationError(
            f"--bars {options.bars}: of which contract?", next_step="Say it, as in --contract 6E."
        )
    if options.bars is not None and options.contract is not None:
        return str(options.bars.absolute()), options.contract
    if options.state is not None and options.state.exists():
        from topstepx.sim.server_state import read_state

        recipe = read_state(options.state).recipe
        if recipe.bars is not None and recipe.contract is not None:
            return recipe.bars, recipe.contract
    return None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"--at {text}: is not a time with its zone.",
            next_step="Write it like 2026-01-05T14:30:00Z.",
        )
    return moment.astimezone(UTC)


async def is_started(sim: SimServer, front: Front) -> bool:
    """Start it; False, and said why, where this machine would not have it: the options were fine."""
    try:
        await sim.start()
        try:
            await front.start(sim)
        except ConfigurationError:
            await sim.close()
            raise
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return False
    return True


async def _serve(options: SimOptions) -> int:
    front = Front(options)
    sim = server_of(front.behind)
    if not await is_started(sim, front):
        return ExitCode.FAILED
    try:
        front.begin(sim)
        stop = asyncio.Event()
        _on_signals(stop)
        with announced(sim, front.port) as control_file:
            _announce(sim, options, control_file, front.url)
            stopped = asyncio.create_task(stop.wait())
            broken = asyncio.create_task(sim.wait_broken())
            await asyncio.wait({stopped, broken}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            broken.cancel()
    finally:
        await front.close()
        await sim.close()
    _print(_json({"event": "stopped"}) if options.as_json else "\nThe simulator has ended.")
    return ExitCode.DONE


@contextmanager
def announced(sim: SimServer, port: int) -> Iterator[Path]:
    """Let the commands find a simulator that runs, by its port; gives the file that says where it is."""
    run = Run(port=port, process=os.getpid(), control_url=sim.control_url, token=sim.control_token)
    path = remember(run)
    try:
        yield path
    finally:
        forget(port)


def _on_signals(stop: asyncio.Event) -> None:
    """The first Ctrl-C or SIGTERM ends it in order, a second one at once."""
    loop = asyncio.get_running_loop()

    def ask() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ask)
    except NotImplementedError:  # Windows has no such call
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _announce(sim: SimServer, options: SimOptions, control_file: Path, url: str) -> None:
    if options.as_json:
        line: dict[str, object] = {
            "event": "listening",
            "url": url,
            "user_name": sim.user_name,
            "api_key": sim.api_key,
            "user_hub": f"{url}/hubs/user",
            "market_hub": f"{url}/hubs/market",
            "at": sim.now().isoformat(),
            "speed": options.speed,
            "seed": options.seed,
            "scenario": sim.machine.facts()["scenario"],
            "control_url": sim.control_url,
            "control_token": sim.control_token,
            "control_file": str(control_file),
            "state": str(options.state) if options.state else None,
        }
        _print(_json(line))
        return
    body = json.dumps({"userName": sim.user_name, "apiKey": sim.api_key})
    facts = sim.machine.facts()
    kept = f"  state       {options.state}, saved at the end\n" if options.state else ""
    _print(
        f"""The simulated gateway is listening. Nothing it does reaches a real market.

  REST        {url}
  user hub    {url}/hubs/user
  market hub  {url}/hubs/market
  user        {sim.user_name}
  key         {sim.api_key}
  scenario    {facts["scenario"]}, {facts["market"]}
  clock       {sim.now():%Y-%m-%d %H:%M} UTC, {"paused" if sim.machine.paused else f"{options.speed:g} times real time"}
{kept}  control     {sim.control_url} (its token is in {control_file})
  page        {url}/ in a browser

Try it:
  curl -s {url}/api/Auth/loginKey -H 'Content-Type: application/json' \\
    -d '{body}'

From another terminal: topstepx sim fault add Order/place drop_answer, sim clock pause, sim events.
Ctrl-C ends it."""
    )


def _json(line: dict[str, object]) -> str:
    return json.dumps(line, separators=(",", ":"))


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
