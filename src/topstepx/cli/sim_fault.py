"""`topstepx sim fault`: what is to go wrong at a running simulator."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from topstepx.cli.sim_runs import Which, tell
from topstepx.cli.sim_told import show
from topstepx.errors import ConfigurationError

_ANY = Which()
fault_app = App(name="fault", help="Let things go wrong at a running simulator.")


@fault_app.command(name="add")
def add_command(
    where: str | None = None,
    kind: str | None = None,
    *members: str,
    plan: Path | None = None,
    times: str | None = None,
    after: int | None = None,
    chance: float | None = None,
    in_s: Annotated[float | None, Parameter(name="--in")] = None,
    for_s: Annotated[float | None, Parameter(name="--for")] = None,
    direction: Literal["up", "down"] | None = None,
    which: Which = _ANY,
) -> int:
    """Add one fault, or all of a plan: topstepx sim fault add Order/place drop_answer --times 2.

    Args:
        where: A route such as Order/place or `Auth/*`, a hub as hub/user, or `*` for what has no place.
            For bytes (kinds wire_...) wire/user, wire/market, wire/rest, wire/Order/place, `wire/*`.
        kind: The kind of fault; `topstepx sim fault kinds` lists them.
        members: What the kind takes, as name=value, such as seconds=30.
        plan: A TOML file with a list of tables `faults`; all are added, or none.
        times: How often it strikes; "all" is for ever. Default: once.
        after: How many chances pass first.
        chance: The probability of each strike, from the seed.
        in_s: Simulated seconds until it begins.
        for_s: Simulated seconds that it lasts.
        direction: Which way, for faults on the wire; default: both.
        which: Which simulator.
    """
    if plan is not None:
        if where is not None:
            raise ConfigurationError(
                f"{where}: a plan says where by itself.", next_step="Give --plan alone."
            )
        return show(tell(which, "faults/plan", **_read(plan)), which)
    if where is None or kind is None:
        raise ConfigurationError(
            "fault add: where, and which kind?",
            next_step="As in: topstepx sim fault add Order/place drop_answer.",
        )
    body: dict[str, Any] = {
        "where": where,
        "what": {"kind": kind, **dict(map(_member, members))},
        "after": after,
        "chance": chance,
        "in_s": in_s,
        "for_s": for_s,
        "direction": direction,
    }
    if times == "all":
        return show(
            tell(which, "faults/plan", faults=[_without_none(body) | {"times": None}]), which
        )
    if times is not None:
        body["times"] = _value(times)
    return show(tell(which, "faults/add", **body), which)


@fault_app.command(name="list")
def list_command(*, which: Which = _ANY) -> int:
    """The plan, with how often each fault has struck.

    Args:
        which: Which simulator.
    """
    return show(tell(which, "faults/list"), which)


@fault_app.command(name="kinds")
def kinds_command(*, which: Which = _ANY) -> int:
    """Every kind of fault that can act there, and what it takes.

    Args:
        which: Which simulator.
    """
    if which.as_json:
        return show(tell(which, "faults/kinds"), which)
    rows = [row for row in tell(which, "faults/kinds")["kinds"] if row["here"]]
    told = {f"{row['kind']}({', '.join(row['members'])})": row["text"] for row in rows}
    return show(told, which)


@fault_app.command(name="clear")
def clear_command(number: int | None = None, *, which: Which = _ANY) -> int:
    """Take one fault out of the plan, or all.

    Args:
        number: Its number, as `list` shows it; all without one.
        which: Which simulator.
    """
    if number is None:
        return show(tell(which, "faults/clear"), which)
    return show(tell(which, "faults/remove", number=number), which)


def _member(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigurationError(f"{text}: is not name=value.", next_step="As in: seconds=30.")
    return name.strip(), _value(value)


def _value(text: str) -> Any:  # noqa: ANN401  any JSON
    """JSON where it is, plain text where it is not."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            plain = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"plan {path}: {error}.", next_step="Mend the file.") from None
    return {name: _plain(value) for name, value in plain.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401  any TOML
    """TOML's own times as JSON has them."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
