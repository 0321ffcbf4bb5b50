"""What every auditor is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.events import Event, Flattened, FlattenFailed
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.world import World

_FINDINGS_MAX = 20


class Finding(NamedTuple):
    """A promise that was broken: which auditor says so, when (virtual seconds), and what it saw."""

    auditor: str
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.auditor} at {self.at_s:.3f} s: {self.what}"


class Auditor:
    """One promise. Override what you need; call `found` for whatever breaks it."""

    promise: ClassVar[str] = ""

    def __init__(self, world: World) -> None:
        self.world = world
        self.findings: list[Finding] = []

    def found(self, what: str) -> None:
        """Write a breach down."""
        if len(self.findings) < _FINDINGS_MAX:
            finding = Finding(type(self).__name__, self.world.now_s(), what)
            self.findings.append(finding)
            self.world.trace.note("AUDITOR", finding)

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """A fact became true in a run of the client."""

    def look(self) -> None:
        """A second passed."""

    def calm(self, life: Life) -> None:
        """All trouble is over and everything open had its time; the client still runs."""

    def flattened(self, life: Life, result: Flattened | FlattenFailed | None) -> None:
        """The account was taken flat in the calm; None: the call raised."""

    def after(self) -> None:
        """The client was left in order."""
