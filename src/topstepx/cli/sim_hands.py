"""`topstepx sim clock`, `market`, `accounts` and `state`: a hand on a running simulator."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from topstepx.cli.sim_runs import Which, tell
from topstepx.cli.sim_told import show
from topstepx.errors import ConfigurationError

_ANY = Which()
clock_app = App(name="clock", help="Pause, step and set the simulated clock.")
market_app = App(name="market", help="Halt, move or widen a market.")
accounts_app = App(name="accounts", help="Do what the firm does to an account.")
state_app = App(name="state", help="Save, load or reset a running simulator.")


_PARTS = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(text: str) -> float:
    """A length of time as people write it."""
    with suppress(ValueError):
        return float(text)
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ConfigurationError(
            f"{text}: is no length of time.", next_step="Write seconds, or 90s, 15m, 2h, 1h30m, 1d."
        )
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


@clock_app.command(name="show")
@clock_app.default
def clock_show_command(*, which: Which = _ANY) -> int:
    """What the clock says."""
    return show(tell(which, "clock/show"), which)


@clock_app.command(name="pause")
def pause_command(*, which: Which = _ANY) -> int:
    """Stand still; hubs keep pinging, fills wait."""
    return show(tell(which, "clock/pause"), which)


@clock_app.command(name="resume")
def resume_command(*, which: Which = _ANY) -> int:
    """Run on."""
    return show(tell(which, "clock/resume"), which)


@clock_app.command(name="step")
def step_command(how_far: str, *, which: Which = _ANY) -> int:
    """Go ahead in simulated time; orders fill and stops trigger on the way.

    Args:
        how_far: Seconds, or such as 90s, 15m, 2h, 1h30m, 1d.
        which: Which simulator.
    """
    return show(tell(which, "clock/step", seconds=_seconds(how_far)), which)


@clock_app.command(name="set")
def set_command(
    to: str,
    *,
    which: Which = _ANY,
) -> int:
    """Go ahead to a moment.

    Args:
        to: A time such as 2026-11-23T21:09:00Z, or the next open, close, flat-by (15:10) or roll (17:00).
        which: Which simulator.
    """
    if to in {"open", "close", "flat-by", "roll"}:
        return show(tell(which, "clock/set", next=to), which)
    return show(tell(which, "clock/set", at=to), which)


@clock_app.command(name="speed")
def speed_command(speed: float, *, which: Which = _ANY) -> int:
    """Run faster or slower.

    Args:
        speed: Simulated seconds in a real one.
        which: Which simulator.
    """
    return show(tell(which, "clock/speed", speed=speed), which)


@market_app.command(name="show")
@market_app.default
def market_show_command(*, which: Which = _ANY) -> int:
    """Where the markets stand."""
    return show(tell(which, "market/show"), which)


@market_app.command(name="halt")
def halt_command(contract: str | None = None, *, which: Which = _ANY) -> int:
    """Halt trading.

    Args:
        contract: Such as MNQ; every contract without it.
        which: Which simulator.
    """
    return show(tell(which, "market/halt", contract=contract), which)


@market_app.command(name="resume")
def market_resume_command(contract: str | None = None, *, which: Which = _ANY) -> int:
    """End a halt.

    Args:
        contract: Such as MNQ; every halt without it.
        which: Which simulator.
    """
    return show(tell(which, "market/resume", contract=contract), which)


@market_app.command(name="gap")
def gap_command(
    contract: str,
    ticks: Annotated[int, Parameter(allow_leading_hyphen=True)],
    *,
    which: Which = _ANY,
) -> int:
    """Move all prices at once.

    Args:
        contract: Such as MNQ.
        ticks: How far; negative is down.
        which: Which simulator.
    """
    return show(tell(which, "market/gap", contract=contract, ticks=ticks), which)


@market_app.command(name="spread")
def spread_command(contract: str, ticks: int, *, which: Which = _ANY) -> int:
    """Widen the spread.

    Args:
        contract: Such as MNQ.
        ticks: How wide; 1 is the market's own again.
        which: Which simulator.
    """
    return show(tell(which, "market/spread", contract=contract, ticks=ticks), which)


@accounts_app.command(name="list")
@accounts_app.default
def accounts_list_command(*, which: Which = _ANY) -> int:
    """The accounts, with what the house thinks of them."""
    return show(tell(which, "accounts/list"), which)


@accounts_app.command(name="do")
def accounts_do_command(
    what: Literal["liquidate", "lock", "unlock"], account: int, *, which: Which = _ANY
) -> int:
    """Liquidate, lock or unlock an account, as the firm.

    Args:
        what: What is done.
        account: The account's id.
        which: Which simulator.
    """
    return show(tell(which, f"accounts/{what}", account_id=account), which)


@accounts_app.command(name="pay")
def pay_command(
    account: int,
    amount: Annotated[float, Parameter(allow_leading_hyphen=True)],
    *,
    which: Which = _ANY,
) -> int:
    """Pay in, or (negative) out.

    Args:
        account: The account's id.
        amount: How much.
        which: Which simulator.
    """
    return show(tell(which, "accounts/pay", account_id=account, amount=amount), which)


@state_app.command(name="save")
def save_command(file: Path | None = None, *, which: Which = _ANY) -> int:
    """Save everything.

    Args:
        file: Where to; the simulator's own --state file without it.
        which: Which simulator.
    """
    return show(tell(which, "state/save", path=_whole(file)), which)


@state_app.command(name="load")
def load_command(file: Path | None = None, *, which: Which = _ANY) -> int:
    """Go on from a saved state; hub sessions are cut.

    Args:
        file: Where from; the simulator's own --state file without it.
        which: Which simulator.
    """
    return show(tell(which, "state/load", path=_whole(file)), which)


@state_app.command(name="reset")
def reset_command(scenario: str | None = None, *, which: Which = _ANY) -> int:
    """Begin anew; hub sessions are cut.

    Args:
        scenario: Another scenario than before.
        which: Which simulator.
    """
    return show(tell(which, "state/reset", scenario=scenario), which)


def _whole(file: Path | None) -> str | None:
    """The simulator may run in another folder."""
    return None if file is None else str(file.absolute())
