from __future__ import annotations

from topstepx.sim.building import make_parts
from topstepx.sim.catalogue import ACCOUNTS
from topstepx.sim.scenarios import SCENARIOS
from topstepx.sim.switches import Switches


def test_a_scenario_stands_for_accounts_hours_spread_and_rules() -> None:
    parts = make_parts(
        seed=1,
        hours="always",
        real=None,
        switches=Switches(),
        user_name="trader01",
        api_key=None,
        signing_key=None,
        accounts=ACCOUNTS,
        rate=1.0,
        catch_up=None,
        scenario=SCENARIOS["fast"],
    )
    assert [one.name for one in parts.users] == ["trader01"]
    assert parts.market.account_ids == {26282001}
    assert parts.market.hand.spread_of_all == 8
    assert "trader01" in repr(parts.users)
    assert parts.users[0].api_key not in repr(parts)
