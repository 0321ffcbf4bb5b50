"""The kit's hands on what is outside the gateway: the journal's disk, the client's computer, the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.sim.outside_faults import (
    DISK_FAULTS,
    JOURNAL,
    Crash,
    DiskFault,
    DiskFull,
    DiskHangs,
    DiskLies,
    DiskReadOnly,
    DiskSlow,
    HalfOpen,
    NetworkDown,
    NetworkFault,
    ResetNetwork,
    SlowNetwork,
)
from topstepx.store.journal_memory import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from topstepx.sim.outside_faults import ProcessFault
    from topstepx.store.rows import Journal
    from topstepx.testing.loop import LoopClock
    from topstepx.testing.memory import MemoryGateway, Network

_FULL = "The journal cannot be written: the disk is full."
_READ_ONLY = "The journal cannot be written: the file is read-only."


class MemoryDisk:
    """The disk under one in-memory journal after another: what is wrong with it outlives a crash."""

    kinds = DISK_FAULTS

    def __init__(self, world: MemoryGateway) -> None:
        self._world = world
        self._journal: MemoryJournal | None = None
        self._wrong: list[DiskFault] = []
        self._struck: list[ProcessFault] = []
        self._usual_s = 0.0

    def take(self, journal: Journal) -> None:
        """This is the journal from now on."""
        if not isinstance(journal, MemoryJournal):
            return
        self._journal = journal
        self._usual_s = journal.slow(0.0)
        journal.slow(self._usual_s)
        journal.on_write = self._write
        self._apply()

    def begin(self, what: DiskFault) -> Callable[[], None]:
        """See `DiskHand.begin`."""
        self._wrong.append(what)
        self._apply()

        def undo() -> None:
            self._wrong.remove(what)
            self._apply()

        return undo

    def _apply(self) -> None:
        journal, wrong = self._journal, self._wrong
        if journal is None:
            return
        if any(isinstance(one, DiskFull) for one in wrong):
            journal.fail(_FULL)
        elif any(isinstance(one, DiskReadOnly) for one in wrong):
            journal.fail(_READ_ONLY)
        else:
            journal.recover()
        if any(isinstance(one, DiskHangs) for one in wrong):
            journal.hold()
        else:
            journal.release()
        slowest_s = [one.seconds for one in wrong if isinstance(one, DiskSlow)]
        journal.slow(max(slowest_s, default=self._usual_s))
        if not any(isinstance(one, DiskLies) for one in wrong):
            journal.be_honest()
        elif not journal.lies:
            journal.lie()

    def _write(self, moment: Literal["before", "after"]) -> None:
        """A write of the journal is a point at which the plan may end the program."""
        gateway = self._world.gateway
        if moment == "before":
            self._struck = gateway.faults.for_program(JOURNAL, self._world.now())
        struck, now = self._struck, moment
        for one in struck:
            when = one.when if isinstance(one, Crash) else "after"
            if when == now:
                gateway.acts.outside.strike(one, JOURNAL)


class Computer:
    """The client's computer: its clock, its lid, its connections."""

    def __init__(self, clock: LoopClock, world: MemoryGateway) -> None:
        self._clock, self._world = clock, world
        self._rate = 1.0

    def step(self, seconds: float) -> None:
        """See `ClockHand.step`."""
        self._clock.step_wall(seconds)

    def drift(self, rate: float) -> Callable[[], None]:
        """See `ClockHand.drift`."""
        self._run_at(self._rate * rate)
        return lambda: self._run_at(self._rate / rate)

    def _run_at(self, rate: float) -> None:
        self._rate = rate
        self._clock.drift(rate)

    def suspend(self, seconds: float, *, cut: bool) -> None:
        """See `LidHand.suspend`."""
        self._world.suspended(seconds)
        self._clock.suspend(seconds)
        if cut:
            self._world.network.cut_all("the computer slept")


class MemoryNetwork:
    """The in-memory network between client and gateway."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._wrong: list[NetworkFault] = []
        self._usual_s = 0.0

    def begin(self, what: NetworkFault) -> Callable[[], None]:
        """See `NetworkHand.begin`."""
        if isinstance(what, NetworkDown | ResetNetwork):
            self._network.cut_all("the network went down")
        if not self._wrong:
            self._usual_s = self._network.latency_s
        self._wrong.append(what)
        self._apply()

        def undo() -> None:
            self._wrong.remove(what)
            self._apply()
            if isinstance(what, HalfOpen):
                # What was lost meanwhile is a hole in a stream: TCP would have broken these.
                self._network.cut_all("the connection timed out")

        return undo

    def _apply(self) -> None:
        network, wrong = self._network, self._wrong
        network.up = not any(isinstance(one, NetworkDown) for one in wrong)
        half_open = [one for one in wrong if isinstance(one, HalfOpen)]
        network.lose_up = any(one.up for one in half_open)
        network.lose_down = any(one.down for one in half_open)
        slower_s = sum(one.seconds for one in wrong if isinstance(one, SlowNetwork))
        network.latency_s = self._usual_s + slower_s
