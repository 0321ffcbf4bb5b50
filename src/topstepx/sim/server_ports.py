"""Where the simulator may listen, and who listens there already."""

from __future__ import annotations

import errno
import ipaddress
import os
from contextlib import suppress
from pathlib import Path

from topstepx.errors import ConfigurationError

_LISTENING = "0A"
_PROC = Path("/proc")


def must_be_loopback(host: str) -> None:
    """Raises `ConfigurationError` for an address that others can reach."""
    try:
        inside = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise ConfigurationError(
            f"host={host!r}: the simulator listens on this machine only.",
            next_step="Use 127.0.0.1, or allow others on purpose (--public, public=True).",
        )


def cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    """What the system's refusal means, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"port={port}: another program on this machine listens there already{_by(port)}.",
            next_step="Choose another one, such as --port 0 for a free one, or end that program.",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ConfigurationError(
            f"port={port}: this user may not listen there.",
            next_step="Choose one above 1023, or 0 for a free one.",
        )
    return ConfigurationError(
        f"host={host!r}, port={port}: cannot listen ({error.strerror}).",
        next_step="Use 127.0.0.1 and a free port.",
    )


def who_listens(port: int, proc: Path = _PROC) -> str | None:
    """The program at a port, such as `python3 (process 812)`, where the system tells; None elsewhere.

    Linux tells it for this user's programs, root sees everybody's. Only the program's short name is
    shown: a whole command line may hold secrets.
    """
    sockets = _listening(port, proc)
    if not sockets:
        return None
    with suppress(OSError):
        for process in proc.iterdir():
            if process.name.isdigit() and _holds(process, sockets):
                with suppress(OSError):
                    name = (process / "comm").read_text(encoding="utf-8").strip()
                    return f"{name} (process {process.name})"
    return "a program of another user"


def _by(port: int) -> str:
    who = who_listens(port)
    return f": {who}" if who else ""


def _listening(port: int, proc: Path) -> set[str]:
    """The inodes of the sockets that listen at a port."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                parts = line.split()
                if parts[3] == _LISTENING and int(parts[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{parts[9]}]")
    return found


def _holds(process: Path, sockets: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                if os.readlink(descriptor) in sockets:  # noqa: PTH115  the target is no path
                    return True
    return False
