"""`topstepx demo`: really run, really checked, and failing when the venue disagrees."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import complaints
from topstepx.cli.demo import StepFailed, Walk, run_demo
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.main import main
from topstepx.cli.narration import JsonNarrator
from topstepx.errors import ContractUnknown
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = [
    *("gateway", "login", "contract"),
    *["quote"] * 8,
    *("order", "fill", "stop", "target", "move", "close"),
    *("trade", "trade", "balance"),
    "demo_finished",
]
REAL = Path(__file__).parents[3] / "shared" / "data" / "6EH4_1min_2024-01.csv.gz"


def made_up_bars() -> str:
    """Forty busy minutes of 6E that never were, long enough for the whole job."""
    lines = ["timestamp_utc,open,high,low,close,volume"]
    price = 21_900  # ticks of 0.00005
    for minute in range(40):
        low, high = price - 6, price + 6
        close = price + (minute * 7) % 5 - 2
        cells = (f"{tick * 0.00005:.5f}" for tick in (price, high, low, close))
        lines.append(f"2024-01-02 15:{minute:02}:00,{','.join(cells)},9000")
        price = close
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Run:
    """What a demo in a process of its own said, and how it ended."""

    code: int
    lines: list[dict[str, Any]]
    errors: str

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]

    def facts(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


class Runs:
    """All demos started side by side, because they mostly wait for the market."""

    def __init__(self, folder: Path) -> None:
        bars = folder / "bars.csv"
        bars.write_text(made_up_bars())
        self._stack = ExitStack()
        self._running = {
            "plain": self._start(),
            "bars": self._start("--bars", str(bars), "--contract", "6E"),
        }
        if REAL.exists():
            self._running["real"] = self._start("--bars", str(REAL), "--contract", "6E")
        self._done: dict[str, Run] = {}

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603  this interpreter on our own package
            [sys.executable, "-m", "topstepx", "demo", "--json", "--fast", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def run(self, name: str) -> Run:
        if name not in self._done:
            out, errors = self._running[name].communicate(timeout=80)
            lines = [json.loads(line) for line in out.splitlines()]
            self._done[name] = Run(self._running[name].returncode, lines, errors)
        return self._done[name]

    def close(self) -> None:
        for process in self._running.values():
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    self._stack.callback(pipe.close)
        self._stack.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    started = Runs(tmp_path_factory.mktemp("demo"))
    yield started
    started.close()


def told_once(events: list[str], name: str) -> list[str]:
    """The events, with neighbours of one name told once."""
    return [
        event
        for number, event in enumerate(events)
        if event != name or number == 0 or events[number - 1] != name
    ]


# ---------------------------------------------------------------- the whole job, as a process


def test_it_ends_well_and_says_every_step(runs: Runs) -> None:
    run = runs.run("plain")
    assert (run.code, complaints(run.errors)) == (0, [])
    assert told_once(run.events, "trade") == told_once(STEPS, "trade")  # a fill may be several
    last = run.lines[-1]
    assert last["ok"] is True
    assert last["checks"] >= 30


def test_the_figures_are_the_real_ones(runs: Runs) -> None:
    run = runs.run("plain")
    before = Decimal(run.facts("login")[0]["balance"])
    (balance,) = run.facts("balance")
    assert Decimal(balance["balance"]) == (
        before + Decimal(balance["profit_and_loss"]) - Decimal(balance["fees"])
    )
    (fill,) = run.facts("fill")
    trades = run.facts("trade")
    opening = [trade for trade in trades if trade["profit_and_loss"] is None]
    closing = [trade for trade in trades if trade["profit_and_loss"] is not None]
    paid = sum(Decimal(trade["price"]) * trade["size"] for trade in opening)
    assert Decimal(fill["average_price"]) == paid / fill["size"]
    assert sum(trade["size"] for trade in opening) == sum(trade["size"] for trade in closing) == 2
    gained = sum(Decimal(trade["profit_and_loss"]) for trade in closing)
    assert gained == Decimal(balance["profit_and_loss"])
    tick = Decimal(run.facts("contract")[0]["tick_size"])
    stop, target = (Decimal(run.facts(leg)[0]["price"]) for leg in ("stop", "target"))
    assert target - stop == 120 * tick
    if len(opening) == 1:
        assert stop == Decimal(opening[0]["price"]) - 40 * tick
    (move,) = run.facts("move")
    assert Decimal(move["before"]) - Decimal(move["after"]) == 4 * tick
    (close,) = run.facts("close")
    assert (close["net"], close["working"]) == (0, [])


def _check_on_bars(run: Run) -> None:
    assert (run.code, complaints(run.errors)) == (0, [])
    assert run.lines[-1]["ok"] is True
    assert len(run.facts("in_bar")) == 2
    assert run.facts("contract")[0]["name"] == "6EH4"
    assert run.facts("bars")


def test_it_runs_on_invented_bars(runs: Runs) -> None:
    _check_on_bars(runs.run("bars"))


@pytest.mark.skipif(
    not REAL.exists(), reason="the real 6E bars of January 2024 are not beside the repository"
)
def test_it_runs_on_real_bars(runs: Runs) -> None:
    run = runs.run("real")
    _check_on_bars(run)
    assert run.facts("bars")[0]["count"] == 100


# ---------------------------------------------------------------- a venue that disagrees


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Fault(
                where="Account/search", what=f.Edit("accounts[*].balance", "value", 1), times=None
            ),
            "balance is not the venue's",
        ),
        (
            Fault(where="Order/place", what=f.Answer(400, '{"title":"No."}')),
            "Order/place refused",
        ),
        (
            Fault(
                where="Auth/*", what=f.Answer(200, '{"success":false,"errorCode":3,"token":null}')
            ),
            "loginKey refused",
        ),
        (
            Fault(
                where="Trade/search",
                what=f.Edit("trades[0].price", "value", 1),
                times=None,
            ),
            "trades are not the venue's",
        ),
    ],
)
def test_it_fails_when_the_venue_disagrees(
    capsys: pytest.CaptureFixture[str], fault: Fault, words: str
) -> None:
    ok = asyncio.run(
        run_demo(as_json=True, fast=True, seed=1, bars=None, product="MNQ", faults=(fault,))
    )
    lines = told(capsys)
    assert ok is False
    assert (lines[-1]["event"], lines[-1]["ok"]) == ("demo_finished", False)
    assert lines[-2]["event"] == "failed"
    assert words in lines[-2]["text"]


def test_a_market_that_says_nothing_is_a_failure_and_not_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topstepx.cli.demo._STEP_S", 1.0)
    silent = Fault(where="hub/market", what=f.DropEvents(), times=None)
    assert not asyncio.run(
        run_demo(as_json=True, fast=True, seed=1, bars=None, product="MNQ", faults=(silent,))
    )
    lines = told(capsys)
    assert "longer than 1 s" in lines[-2]["text"]
    assert lines[-1]["checks"] == 1, "what was compared until then"


def test_the_exit_code_follows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json", "--fast", "--contract", "NOSUCH"]) == ExitCode.FAILED
    lines = told(capsys)
    assert "NOSUCH" in lines[-2]["text"]
    assert lines[-1]["ok"] is False
    assert main(["demo", "--json", "--fast", "--bars", "no-such-file.csv"]) == ExitCode.USAGE
    assert "no-such-file.csv" in capsys.readouterr().err


def test_a_contract_that_the_bars_cannot_be_of_is_refused(tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text(made_up_bars())
    with pytest.raises(ContractUnknown):
        asyncio.run(run_demo(as_json=True, fast=True, seed=1, bars=bars, product="NOSUCH"))


def test_a_check_counts_and_the_first_that_fails_ends_it() -> None:
    parts: Any = None
    walk = Walk(parts, parts, JsonNarrator(), pace_s=0.0)
    walk.check(holds=True, what="fine")
    with pytest.raises(StepFailed, match="not fine"):
        walk.check(holds=False, what="not fine")
    assert walk.checks == 2
