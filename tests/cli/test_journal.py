"""`topstepx journal`: shown, followed and exported, and never changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.facts import ACCOUNT, START, intent
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.main import main
from topstepx.events import AlarmRaised, IntentSent
from topstepx.store.journal_file import JournalFile
from topstepx.store.rows import entry_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "journals"
    folder.mkdir(mode=0o700)
    path = folder / "j.sqlite"
    _write(path, 0, intent("ONE", key="my-key"), IntentSent(intent_id="ONE", account_id=ACCOUNT, at=START),
           AlarmRaised(name="test", detail="look", at=START))  # fmt: skip
    return path


def _write(path: Path, after: int, *facts: object) -> None:
    file = JournalFile(path)
    file.open()
    file.write([entry_of(fact, after + n) for n, fact in enumerate(facts, 1)])  # type: ignore[arg-type]  # facts of any kind
    file.close()


def test_show_tells_each_fact_in_a_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "show", "--journal", str(path)]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines] == ["IntentRecorded", "IntentSent", "AlarmRaised"]
    assert "key=my-key" in lines[0]


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (["--last", "1"], ["AlarmRaised"]),
        (["--kind", "IntentSent"], ["IntentSent"]),
        (["--account", str(ACCOUNT)], ["IntentRecorded", "IntentSent"]),
        (["--last", "0"], ["IntentRecorded", "IntentSent", "AlarmRaised"]),
    ],
)
def test_only_what_is_asked_for(
    path: Path, capsys: pytest.CaptureFixture[str], options: list[str], kinds: list[str]
) -> None:
    assert main(["journal", "show", "--json", "--journal", str(path), *options]) == ExitCode.DONE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == kinds
    assert all(line["fact"]["kind"] == line["kind"] for line in lines)


def test_export_writes_every_fact_once_and_over_nothing(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "out.jsonl"
    arguments = ["journal", "export", "--journal", str(path), "--to", str(to)]
    assert main(arguments) == ExitCode.DONE
    assert [json.loads(line)["seq"] for line in to.read_text().splitlines()] == [1, 2, 3]
    assert main(arguments) == ExitCode.USAGE
    assert "Name a new file" in capsys.readouterr().err
    assert main(arguments[:-2]) == ExitCode.DONE
    assert capsys.readouterr().out == to.read_text()


def test_damage_is_said_and_not_passed_over(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import sqlite3  # noqa: PLC0415  used here only

    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER journal_is_append_only_update")
    connection.execute("UPDATE journal SET body = '{}' WHERE seq = 2")
    connection.commit()
    connection.close()
    assert main(["journal", "show", "--journal", str(path)]) == ExitCode.FAILED
    assert "row 2 was changed" in capsys.readouterr().err


def test_no_journal_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "show", "--journal", str(tmp_path / "none")]) == ExitCode.USAGE
    assert "There is no journal" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="ends by a signal")
def test_follow_tells_what_is_written_meanwhile(path: Path) -> None:
    command = [sys.executable, "-m", "topstepx", "journal", "follow", "--journal", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  this interpreter, our own package
        assert process.stdout is not None
        line = ""
        for number in range(1, 240):  # what was there before it began is not told
            _write(path, 3 + number, intent(f"NEW{number}", tag=f"T{number}"))
            os.set_blocking(process.stdout.fileno(), False)
            line = process.stdout.readline()
            if line:
                break
            _pause()
        process.terminate()
    assert "IntentRecorded" in line
    assert "intent_id=NEW" in line


def _pause() -> None:
    import time  # noqa: PLC0415  used here only

    time.sleep(0.25)
