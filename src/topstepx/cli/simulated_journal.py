"""Where a command keeps the journal of a simulator: one per run of it, so that a key is never forgotten.

A simulator that was started anew counts its orders from the beginning; the journal of the run before
would speak of other orders under the same numbers. Each run tells its name in a header of its answers.
"""

from __future__ import annotations

import http.client
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from topstepx.keeping import JOURNAL_FILE, trading_folder
from topstepx.sim.answers import RUN_HEADER

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.settings import Environment

_WAIT_S = 2.0
_NAME = re.compile(r"[0-9a-f]{1,32}")


def simulated_journal(target: Environment, user_name: str) -> Path:
    """The journal of the simulator that runs there; the newest one if none answers."""
    folder = trading_folder(target, user_name)
    run = run_of(target.rest_url)
    if run is not None:
        return folder / f"run-{run}.sqlite"
    found = sorted(folder.glob("*.sqlite"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else folder / JOURNAL_FILE


def run_of(url: str) -> str | None:
    """The name of the simulator's run; None if none answers there or it does not say."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_WAIT_S)
    said: str | None = None
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/api/Status/ping")
        said = connection.getresponse().headers.get(RUN_HEADER)
    connection.close()
    return said if said is not None and _NAME.fullmatch(said) else None
