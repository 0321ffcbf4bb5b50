"""A person's view of the circuit breakers, and a person's hand on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.breaker import Scope
from topstepx.errors import InvalidRequest

if TYPE_CHECKING:
    from topstepx.core.breaker import ScopeState
    from topstepx.net.gate import Gate


class BreakerPanel:
    """`tsx.breakers`: what of the gateway is being left alone, and why.

    The parts are "auth", "trade mutations", "trade reads", "history", "user hub", "market hub" and
    "network" (this computer's own connection).
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def states(self) -> tuple[ScopeState, ...]:
        """Every part: its state, the cause, recent failures, and when it is tried again."""
        return self._gate.snapshot()

    def isolate(self, part: Scope | str, reason: str) -> None:
        """Leave a part alone until `reset`. Cancels and closes still pass.

        Isolating "trade mutations" puts every account into REDUCE_ONLY. Raises `InvalidRequest` for a
        part that does not exist.
        """
        self._gate.isolate(_scope(part), reason)

    def reset(self, part: Scope | str) -> None:
        """Use a part again and forget its failures, whatever closed it."""
        self._gate.reset(_scope(part))


def _scope(part: Scope | str) -> Scope:
    if isinstance(part, Scope):
        return part
    wanted = part.strip().lower().replace("_", " ")
    for scope in Scope:
        if wanted in {scope.value, scope.name.lower().replace("_", " ")}:
            return scope
    names = ", ".join(repr(scope.value) for scope in Scope)
    raise InvalidRequest("part", part, "is no part of the gateway.", f"Use one of {names}.")
