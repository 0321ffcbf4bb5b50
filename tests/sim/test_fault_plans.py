"""Plans as files: what they become, and what a slip is answered with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sim_line import NOON, Line
from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as kinds
from topstepx.sim.fault_plans import FaultPlan
from topstepx.sim.faults import Fault

GOOD = """
seed = 9

[[faults]]
where = "Order/place"
what = { kind = "answer", status = 503, when = "after" }
times = 2

[[faults]]
where = "hub/user"
what = { kind = "drop_events", event = "GatewayUserOrder" }
in_s = 30
for_s = 10
"""


def test_a_plan_becomes_faults_with_their_windows_in_simulated_time() -> None:
    faults = Line().gateway.faults
    added = FaultPlan.from_toml(GOOD.encode()).add_to(faults, NOON)
    assert [one.fault for one in added] == [
        Fault(where="Order/place", what=kinds.Answer(status=503, when="after"), times=2),
        Fault(
            where="hub/user",
            what=kinds.DropEvents(event="GatewayUserOrder"),
            since=NOON + timedelta(seconds=30),
            until=NOON + timedelta(seconds=40),
        ),
    ]
    assert faults.seed == 9


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("what = { kind = 'drop_anser' }", "faults[1].what.kind", "Did you mean drop_answer?"),
        ("what = { seconds = 3 }", "faults[1].what", ""),
        ("what = { kind = 'cut', after_byte = 1 }", "faults[1].what.after_byte", "after_bytes"),
        ("what = { kind = 'cut' }\ntimse = 1", "faults[1].timse", "Did you mean times?"),
        ("what = { kind = 'cut' }\ntimes = 'one'", "faults[1].times", ""),
        ("what = { kind = 'hold', seconds = 'x' }", "faults[1].what.seconds", ""),
        (
            "where = 'Order/plaice'\nwhat = { kind = 'cut' }",
            "faults[1].where",
            "Did you mean Order/place?",
        ),
        ("what = { kind = 'cut' }\ntimes = 0", "faults[1].times", "For ever: None, or all"),
        ("what = { kind = 'mute', chance = 3 }", "faults[1].what.chance", "leave it out"),
        ("what = { kind = 'cut' }\nchance = 2.0", "faults[1].chance", "1 is always"),
        ("what = { kind = 'cut' }\nfor_s = -1.0", "faults[1].for_s", ""),
        (
            "what = { kind = 'cut' }\nfor_s = 1\nuntil = 2026-01-05T12:00:00Z",
            "faults[1].for_s",
            "one of the two",
        ),
        (
            "what = { kind = 'cut' }\nsince = 2026-01-05T12:00:00Z\nuntil = 2026-01-05T11:00:00Z",
            "faults[1].until",
            "='2026-01-05T11:00:00+00:00': is not after since. Swap",
        ),
        (
            "what = { kind = 'set', switch = 'limits.knid', value = 1 }",
            "faults[1].what.switch",
            "Did you mean limits.kind?",
        ),
        (
            "what = { kind = 'liquidate', account_id = 5 }",
            "faults[1].what.account_id",
            "Known: 25775001",
        ),
        (
            "what = { kind = 'gap', contract_id = 'CON.F.US.MNQ.Q99', ticks = 4 }",
            "faults[1].what.contract_id",
            "as CON.F.US.MNQ.",
        ),
        (
            "what = { kind = 'foreign_order', account_id = 25775001, contract_id = 'MNQ', side = 'buy' }",
            "faults[1].what.contract_id",
            "whole id",
        ),
        ("what = { kind = 'halt', contract_id = 'NQ' }", "faults[1].what.contract_id", ""),
        (
            "what = { kind = 'spread', contract_id = '', ticks = 4 }",
            "faults[1].what.contract_id",
            "",
        ),
        ("what = { kind = 'freeze', contract_ids = ['NQ'] }", "faults[1].what.contract_ids", ""),
        ("what = { kind = 'hold', seconds = -1 }", "faults[1].what.seconds", "from 0 to a year"),
        ("what = { kind = 'delay', seconds = nan }", "faults[1].what.seconds", "from 0"),
        ("what = { kind = 'delay', seconds = inf }", "faults[1].what.seconds", "from 0"),
        (
            "where = 'hub/user'\nwhat = { kind = 'delay_events', seconds = -0.1 }",
            "faults[1].what.seconds",
            "from 0",
        ),
    ],
)
def test_a_slip_is_answered_with_its_path_and_nothing_is_added(
    text: str, path: str, hint: str
) -> None:
    faults = Line().gateway.faults
    plan = "[[faults]]\nwhat = { kind = 'cut' }\n[[faults]]\n" + text
    with pytest.raises(InvalidRequest) as caught:
        FaultPlan.from_toml(plan).add_to(faults, NOON)
    assert caught.value.field == path, str(caught.value)
    assert hint in str(caught.value)
    assert faults.planned == ()


def test_a_date_may_be_skewed_both_ways_and_no_further_than_a_year() -> None:
    faults = Line().gateway.faults
    for seconds in (-3600, 3600):
        plan = f"[[faults]]\nwhat = {{ kind = 'skew_date', seconds = {seconds} }}"
        FaultPlan.from_toml(plan).add_to(faults, NOON)
    assert len(faults.planned) == 2
    with pytest.raises(InvalidRequest, match="to a year"):
        FaultPlan.from_toml("[[faults]]\nwhat = { kind = 'skew_date', seconds = -1e99 }").add_to(
            faults, NOON
        )


def test_what_is_no_plan_at_all() -> None:
    with pytest.raises(InvalidRequest, match="no TOML"):
        FaultPlan.from_toml("[[faults]")
    with pytest.raises(InvalidRequest, match="Did you mean faults"):
        FaultPlan.from_toml("[[fault]]\nwhat = { kind = 'cut' }")
