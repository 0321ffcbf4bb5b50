"""The errors of a connection that did not come about. `topstepx.errors` is where they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from topstepx.error_base import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Sequence

Fault = Literal["here", "tls", "there"]
"""Whose a failed connection is: this computer's (no name, no route), unclear (TLS), the other side's."""


class NotSent(TopstepxError):
    """No byte of the request can have reached the gateway (DNS, connect, TLS, no free socket)."""

    fault: Fault = "there"

    def __init__(
        self,
        message: str,
        *,
        fault: Fault | None = None,
        lasting: bool = False,
        **more: Any,  # noqa: ANN401  passed through
    ) -> None:
        self.lasting = lasting
        """Whether the same attempt a moment later would fail in the same way."""
        super().__init__(message, **more)
        if fault is not None:
            self.fault = fault


class PinMismatch(NotSent):
    """The certificate is valid, but holds none of your pins; ``seen`` are the pins it does hold."""

    def __init__(self, message: str, *, next_step: str, seen: Sequence[str] = ()) -> None:
        self.seen = tuple(seen)
        super().__init__(message, next_step=next_step, fault="tls", lasting=True)


class UpgradeRefused(NotSent):
    """A hub answered the WebSocket upgrade with ``status`` instead of opening."""

    status: int

    def __init__(self, hub: str, status: int) -> None:
        self.hub, self.status = hub, status
        super().__init__(f"The {hub} hub refused the connection with HTTP {status}.")
