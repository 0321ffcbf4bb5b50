"""The proxy as the hand of a simulator's plan: faults of `FaultPlan` that strike bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.sim.wire_faults import WireLatency, WireSlice, WireThrottle
from topstepx.testing.proxy_faults import WireFault, on_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.faults import Fault
    from topstepx.sim.wire_faults import WireFaultKind
    from topstepx.testing.proxy import FaultProxy


class ProxyHand:
    """Does at a proxy what a plan says; the plan keeps its windows, its counts and its chances.

    `speed`: how many simulated seconds pass in one of the proxy's, when a fault begins.
    """

    def __init__(self, proxy: FaultProxy, speed: Callable[[], float] = lambda: 1.0) -> None:
        self._proxy, self._speed = proxy, speed

    def begin(self, fault: Fault, strikes: Callable[[str], bool]) -> Callable[[], None]:
        """See `WireHand.begin`."""
        what: WireFaultKind = fault.what  # type: ignore[assignment]  # nothing else is sent to the wire
        planned = self._proxy.add(
            WireFault(
                where=fault.where,
                what=_in_real_time(what, self._speed()),
                direction=fault.direction,
            ),
            lambda place: strikes(on_wire(place)),
        )
        return lambda: self._proxy.remove(planned)


def _in_real_time(what: WireFaultKind, speed: float) -> WireFaultKind:
    """The same with the proxy's seconds."""
    match what:
        case WireLatency():
            return msgspec.structs.replace(
                what, seconds=what.seconds / speed, jitter_s=what.jitter_s / speed
            )
        case WireSlice():
            return msgspec.structs.replace(what, pause_s=what.pause_s / speed)
        case WireThrottle():
            return msgspec.structs.replace(what, bytes_per_s=what.bytes_per_s * speed)
        case _:
            return what
