"""Who uses a stream of a hub: counted, told together, and nobody left waiting."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from topstepx.core.link import Subscription
from topstepx.errors import InvalidRequest, NotSent
from topstepx.net.hub_users import HubUsers
from topstepx.testing.loop import virtual
from topstepx.wire import routes

A, B, C = (Subscription(routes.SUBSCRIBE_QUOTES, name) for name in "ABC")


@virtual
async def test_the_last_user_of_each_gives_it_up() -> None:
    users = HubUsers()
    users.join([A, B])
    users.join([A])
    assert [users.leave(A), users.leave(B), users.leave(A)] == [False, True, True]
    assert not users.leave(A), "given up once"


@virtual
async def test_several_are_confirmed_when_the_last_one_is() -> None:
    users = HubUsers()
    joined = users.join([A, B, C])
    waiting = asyncio.create_task(users.confirmed(joined))
    for one in (B, C):
        users.settle(one, None)
        await asyncio.sleep(1)
        assert not waiting.done()
    users.settle(A, None)
    await waiting


@virtual
async def test_one_that_is_refused_is_told_at_once_and_the_others_are_not_logged() -> None:
    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: problems.append(told))
    users = HubUsers()
    joined = users.join([A, B, C])
    refused = InvalidRequest("x", "B", "the hub refused it.", "Check it.")
    waiting = asyncio.create_task(users.confirmed(joined))
    await asyncio.sleep(1)
    users.settle(B, refused)
    users.settle(C, refused)
    with pytest.raises(InvalidRequest):
        await waiting
    users.waits_no_longer(joined)
    assert [users.leave(one) for one in (A, B, C)] == [True, False, False]
    del joined, waiting
    gc.collect()
    await asyncio.sleep(0)
    assert problems == []
    users.settle(A, None)  # late: nobody waits


@virtual
async def test_who_gave_up_takes_nothing_from_the_others_and_the_end_is_told_to_all() -> None:
    users = HubUsers()
    first, second = users.join([A]), users.join([A, B])
    users.waits_no_longer(first)
    assert first[A].cancelled()
    users.settle(A, None)
    waiting = asyncio.create_task(users.confirmed(second))
    await asyncio.sleep(1)
    users.fail(NotSent("The hub is closed."))
    with pytest.raises(NotSent):
        await waiting
