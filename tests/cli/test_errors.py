from __future__ import annotations

import json
from typing import TYPE_CHECKING

from topstepx.cli.errors import errors_command
from topstepx.wire.refusals import TABLES
from topstepx.wire.routes import ErrorTable

if TYPE_CHECKING:
    import pytest


def test_one_table_says_code_name_certainty_and_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert errors_command("place") == 0
    out = capsys.readouterr().out
    assert "Order/place" in out
    assert "   6  OrderPending  [outcome unknown]" in out
    assert "   2  OrderRejected\n" in out
    assert "PositionNotFound" not in out


def test_an_endpoint_names_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors_command("Position/partialCloseContract") == 0
    assert "InvalidCloseSize" in capsys.readouterr().out


def test_json_has_every_code_of_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors_command(as_json=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["table"], line["code"]) for line in lines} == {
        (table.value.replace(" ", "-"), row.code) for table in ErrorTable for row in TABLES[table]
    }
    assert all(line["endpoints"] and line["meaning"] and line["next_step"] for line in lines)
    assert {line["outcome"] for line in lines} == {"definite", "unknown"}


def test_everything_ends_with_the_known_texts(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors_command() == 0
    out = capsys.readouterr().out
    assert "not aligned to tick size" in out
    assert "no codes but success" in out


def test_a_wrong_name_is_a_usage_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors_command("plaec") == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert "place" in captured.err
