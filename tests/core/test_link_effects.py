"""The words between a link and its shell."""

from __future__ import annotations

import pytest

from topstepx.core.link_effects import Changed, LinkState, Subscription, subscriptions_of
from topstepx.wire import routes


def test_an_alarm_comes_at_each_power_of_two_from_the_second_failure_on() -> None:
    alarming = [
        attempt for attempt in range(40) if Changed(LinkState.WAITING, 1, attempt=attempt).alarming
    ]
    assert alarming == [2, 4, 8, 16, 32]


@pytest.mark.parametrize("state", list(LinkState))
def test_no_state_is_down_and_hears(state: LinkState) -> None:
    assert not (state.is_down and state.hears)


def test_what_a_subscription_is_called_with() -> None:
    assert Subscription(routes.SUBSCRIBE_ACCOUNTS, None).arguments == ()
    assert Subscription(routes.SUBSCRIBE_ORDERS, 7).arguments == (7,)
    assert [one.key for one in subscriptions_of(routes.SUBSCRIBE_ORDERS, [1, 2])] == [1, 2]
