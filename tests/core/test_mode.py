"""The mode table: strictest cause wins, exits always pass, latches hold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ACCOUNT, ES, MNQ, at
from topstepx import errors, events
from topstepx.core.mode import ALLOWED, CAUSES, Mode, Modes, Operation, rule_of, strictest

OTHER = 7


def added(reason: str, account_id: int | None = ACCOUNT, **parts: Any) -> events.ModeCauseAdded:  # noqa: ANN401  any member
    return events.ModeCauseAdded(reason=reason, account_id=account_id, at=at(0), **parts)


def cleared(reason: str, account_id: int | None = ACCOUNT, **parts: Any) -> events.ModeCauseCleared:  # noqa: ANN401  any member
    return events.ModeCauseCleared(reason=reason, account_id=account_id, at=at(1), **parts)


def active() -> Modes:
    modes = Modes()
    for account_id in (ACCOUNT, OTHER):
        modes.apply(added("syncing", account_id))
        modes.apply(cleared("syncing", account_id))
    return modes


def test_the_table_is_the_law() -> None:
    exits = {Operation.CANCEL, Operation.CLOSE}
    assert {mode: set(allowed) for mode, allowed in ALLOWED.items()} == {
        Mode.ACTIVE: set(Operation),
        Mode.REDUCE_ONLY: exits | {Operation.MODIFY_LOWERING},
        Mode.SYNCING: exits,
        Mode.STARTING: exits,
        Mode.HALTED: exits,
    }


def test_a_stricter_mode_allows_no_more() -> None:
    for freer, stricter in pairwise(Mode):
        assert ALLOWED[stricter] <= ALLOWED[freer]
        assert strictest([stricter, freer]) is stricter
    assert strictest([]) is Mode.ACTIVE


def test_an_account_starts_syncs_and_becomes_active() -> None:
    modes = Modes()
    assert modes.mode(ACCOUNT) is Mode.STARTING
    _, moved = modes.apply(added("syncing"))
    assert [(move.before, move.after) for move in moved] == [(Mode.STARTING, Mode.SYNCING)]
    _, moved = modes.apply(cleared("syncing"))
    assert [(move.before, move.after, move.reasons) for move in moved] == [
        (Mode.SYNCING, Mode.ACTIVE, ())
    ]
    assert modes.mode(OTHER) is Mode.STARTING


def test_the_strictest_cause_wins_and_clearing_one_leaves_the_other() -> None:
    modes = active()
    modes.apply(added("hub_down"))
    modes.apply(added("limit_breached"))
    assert modes.mode(ACCOUNT) is Mode.HALTED
    modes.apply(cleared("limit_breached", released_by="ada"))
    assert modes.mode(ACCOUNT) is Mode.REDUCE_ONLY
    modes.apply(cleared("hub_down"))
    assert modes.mode(ACCOUNT) is Mode.ACTIVE
    assert modes.mode(OTHER) is Mode.ACTIVE


def test_subjects_are_told_apart() -> None:
    modes = active()
    for subject in ("01A", "01B"):
        modes.apply(added("unresolved_intent", contract_id=MNQ, subject=subject))
    modes.apply(cleared("unresolved_intent", contract_id=MNQ, subject="01A"))
    assert modes.mode(ACCOUNT, MNQ) is Mode.REDUCE_ONLY
    modes.apply(cleared("unresolved_intent", contract_id=MNQ, subject="01B"))
    assert modes.mode(ACCOUNT, MNQ) is Mode.ACTIVE


def test_a_fence_holds_one_contract() -> None:
    modes = active()
    modes.apply(added("unresolved_intent", contract_id=MNQ, subject="01A"))
    assert modes.allows(Operation.ENTRY, ACCOUNT, ES)
    assert not modes.allows(Operation.ENTRY, ACCOUNT, MNQ)
    assert not modes.allows(Operation.MODIFY_LOWERING, ACCOUNT, MNQ)
    assert modes.causes(ACCOUNT) == ()
    assert [cause.reason for cause in modes.causes(ACCOUNT, everything=True)] == [
        "unresolved_intent"
    ]


def test_lowering_the_risk_passes_unless_we_are_blind() -> None:
    modes = active()
    modes.apply(added("hub_down"))
    assert modes.allows(Operation.MODIFY_LOWERING, ACCOUNT, MNQ)
    assert not modes.allows(Operation.MODIFY_RAISING, ACCOUNT, MNQ)
    modes.apply(added("recovering"))
    assert not modes.allows(Operation.MODIFY_LOWERING, ACCOUNT, MNQ)


def test_a_cause_on_all_accounts_moves_all_that_are_known() -> None:
    modes = active()
    _, moved = modes.apply(added("journal_unwritable", None))
    assert {move.account_id: move.after for move in moved} == {
        OTHER: Mode.REDUCE_ONLY,
        ACCOUNT: Mode.REDUCE_ONLY,
    }
    _, moved = modes.apply(cleared("journal_unwritable", None))
    assert {move.after for move in moved} == {Mode.ACTIVE}


def test_a_latched_cause_needs_a_person_and_survives_a_restart() -> None:
    modes = active()
    modes.apply(added("killed"))
    modes.apply(added("hub_down"))
    assert modes.apply(cleared("killed")) == (False, ())
    modes.apply(events.ClientStarted(environment="sim", version="0", at=at(2)))
    assert modes.mode(ACCOUNT) is Mode.HALTED
    assert {cause.reason for cause in modes.causes(ACCOUNT)} == {"killed", "starting"}
    modes.apply(added("syncing"))
    modes.apply(cleared("syncing"))
    (release,) = modes.releases(ACCOUNT, released_by="ada", at=at(3))
    assert modes.releases(None, released_by="ada", at=at(3)) == ()
    modes.apply(release)
    assert modes.mode(ACCOUNT) is Mode.ACTIVE


def test_a_cause_of_another_version_halts_and_stays() -> None:
    modes = active()
    modes.apply(added("quantum_flux"))
    assert modes.mode(ACCOUNT) is Mode.HALTED
    assert modes.apply(cleared("quantum_flux")) == (False, ())
    modes.apply(cleared("quantum_flux", released_by="ada"))
    assert modes.mode(ACCOUNT) is Mode.ACTIVE


def test_repeating_a_cause_is_no_news() -> None:
    modes = active()
    assert modes.apply(added("hub_down"))[0]
    assert modes.apply(added("hub_down", detail="again")) == (False, ())
    assert modes.apply(cleared("hub_deaf")) == (False, ())


def test_a_refusal_says_why_and_what_next() -> None:
    modes = active()
    modes.apply(added("killed"))
    with pytest.raises(errors.ModeRefused) as refusal:
        modes.check(Operation.ENTRY, ACCOUNT, MNQ)
    assert refusal.value.mode == "HALTED"
    assert refusal.value.causes == ("killed",)
    assert refusal.value.did_it_happen == "no"
    assert "the kill switch was used" in str(refusal.value)
    assert "resume" in str(refusal.value)
    modes.check(Operation.CANCEL, ACCOUNT, MNQ)
    with pytest.raises(errors.ModeRefused, match="STARTING"):
        Modes().check(Operation.ENTRY, ACCOUNT)


REASONS = st.sampled_from([*CAUSES, "from another version"])
SCOPES = st.sampled_from([None, ACCOUNT, OTHER])
FACTS = st.one_of(
    st.builds(added, REASONS, SCOPES),
    st.builds(lambda reason, scope: added(reason, scope, contract_id=MNQ), REASONS, SCOPES),
    st.builds(cleared, REASONS, SCOPES),
    st.just(events.ClientStarted(environment="sim", version="0", at=at(9))),
)


@given(st.lists(FACTS))
def test_the_exit_is_always_open_and_latches_never_fall_off(facts: list[events.Event]) -> None:
    modes, latched = active(), set()
    for fact in facts:
        before = {account_id: modes.mode(account_id) for account_id in (ACCOUNT, OTHER)}
        _, moved = modes.apply(fact)
        after = {account_id: modes.mode(account_id) for account_id in (ACCOUNT, OTHER)}
        assert {move.account_id: (move.before, move.after) for move in moved} == {
            account_id: (before[account_id], after[account_id])
            for account_id in after
            if before[account_id] is not after[account_id]
        }
        if isinstance(fact, events.ModeCauseAdded) and rule_of(fact.reason).latched:
            latched.add((fact.reason, fact.account_id, fact.contract_id))
        for account_id in (ACCOUNT, OTHER):
            for contract_id in (None, MNQ, ES):
                assert modes.allows(Operation.CANCEL, account_id, contract_id)
                assert modes.allows(Operation.CLOSE, account_id, contract_id)
    standing = {
        (cause.reason, cause.account_id, cause.contract_id)
        for account_id in (ACCOUNT, OTHER)
        for cause in modes.causes(account_id, everything=True)
    }
    assert latched <= standing


def test_an_order_that_is_looked_for_may_be_sent_again_unless_anything_else_stands() -> None:
    modes = active()
    modes.apply(added("unresolved_intent", subject="A", contract_id=MNQ))
    modes.check_again(ACCOUNT, MNQ, "A")
    with pytest.raises(errors.ModeRefused):
        modes.check_again(ACCOUNT, MNQ, "B")
    for reason in ("foreign_tag", "unexpected_fill", "hub_down"):
        other = active()
        other.apply(added("unresolved_intent", subject="A", contract_id=MNQ))
        other.apply(added(reason, subject="A"))
        with pytest.raises(errors.ModeRefused):
            other.check_again(ACCOUNT, MNQ, "A")
