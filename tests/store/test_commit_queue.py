"""Group commit: order, bounds, failures, and who is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.facts import at
from topstepx import errors, events
from topstepx.store.commit_queue import CommitQueue
from topstepx.testing.loop import virtual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topstepx.store.rows import Queued


class Disk:
    """Keeps batches; takes a second for each; fails while told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.attempts = 0
        self.error: Exception | None = None

    def write(self, queued: Sequence[Queued]) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._write(queued))

    async def _write(self, queued: Sequence[Queued]) -> None:
        self.attempts += 1
        await asyncio.sleep(1)
        if self.error is not None:
            raise self.error
        self.batches.append([f"{one.event.kind}:{one.event.account}" for one in queued])


def queue(disk: Disk, pending_max: int = 100) -> CommitQueue:
    return CommitQueue(disk.write, group_delay_s=0.5, retry_s=10, pending_max=pending_max)


def fact(number: int) -> events.PollingStopped:
    return events.PollingStopped(account_id=number, at=at(number))


def written(disk: Disk) -> list[str]:
    return [text for batch in disk.batches for text in batch]


@virtual
async def test_facts_gather_and_a_durable_one_does_not_wait() -> None:
    disk = Disk()
    commits = queue(disk)
    commits.append(fact(1))
    await asyncio.sleep(0.1)
    commits.append(fact(2))
    waiter = commits.append_durable(fact(3))
    assert commits.pending == 3
    await asyncio.sleep(0.9)
    commits.append(fact(4))
    await waiter
    assert asyncio.get_running_loop().time() == pytest.approx(1.1)
    assert disk.batches == [["PollingStopped:1", "PollingStopped:2", "PollingStopped:3"]]
    await commits.close()
    assert disk.batches[1:] == [["PollingStopped:4"]]
    assert commits.pending == 0


@virtual
async def test_a_failure_reaches_who_waits_and_the_facts_stay_in_order() -> None:
    disk = Disk()
    commits = queue(disk)
    heard: list[str | None] = []
    commits.watch(heard.append)
    disk.error = errors.RecordUnavailable("full")
    commits.append(fact(1))
    with pytest.raises(errors.RecordUnavailable, match="full"):
        await commits.append_durable(fact(2))
    with pytest.raises(errors.RecordUnavailable, match="full"):
        await commits.append_durable(fact(3))
    assert heard == ["full"], "told once"
    assert commits.failure == "full"
    disk.error = None
    await commits.append_durable(fact(4))
    assert written(disk) == [f"PollingStopped:{number}" for number in (1, 2, 3, 4)]
    assert heard == ["full", None]
    assert commits.failure is None


@virtual
async def test_a_failing_disk_is_tried_again_by_itself_and_not_too_often() -> None:
    disk = Disk()
    commits = queue(disk)
    disk.error = OSError("unplugged")
    commits.append(fact(1))
    await asyncio.sleep(60)
    assert 5 <= disk.attempts <= 7
    assert commits.failure is not None
    assert "unplugged" in commits.failure
    disk.error = None
    await asyncio.sleep(12)
    assert written(disk) == ["PollingStopped:1"]


@virtual
async def test_the_queue_is_bounded_and_says_what_is_missing_where() -> None:
    disk = Disk()
    commits = queue(disk, pending_max=3)
    disk.error = errors.RecordUnavailable("full")
    for number in range(1, 6):
        commits.append(fact(number))
    with pytest.raises(errors.RecordUnavailable, match="3 facts behind"):
        await commits.append_durable(fact(6))
    assert commits.pending == 3
    disk.error = None
    await commits.flush()
    commits.append(fact(7))
    await commits.close()
    assert written(disk) == [
        "PollingStopped:1",
        "PollingStopped:2",
        "PollingStopped:3",
        "JournalGapped:None",
        "PollingStopped:7",
    ]


@virtual
async def test_a_wait_that_is_cancelled_leaves_the_fact() -> None:
    disk = Disk()
    commits = queue(disk)

    async def wait() -> None:
        await commits.append_durable(fact(1))

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.5)
    waiting.cancel()
    await asyncio.sleep(1)
    assert waiting.cancelled()
    assert written(disk) == ["PollingStopped:1"]


@virtual
async def test_after_closing_nothing_is_kept_and_nothing_is_promised() -> None:
    disk = Disk()
    commits = queue(disk)
    await commits.close()
    commits.append(fact(1))
    with pytest.raises(errors.RecordUnavailable, match="is closed"):
        await commits.append_durable(fact(2))
    await asyncio.sleep(5)
    assert disk.attempts == 0


@virtual
async def test_closing_on_a_failing_disk_says_so_and_ends() -> None:
    disk = Disk()
    commits = queue(disk)
    disk.error = errors.RecordUnavailable("full")
    commits.append(fact(1))
    with pytest.raises(errors.RecordUnavailable, match="full"):
        await commits.close()
    attempts = disk.attempts
    await asyncio.sleep(60)
    assert disk.attempts == attempts


@virtual
async def test_a_crash_forgets_the_queue_and_cancels_who_waits() -> None:
    disk = Disk()
    commits = queue(disk)
    waiter = commits.append_durable(fact(1))
    await asyncio.sleep(0.5)
    commits.abandon()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await asyncio.sleep(5)
    assert disk.batches == []


@virtual
async def test_a_write_that_is_over_at_once_is_seen_at_once_and_in_order() -> None:
    loop = asyncio.get_running_loop()
    batches: list[list[int]] = []

    def write(queued: Sequence[Queued]) -> asyncio.Future[None]:
        batches.append([one.number for one in queued])
        done: asyncio.Future[None] = loop.create_future()
        if len(batches) == 2:
            done.set_exception(errors.RecordUnavailable("full"))
        else:
            done.set_result(None)
        return done

    commits = CommitQueue(write, group_delay_s=0.5, retry_s=10, pending_max=100)
    commits.append(fact(1))
    assert commits.append_durable(fact(2)).done()
    refused = commits.append_durable(fact(3))
    assert isinstance(refused.exception(), errors.RecordUnavailable)
    assert commits.append_durable(fact(4)).done()
    assert (batches, commits.pending, commits.failure) == ([[1, 2], [3], [3, 4]], 0, None)


@virtual
async def test_who_ended_a_write_has_it_seen_in_the_same_step_and_only_once() -> None:
    loop = asyncio.get_running_loop()
    writes: list[asyncio.Future[None]] = []

    def write(_: Sequence[Queued]) -> asyncio.Future[None]:
        writes.append(loop.create_future())
        return writes[-1]

    commits = CommitQueue(write, group_delay_s=0.5, retry_s=10, pending_max=100)
    first, second = commits.append_durable(fact(1)), commits.append_durable(fact(2))
    commits.look()
    assert (first.done(), len(writes)) == (False, 1)
    writes[0].set_result(None)
    commits.look()
    assert (first.done(), second.done(), len(writes)) == (True, False, 2)
    await asyncio.sleep(0)  # the first write's own word comes now, and is not the second's
    assert (second.done(), len(writes), commits.pending) == (False, 2, 1)
    writes[1].set_result(None)
    await asyncio.sleep(0)
    assert (second.done(), commits.pending) == (True, 0)
