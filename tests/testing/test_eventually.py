"""`eventually` waits for what comes and tells what did not."""

from __future__ import annotations

import asyncio

import pytest

from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual


@virtual
async def test_a_predicate_gives_its_value() -> None:
    found: dict[str, int] = {}
    loop = asyncio.get_running_loop()
    loop.call_later(3, found.update, {"order": 5})
    assert await eventually(lambda: found.get("order")) == 5
    assert 3 <= loop.time() <= 3.05


@virtual
async def test_an_assertion_holds_when_it_does_not_raise() -> None:
    seen: list[str] = []
    asyncio.get_running_loop().call_later(1, seen.append, "fill")

    def filled() -> None:
        assert seen == ["fill"]

    await eventually(filled)
    assert asyncio.get_running_loop().time() >= 1


@virtual
async def test_a_predicate_that_gives_none_does_not_hold() -> None:
    with pytest.raises(AssertionError, match=r"did not hold within 2 s; at last it returned None"):
        await eventually(lambda: None, timeout_s=2)
    assert asyncio.get_running_loop().time() == 2


@virtual
async def test_the_last_failure_is_told_and_kept_as_cause() -> None:
    attempts: list[int] = []

    def flat() -> None:
        attempts.append(1)
        raise AssertionError(f"position is {len(attempts)}")

    with pytest.raises(AssertionError, match=r"flat did not hold .* position is 3") as caught:
        await eventually(flat, timeout_s=1, every_s=0.5)
    assert "position is 3" in str(caught.value.__cause__)


@virtual
async def test_a_missing_key_means_not_yet_and_other_errors_mean_now() -> None:
    rows: dict[str, str] = {}
    asyncio.get_running_loop().call_later(1, rows.update, {"a": "b"})
    assert await eventually(lambda: rows["a"]) == "b"

    def broken() -> bool:
        raise TypeError("wrong from the start")

    with pytest.raises(TypeError):
        await eventually(broken)
    assert asyncio.get_running_loop().time() < 1.1


@virtual
async def test_a_check_may_be_async() -> None:
    async def ready() -> bool:
        await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time() > 2

    assert await eventually(ready)


@virtual
async def test_it_asks_once_more_at_the_very_end() -> None:
    done: list[int] = []
    asyncio.get_running_loop().call_later(1.0, done.append, 1)
    await eventually(lambda: bool(done), timeout_s=1.0, every_s=0.7)
