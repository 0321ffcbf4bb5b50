"""One row of words per public error, none for errors that do not exist."""

from __future__ import annotations

from tests.support.errors_page import classes
from topstepx.error_words import WORDS


def test_one_row_per_public_error() -> None:
    names = [kind.__name__ for kind in classes()]
    assert sorted(WORDS) == sorted(names)


def test_rows_are_sentences() -> None:
    for name, (meaning, next_step) in WORDS.items():
        assert meaning[0].islower() or meaning.startswith(("HTTP",)), name
        assert not meaning.endswith("."), name
        assert next_step[0].isupper(), name
        assert next_step.endswith("."), name
