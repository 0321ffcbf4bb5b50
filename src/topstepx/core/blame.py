"""Whose fault a connection that could not be made is: this computer's, or the other side's.

No name resolution and no route are this computer's. A refused connection is the other side's. A failed
TLS handshake can be either; when it fails to several hosts within a minute, something between them and
us breaks them all (a captive portal, a wrong clock, a filtering firewall), and that is on our side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from topstepx.errors import Fault

TOGETHER_NS: Final = 60 * NANOSECONDS


class Blame:
    """Remembers to which hosts TLS failed lately."""

    def __init__(self) -> None:
        self._tls_ns: dict[str, int] = {}

    def is_ours(self, fault: Fault, host: str, now_ns: int) -> bool:
        """Whether this failure to reach `host` (any fixed word for it) is this computer's own."""
        if fault != "tls":
            return fault == "here"
        self._tls_ns[host] = now_ns
        return any(
            now_ns - failed_ns <= TOGETHER_NS
            for other, failed_ns in self._tls_ns.items()
            if other != host
        )
