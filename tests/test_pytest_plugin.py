"""The plugin in a pytest of its own, on the very lines of docs/testing.md."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "testing.md"
# An installation from before the plugin does not know it yet.
KNOWN = any(one.value == "topstepx_pytest" for one in entry_points(group="pytest11"))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    plugin = [] if KNOWN else ["-p", "topstepx_pytest"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *arguments]
    return subprocess.run(  # noqa: S603  this interpreter's pytest
        command, cwd=folder, capture_output=True, text=True, timeout=80, check=False
    )


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _ in blocks] == ["my_bot.py", "test_my_bot.py", "test_my_crash.py"]
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout
    bad = (tmp_path / "my_bot.py").read_text()
    (tmp_path / "my_bot.py").write_text(
        bad + '    await desk.buy(2, at=Limit("25000"), key="another")\n'
    )
    ran = run(tmp_path)
    assert ran.returncode == 1, ran.stdout
    assert "assert 2 == 1" in ran.stdout


TEST = """
import asyncio, sys, time

def test_plain(): pass

async def test_clock(clock, tsx):
    began = clock.monotonic_ns()
    await asyncio.sleep(3600)
    assert clock.monotonic_ns() - began == 3600 * 10**9
    assert (await tsx.accounts.one("PRAC")).can_trade

def test_sync(sim):
    assert sim.truth.orders(1) == []
"""


def test_hours_take_no_time_and_plain_tests_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    ran = run(tmp_path)
    assert "3 passed" in ran.stdout, ran.stdout + ran.stderr


def test_who_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n"
        "    loaded = {'topstepx.client', 'topstepx.sim', 'aiohttp', 'msgspec'} & set(sys.modules)\n"
        "    assert not loaded\n"
    )
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
