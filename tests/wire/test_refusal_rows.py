from __future__ import annotations

import re

from topstepx.wire.refusal_rows import ROWS
from topstepx.wire.routes import ROUTES, ErrorTable


def test_every_table_is_there_and_used() -> None:
    assert set(ROWS) == set(ErrorTable)
    assert {route.errors for route in ROUTES} == set(ErrorTable)


def test_codes_are_dense_from_one_and_names_unique() -> None:
    for table, rows in ROWS.items():
        assert sorted(rows) == list(range(1, len(rows) + 1)), table
        assert len({row.name for row in rows.values()}) == len(rows), table


def test_every_row_can_be_read_aloud() -> None:
    for rows in ROWS.values():
        for row in rows.values():
            assert re.fullmatch(r"([A-Z][a-z]+)+", row.name)
            assert row.meaning[0].islower()
            assert not row.meaning.endswith(".")
            assert row.next_step[0].isupper()
            assert row.next_step.endswith(".")


def test_an_unknown_outcome_never_says_send_again_to_an_order() -> None:
    for table in (ErrorTable.PLACE, ErrorTable.PARTIAL_CLOSE, ErrorTable.MODIFY):
        for row in ROWS[table].values():
            if row.outcome == "unknown":
                assert re.search(r"look", row.next_step, re.IGNORECASE), row
