from __future__ import annotations

import json
import subprocess
import sys

import pytest

import topstepx
from topstepx.cli import main as command
from topstepx.cli.exit_codes import ExitCode


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-m", "topstepx", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_as_a_process() -> None:
    done = start("--version")
    assert (done.returncode, done.stdout.strip()) == (0, topstepx.__version__)


def test_help_names_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--help"]) == ExitCode.DONE
    out = capsys.readouterr().out
    for _, name, _ in command.GROUPS:
        assert name in out


@pytest.mark.parametrize("arguments", [["nonsense"], ["sim", "--speed", "x"], ["sim", "--nothing"]])
def test_usage_errors_are_code_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out + captured.err


def test_our_errors_become_text_and_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["sim", "--host", "0.0.0.0"]) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert "this machine only" in captured.err
    assert "Traceback" not in captured.err


def test_a_group_is_loaded_only_when_it_is_called() -> None:
    listing = (
        "import json, sys\nfrom topstepx.cli.main import main\nmain(['--help'])\n"
        "print(json.dumps([name for name in sys.modules if name.startswith('topstepx.')]))"
    )
    done = subprocess.run(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-c", listing], capture_output=True, check=True, text=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "topstepx.cli.main" in loaded
    assert not [name for name in loaded if name.startswith("topstepx.sim")]
