"""A random day at the venue, saved and loaded in the middle: the second half is the same."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.storm import Storm, drawn
from topstepx.sim.saved_venue import SavedVenue, load_venue, save_venue
from topstepx.sim.venue import Venue

if TYPE_CHECKING:
    from tests.support.pit import Pit


def written(pit: Pit) -> bytes:
    return msgspec.json.encode(save_venue(pit.venue.floor))


def go_on_elsewhere(storm: Storm) -> Storm:
    """The same day with a venue that was loaded from the data of this one."""
    twin = Storm({}, None)
    twin.middle, twin.told, twin.trails = storm.middle, dict(storm.told), dict(storm.trails)
    twin.wished = dict(storm.wished)
    twin.told_position, twin.start_balance = storm.told_position, storm.start_balance
    old = storm.pit.venue
    twin.pit.now, twin.pit.venue = storm.pit.now, Venue((), (), old.switches)
    twin.pit.venue.faults.max_fill_size = old.faults.max_fill_size
    load_venue(msgspec.json.decode(written(storm.pit), type=SavedVenue), twin.pit.venue.floor)
    twin.pit.account = twin.pit.venue.floor.accounts[storm.pit.account.id]
    return twin


@pytest.mark.parametrize("seed", range(6))
def test_a_loaded_venue_lives_the_same_second_half(seed: int) -> None:
    rng = Random(seed)
    storm = Storm({"bracket_wakes": "each_fill", "cancel_ms": 20}, rng.choice([None, 1]))
    for _ in range(100):
        storm.run(drawn(rng))
    twin = go_on_elsewhere(storm)
    assert written(twin.pit) == written(storm.pit)
    steps = [drawn(rng) for _ in range(100)]
    for step in steps:
        storm.run(step)
        twin.run(step)
    assert written(twin.pit) == written(storm.pit)
    assert len(storm.pit.venue.truth.all_trades) > 10
