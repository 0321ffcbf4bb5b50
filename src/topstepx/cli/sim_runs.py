"""The simulators that run on this machine: where each one is, and how its commands reach it.

A running `topstepx sim` leaves a file that only this user can read, with its address and its control
token; the commands find it there, and the token is never an argument.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from topstepx.errors import ConfigurationError
from topstepx.store.places import state_folder
from topstepx.store.private_file import read_private, remove_private, write_private

if TYPE_CHECKING:
    from pathlib import Path

_ANSWER_S = 120.0


class Run(msgspec.Struct, kw_only=True, frozen=True):
    """One running simulator."""

    port: int
    process: int
    control_url: str
    token: str

    def __repr__(self) -> str:
        return f"Run({self.control_url}, process {self.process})"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which running simulator, and how to print.

    Args:
        port: The port of the simulator; may be left out while only one runs.
        as_json: Print the answer as one JSON object.
    """

    port: int | None = None
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False


def runs_folder() -> Path:
    """Where the files of running simulators are."""
    return state_folder() / "simulators"


def remember(run: Run) -> Path:
    """Leave word of a simulator that runs; gives the file."""
    path = runs_folder() / f"{run.port}.json"
    write_private(path, msgspec.json.encode(run))
    return path


def forget(port: int) -> None:
    """It has ended."""
    remove_private(runs_folder() / f"{port}.json")


def running() -> list[Run]:
    """The simulators that run, by port; words of those that died are taken away."""
    found: list[Run] = []
    folder = runs_folder()
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        data = read_private(path)
        try:
            run = msgspec.json.decode(data or b"", type=Run)
        except msgspec.MsgspecError:
            continue
        if _alive(run.process):
            found.append(run)
        else:
            remove_private(path)
    return sorted(found, key=lambda run: run.port)


def the_run(which: Which) -> Run:
    """The simulator that is meant; raises `ConfigurationError` when it is none or not clear which."""
    found = running()
    if which.port is not None:
        found = [run for run in found if run.port == which.port]
    if not found:
        at_port = f" at port {which.port}" if which.port is not None else ""
        raise ConfigurationError(
            f"no simulator of yours runs{at_port}.", next_step="Start one: topstepx sim."
        )
    if len(found) > 1:
        ports = ", ".join(str(run.port) for run in found)
        raise ConfigurationError(
            f"{len(found)} simulators run, at the ports {ports}.", next_step="Say which: --port."
        )
    return found[0]


def tell(which: Which, command: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON
    """Do a command at the simulator that is meant; its result. Members that are None are left out.

    Raises `ConfigurationError` with the simulator's own words when it refuses.
    """
    run = the_run(which)
    given = {name: value for name, value in body.items() if value is not None}
    try:
        content = json.dumps(given, allow_nan=False)
    except ValueError:
        raise ConfigurationError(
            f"{command}: one of its numbers is infinite or no number.",
            next_step="Write real numbers, such as 2.5.",
        ) from None
    request = urllib.request.Request(  # noqa: S310  the address was written by our own server
        run.control_url + command,
        content.encode(),
        {"Authorization": f"Bearer {run.token}", "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ANSWER_S) as answer:
            told = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise _refused(error) from None
    except OSError as error:
        raise ConfigurationError(
            f"the simulator at port {run.port} does not answer ({error}).",
            next_step="Is it still running? End it and start it again.",
        ) from None
    result: dict[str, Any] = told["result"]
    return result


def _refused(error: urllib.error.HTTPError) -> ConfigurationError:
    try:
        told = json.loads(error.read())["error"]
        message, next_step = str(told["message"]), str(told["next_step"])
    except (ValueError, KeyError, TypeError):
        return ConfigurationError(f"the simulator answered {error.code}.")
    return ConfigurationError(message.removesuffix(next_step).strip(), next_step=next_step)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # asking would end it there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
