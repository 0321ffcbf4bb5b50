"""A second reading of a file of bars."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from topstepx.cli.bar_rows import rows_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """timestamp_utc,open,high,low,close,volume
2024-01-02 15:00:00,1.09500,1.0955,1.0945,1.0951,500
2024-01-02T16:01:00+01:00,1.0951,1.0960,1.0950,1.0959,400
"""


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz", "bars.bin"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_rows_are_exact_and_in_utc(tmp_path: Path, name: str, mark: str) -> None:
    content = (mark + TEXT).encode()
    path = tmp_path / name
    path.write_bytes(content if name.endswith("csv") else gzip.compress(content))
    assert rows_of(path) == {
        datetime(2024, 1, 2, 15, 0, tzinfo=UTC): (
            Decimal("1.09500"),
            Decimal("1.0955"),
            Decimal("1.0945"),
            Decimal("1.0951"),
            500,
        ),
        datetime(2024, 1, 2, 15, 1, tzinfo=UTC): (
            Decimal("1.0951"),
            Decimal("1.0960"),
            Decimal("1.0950"),
            Decimal("1.0959"),
            400,
        ),
    }
