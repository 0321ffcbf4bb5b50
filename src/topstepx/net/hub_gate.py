"""Hub transport behind the breakers: a hub that keeps failing to open is left alone for a while.

Only opening counts; a link that breaks later has its own rules. The probe of an open hub breaker is the
link's next attempt, once it is due: nothing else proves that a hub opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.breaker import Scope
from topstepx.core.breakers import Refused
from topstepx.errors import NotSent, UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.clock import Clock
    from topstepx.core.breakers import Call
    from topstepx.net.gate import Gate
    from topstepx.net.transport import Hub, HubListener, HubSocket, HubTransport

SCOPES: Final[dict[Hub, Scope]] = {"user": Scope.HUB_USER, "market": Scope.HUB_MARKET}
HUB_HOST: Final = "hubs"
_SICK: Final = 500


class GatedHubs:
    """`HubTransport` that asks the breaker before it opens and tells it what came of it."""

    def __init__(self, transport: HubTransport, gate: Gate, clock: Clock) -> None:
        self._transport, self._gate, self._clock = transport, gate, clock

    async def open(
        self,
        hub: Hub,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        listener: HubListener,
        timeout_s: float,
    ) -> HubSocket:
        """See `HubTransport.open`; raises `NotSent` also while the hub is left alone."""
        call = self._admit(hub)
        try:
            socket = await self._transport.open(
                hub, headers=headers, query=query, listener=listener, timeout_s=timeout_s
            )
        except UpgradeRefused as error:
            # It answered: 401 and the like are about the token, not about the hub's health.
            self._gate.settle(call, "bad" if error.status >= _SICK else "ok", str(error))
            raise
        except NotSent as error:
            local = self._gate.blames_us(error, HUB_HOST)
            self._gate.settle(call, "bad", "it could not be opened", local=local)
            raise
        except BaseException:
            self._gate.settle(call, "void", "cancelled")
            raise
        self._gate.settle(call, "ok", "")
        return socket

    async def close(self) -> None:
        """Close every open socket."""
        await self._transport.close()

    def _admit(self, hub: Hub) -> Call:
        now_ns, scope = self._clock.monotonic_ns(), SCOPES[hub]
        probe = self._gate.probe(scope)
        if probe is not None:
            return probe
        call = self._gate.breakers.admit(scope, now_ns)
        if not isinstance(call, Refused):
            return call
        wait_s = None
        if call.next_probe_ns is not None:
            wait_s = max(0.0, (call.next_probe_ns - now_ns) / NANOSECONDS)
        msg = f"The {hub} hub is left alone: {call.scope.value} is failing ({call.cause})."
        raise NotSent(
            msg, next_step="It is tried again by itself unless shut by hand.", retry_after_s=wait_s
        )
