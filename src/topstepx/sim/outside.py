"""What a plan can reach outside the gateway: the program under test, its disk, both clocks, the network, its bytes.

Who runs the gateway says what is there by giving hands: the kit (`topstepx.testing.pair.Pair`) has all of
them, `topstepx sim run` holds a real program, and a simulator alone has its own clock. A fault that finds
no hand is refused when it is added, never passed over when it strikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from topstepx.errors import InvalidRequest
from topstepx.sim.fault_acts import kind_of
from topstepx.sim.outside_faults import (
    CLOCK_FAULTS,
    DISK_FAULTS,
    GATEWAY,
    JOURNAL,
    NETWORK_FAULTS,
    OUTSIDE_FAULTS,
    PROCESS_FAULTS,
    Crash,
    DiskFault,
    DriftClock,
    HalfOpen,
    NetworkDown,
    NetworkFault,
    OutsideFault,
    Quit,
    ResetNetwork,
    SlowNetwork,
    Stall,
    StepClock,
    Suspend,
)
from topstepx.sim.wire_faults import WIRE_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.sim.fault_acts import Kind
    from topstepx.sim.faults import Fault, PlannedFault

    Undo = Callable[[], None]

_H = TypeVar("_H")
_NO_PROXY_RULE = "no proxy carries the bytes between program and gateway here."
_NO_PROXY_STEP = (
    "It works in topstepx sim run --plan FILE -- COMMAND, in topstepx sim serve --plan FILE, and in "
    "SocketPair of the kit (topstepx.testing.socket_pair). In memory, network_down, reset_network, "
    'half_open and slow_network at "network" come near.'
)


class ProgramHand(Protocol):
    """Holds the program under test."""

    @property
    def kinds(self) -> tuple[type[object], ...]:
        """What it can do."""
        ...

    def crash(self, restart_s: float | None) -> None:
        """End it this instant; start it again so much later, None: never."""
        ...

    def leave(self, restart_s: float | None) -> None:
        """Ask it to leave in order."""
        ...

    def stall(self, seconds: float) -> None:
        """Let it stand still."""
        ...


class DiskHand(Protocol):
    """Holds the disk of its journal."""

    @property
    def kinds(self) -> tuple[type[Kind], ...]:
        """What it can do."""
        ...

    def begin(self, what: DiskFault) -> Undo:
        """Let it go wrong until it is undone."""
        ...


class ClockHand(Protocol):
    """Holds a clock."""

    def step(self, seconds: float) -> None:
        """Set it."""
        ...

    def drift(self, rate: float) -> Undo:
        """Let it run so fast until that is undone."""
        ...


class LidHand(ClockHand, Protocol):
    """Holds the clock of a computer that can sleep."""

    def suspend(self, seconds: float, *, cut: bool) -> None:
        """Let it sleep."""
        ...


class NetworkHand(Protocol):
    """Holds the network between program and gateway."""

    def begin(self, what: NetworkFault) -> Undo:
        """Let it go wrong until it is undone."""
        ...


class WireHand(Protocol):
    """Holds a proxy that carries every byte between program and gateway."""

    def begin(self, fault: Fault, strikes: Callable[[str], bool]) -> Undo:
        """Let it go wrong until it is undone, for each passage for which `strikes` says so."""
        ...


@dataclass(slots=True)
class Outside:
    """The hands that there are; `journal_writes`: whether writes of the journal can be seen."""

    program: ProgramHand | None = None
    disk: DiskHand | None = None
    client_clock: LidHand | None = None
    gateway_clock: ClockHand | None = None
    journal_writes: bool = False
    network: NetworkHand | None = None
    wire: WireHand | None = None

    def reaches(self, kind: type[Kind]) -> bool:
        """Whether a kind of fault can act here at all."""
        for kinds, choosy in ((PROCESS_FAULTS, self.program), (DISK_FAULTS, self.disk)):
            if kind in kinds:
                return choosy is not None and kind in choosy.kinds
        for others, hand in ((NETWORK_FAULTS, self.network), (WIRE_FAULTS, self.wire)):
            if kind in others:
                return hand is not None
        if kind is Suspend:
            return self.client_clock is not None
        if kind in CLOCK_FAULTS:
            return self.client_clock is not None or self.gateway_clock is not None
        return True

    def check(self, fault: Fault) -> None:
        """Raises `InvalidRequest` with where it would work, when it cannot act here."""
        what, where = fault.what, fault.where.lower()
        if isinstance(what, WIRE_FAULTS) and self.wire is None:
            raise InvalidRequest("kind", kind_of(type(what)), _NO_PROXY_RULE, _NO_PROXY_STEP)
        if not isinstance(what, OUTSIDE_FAULTS):
            return
        if not self.reaches(type(what)):
            raise self._out_of_reach(what)
        if isinstance(what, PROCESS_FAULTS) and where == JOURNAL and not self.journal_writes:
            raise InvalidRequest(
                "where",
                fault.where,
                "nobody here sees the writes of a program's journal.",
                "Name a route or client; the kit (topstepx.testing) knows the journal.",
            )
        if isinstance(what, StepClock | DriftClock):
            self._check_clock(what, fault.where)

    def strike(self, what: OutsideFault, where: str) -> Undo | None:
        """Let it happen now; what takes it back, where it lasts."""
        match what:
            case Crash() | Quit() | Stall():
                self._at_program(what)
            case Suspend(seconds=seconds, cut=cut):
                _there(self.client_clock).suspend(seconds, cut=cut)
            case StepClock(seconds=seconds):
                self._clock(where).step(seconds)
            case DriftClock(rate=rate):
                return self._clock(where).drift(rate)
            case ResetNetwork():
                _there(self.network).begin(what)()  # over at once
            case NetworkDown() | HalfOpen() | SlowNetwork():
                return _there(self.network).begin(what)
            case _:
                return _there(self.disk).begin(what)
        return None

    def spoil(self, planned: PlannedFault, now: Callable[[], datetime]) -> Undo:
        """Let a fault on the wire begin; what ends it."""
        wire = _there(self.wire)
        return wire.begin(planned.fault, lambda place: planned.meets(place, now()))

    # ------------------------------------------------------------ inside

    def _at_program(self, what: Crash | Quit | Stall) -> None:
        program = _there(self.program)
        if isinstance(what, Stall):
            program.stall(what.seconds)
            return
        restart_s = what.restart_s if what.restart else None
        if isinstance(what, Crash):
            program.crash(restart_s)
        else:
            program.leave(restart_s)

    def _clock(self, where: str) -> ClockHand:
        return _there(self.gateway_clock if where.lower() == GATEWAY else self.client_clock)

    def _check_clock(self, what: StepClock | DriftClock, where: str) -> None:
        at_gateway = where.lower() == GATEWAY
        if at_gateway and isinstance(what, StepClock) and what.seconds < 0:
            raise InvalidRequest(
                "seconds",
                what.seconds,
                "the gateway's time does not run backwards.",
                "skew_date lets its Date header go wrong, by any number of seconds.",
            )
        if (self.gateway_clock if at_gateway else self.client_clock) is None:
            raise InvalidRequest(
                "where",
                where,
                "that clock is out of reach here.",
                "where = \"gateway\" moves the simulator's own clock; the client's can be moved in "
                "the kit (topstepx.testing).",
            )

    def _out_of_reach(self, what: OutsideFault) -> InvalidRequest:
        if isinstance(what, PROCESS_FAULTS):
            rule = "there is no program here that could be ended or stopped."
            step = "Let the simulator start it: topstepx sim run -- COMMAND; or use the kit (topstepx.testing)."
        elif isinstance(what, DISK_FAULTS):
            rule = "the disk of the program's journal is out of reach here."
            step = "Use the kit (topstepx.testing); topstepx sim run -- COMMAND knows disk_full."
        elif isinstance(what, NETWORK_FAULTS):
            rule = "the network between program and gateway is out of reach here."
            step = "Use the kit (topstepx.testing), or its TCP fault proxy for any program."
        else:
            rule = "the clock of the program is out of reach here."
            step = "Use the kit (topstepx.testing)."
        here = ", ".join(sorted(kind_of(one) for one in OUTSIDE_FAULTS if self.reaches(one)))
        others = (
            f" Of its like {here} can act here." if here else " Nothing outside the gateway is."
        )
        return InvalidRequest("kind", kind_of(type(what)), rule, step + others)


def _there(hand: _H | None) -> _H:
    assert hand is not None, "checked when the fault was added"  # noqa: S101  a broken promise of ours
    return hand
