"""Positions: the latest word, hints and truth, and flat only when proven."""

from __future__ import annotations

from decimal import Decimal

from tests.support.facts import ACCOUNT, ES, MNQ, at, position
from topstepx import events
from topstepx.core.ledger_positions import AccountPositions
from topstepx.wire.enums import PositionType


def listed(seconds: float, *held: int) -> events.PositionsListed:
    positions = tuple(position(net) for net in held)
    return events.PositionsListed(account_id=ACCOUNT, positions=positions, at=at(seconds))


def hinted(seconds: float, net: int) -> events.PositionObserved:
    return events.PositionObserved(position=position(net), at=at(seconds), source="hub")


def test_flat_is_only_known_when_proven() -> None:
    known = AccountPositions(ACCOUNT)
    assert known.position(MNQ) is None
    known.apply(hinted(1, 2), None)
    assert known.position(ES) is None
    known.apply(listed(2, 2), None)
    flat = known.position(ES)
    assert flat is not None
    assert (flat.is_flat, flat.net, flat.average_price, flat.confirmed) == (True, 0, None, True)


def test_the_streams_flat_is_a_hint() -> None:
    known = AccountPositions(ACCOUNT)
    known.apply(hinted(1, 0), None)
    flat = known.position(MNQ)
    assert flat is not None
    assert (flat.is_flat, flat.confirmed) == (True, False)
    known.apply(listed(2), None)
    flat = known.position(MNQ)
    assert flat is not None
    assert (flat.is_flat, flat.confirmed, flat.as_of) == (True, True, at(2))


def test_a_hint_after_the_list_was_asked_for_is_newer() -> None:
    known = AccountPositions(ACCOUNT)
    known.apply(hinted(5, 1), None)
    assert known.apply(listed(4), None) == ()
    held = known.position(MNQ)
    assert held is not None
    assert (held.net, held.confirmed) == (1, False)


def test_a_list_asked_for_after_the_hint_wins() -> None:
    known = AccountPositions(ACCOUNT)
    known.apply(hinted(5, 1), None)
    (change,) = known.apply(listed(6, -2), None)
    assert change.before is not None
    assert (change.before.net, change.after.net) == (1, -2)
    (gone,) = known.apply(listed(7), None)
    assert (gone.contract_id, gone.after.net) == (MNQ, 0)


def test_at_the_same_moment_rest_beats_the_hub() -> None:
    both: list[events.PositionObserved | events.PositionsListed] = [hinted(5, 1), listed(5, 2)]
    for facts in (both, both[::-1]):
        known = AccountPositions(ACCOUNT)
        for fact in facts:
            known.apply(fact, None)
        belief = known.position(MNQ)
        assert belief is not None
        assert belief.net == 2


def test_a_direction_that_is_not_known_is_not_flat() -> None:
    known = AccountPositions(ACCOUNT)
    strange = position(3, type=PositionType(9))
    known.apply(events.PositionObserved(position=strange, at=at(0)), None)
    belief = known.position(MNQ)
    assert belief is not None
    assert (belief.net, belief.is_flat) == (None, False)


def test_the_same_position_told_in_other_words_is_no_news() -> None:
    known = AccountPositions(ACCOUNT)
    known.apply(hinted(1, 2), 0)
    other = position(2, contract_display_name="MNQZ26", average_price=Decimal("21503.250000000"))
    again = events.PositionObserved(position=other, at=at(9))
    assert known.apply(again, 8 * 10**9) == ()
    belief = known.position(MNQ)
    assert belief is not None
    assert (belief.as_of, belief.confirmed, belief.age_s(9 * 10**9)) == (at(9), True, 1.0)
