from __future__ import annotations

import errno
import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from topstepx.errors import ConfigurationError
from topstepx.sim.server_ports import cannot_listen, must_be_loopback, who_listens

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells by /proc")
def test_the_program_at_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert who_listens(port) == f"{comm()} (process {os.getpid()})"
        error = cannot_listen("127.0.0.1", port, OSError(errno.EADDRINUSE, "in use"))
    assert f"(process {os.getpid()})" in str(error)
    assert "--port 0" in error.next_step
    assert who_listens(port) is None


def comm() -> str:
    with open("/proc/self/comm", encoding="utf-8") as file:  # noqa: PTH123  a file of the kernel
        return file.read().strip()


def test_where_the_system_tells_nothing(tmp_path: Path) -> None:
    assert who_listens(8770, tmp_path) is None
    (tmp_path / "net").mkdir()
    row = "0: 0100007F:2242 00000000:0000 0A 0:0 0:0 0 0 0 77 1"
    (tmp_path / "net/tcp").write_text(f"header\n {row}\n")
    assert who_listens(0x2242, tmp_path) == "a program of another user"


def test_other_refusals_of_the_system() -> None:
    assert "may not listen" in str(cannot_listen("::1", 80, OSError(errno.EACCES, "no")))
    assert "cannot listen (odd)" in str(cannot_listen("::1", 80, OSError(errno.EIO, "odd")))


def test_only_this_machine() -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        must_be_loopback(host)
    for host in ("0.0.0.0", "192.0.2.1", "example.test"):
        with pytest.raises(ConfigurationError):
            must_be_loopback(host)
