from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from topstepx.sim import fault_kinds as kinds


def test_every_kind_is_in_exactly_one_family() -> None:
    families = (
        kinds.REQUEST_FAULTS,
        kinds.EVENT_FAULTS,
        kinds.INVOCATION_FAULTS,
        kinds.UPGRADE_FAULTS,
        kinds.SESSION_FAULTS,
        kinds.ACTS,
    )
    listed = [one for family in families for one in family]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(get_args(kinds.What))


@pytest.mark.parametrize(
    "kind", [kinds.Edit(path="a[0]", op="value", value=[1, "x"]), kinds.Kick(arguments=({},))]
)
def test_a_kind_survives_being_written_down(kind: kinds.What) -> None:
    assert msgspec.json.decode(msgspec.json.encode(kind), type=kinds.What) == kind


def test_tags_are_unique_words() -> None:
    tags = [kind.__struct_config__.tag for kind in get_args(kinds.What)]
    assert len(tags) == len(set(tags))
    assert all(isinstance(tag, str) and tag.islower() for tag in tags)
