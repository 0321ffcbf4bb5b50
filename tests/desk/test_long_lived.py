"""The collector is out of the way while a journal is read, and afterwards of what was read."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from topstepx.desk.long_lived import WORTH_IT, long_lived

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.parametrize(("facts", "frozen"), [(WORTH_IT, True), (WORTH_IT - 1, False)])
def test_what_was_read_is_not_walked_over_again_if_it_is_much(facts: int, *, frozen: bool) -> None:
    before = gc.get_freeze_count()
    with long_lived() as reading:
        assert not gc.isenabled()
        kept = [[number] for number in range(1000)]
        reading.facts = facts
    assert gc.isenabled()
    assert (gc.get_freeze_count() - before >= len(kept)) is frozen


def test_it_comes_back_when_the_reading_fails() -> None:
    def damaged() -> None:
        with long_lived() as reading:
            reading.facts = WORTH_IT
            raise RuntimeError

    before = gc.get_freeze_count()
    with pytest.raises(RuntimeError):
        damaged()
    assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with long_lived():
        pass
    assert not gc.isenabled()
