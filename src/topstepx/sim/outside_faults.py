"""What can go wrong outside the gateway, as data: with the program under test, its disk, the clocks, the network.

A gateway alone reaches none of it; `topstepx.sim.outside` knows what can be reached where.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from topstepx.sim.fault_acts import Kind

# ---------------------------------------------------------------- the program


class Crash(Kind, frozen=True, tag="crash"):
    """The program ends this instant, as by `kill -9`; what its disk does not have is lost.

    At a route or a write of the journal, `when` says whether that was executed first. With `restart`
    the program is started again `restart_s` later.
    """

    when: Literal["before", "after"] = "after"
    restart: bool = True
    restart_s: float = 1.0


class Quit(Kind, frozen=True, tag="quit"):
    """The program is asked to leave in order (SIGTERM), and started again as after a crash."""

    restart: bool = True
    restart_s: float = 1.0


class Stall(Kind, frozen=True, tag="stall"):
    """The program stands still for so many seconds and goes on (SIGSTOP, SIGCONT); the world does not."""

    seconds: float


# ---------------------------------------------------------------- the disk of its journal


class DiskFull(Kind, frozen=True, tag="disk_full"):
    """Every write of the journal fails until the window ends: the disk is full."""


class DiskReadOnly(Kind, frozen=True, tag="disk_read_only"):
    """Every write of the journal fails until the window ends: the file is read-only."""


class DiskHangs(Kind, frozen=True, tag="disk_hangs"):
    """Every write of the journal hangs until the window ends."""


class DiskSlow(Kind, frozen=True, tag="disk_slow"):
    """Every write of the journal takes so many seconds."""

    seconds: float


class DiskLies(Kind, frozen=True, tag="disk_lies"):
    """Rows are said to be on the disk and are not: a crash before the window ends loses them."""


# ---------------------------------------------------------------- clocks


class StepClock(Kind, frozen=True, tag="step_clock"):
    """The wall clock is set by so many seconds; the gateway's goes ahead only."""

    seconds: float


class DriftClock(Kind, frozen=True, tag="drift_clock"):
    """The clock runs `rate` times as fast until the window ends: 1.01 gains 36 seconds in an hour."""

    rate: float


class Suspend(Kind, frozen=True, tag="suspend"):
    """The lid is closed for so many seconds: clocks go on, no timer moves. `cut` breaks connections."""

    seconds: float
    cut: bool = False


# ---------------------------------------------------------------- the network between


class NetworkDown(Kind, frozen=True, tag="network_down"):
    """Every connection breaks, and nothing can be reached until the window ends."""


class ResetNetwork(Kind, frozen=True, tag="reset_network"):
    """Every connection breaks, and can be made again at once."""


class HalfOpen(Kind, frozen=True, tag="half_open"):
    """What is sent `up` or `down` vanishes and nobody is told; connections break when the window ends."""

    up: bool = True
    down: bool = True


class SlowNetwork(Kind, frozen=True, tag="slow_network"):
    """Everything takes so many seconds longer each way until the window ends."""

    seconds: float


ProcessFault: TypeAlias = Crash | Quit | Stall
DiskFault: TypeAlias = DiskFull | DiskReadOnly | DiskHangs | DiskSlow | DiskLies
ClockFault: TypeAlias = StepClock | DriftClock | Suspend
NetworkFault: TypeAlias = NetworkDown | ResetNetwork | HalfOpen | SlowNetwork
OutsideFault: TypeAlias = ProcessFault | DiskFault | ClockFault | NetworkFault

PROCESS_FAULTS = (Crash, Quit, Stall)
DISK_FAULTS = (DiskFull, DiskReadOnly, DiskHangs, DiskSlow, DiskLies)
CLOCK_FAULTS = (StepClock, DriftClock, Suspend)
NETWORK_FAULTS = (NetworkDown, ResetNetwork, HalfOpen, SlowNetwork)
OUTSIDE_FAULTS = (*PROCESS_FAULTS, *DISK_FAULTS, *CLOCK_FAULTS, *NETWORK_FAULTS)

CLIENT, GATEWAY, JOURNAL, NETWORK = "client", "gateway", "journal", "network"
"""The places outside the routes and the hubs."""


def at_a_point(where: str) -> bool:
    """Whether a process fault waits for a call or a write there, and not for a time."""
    return where.lower() not in {"*", CLIENT}
