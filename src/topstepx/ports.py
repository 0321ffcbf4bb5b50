"""What a client gets from outside itself: network, clock, disk and chance. Tests pass twins."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from topstepx.clock import Clock, SystemClock
from topstepx.store.journal_memory import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from topstepx.core.budget import BudgetStore
    from topstepx.core.link_ends import Reconnecting
    from topstepx.core.logins import LoginLog
    from topstepx.core.permits import BucketPolicy
    from topstepx.core.sharing import SharedSession
    from topstepx.net.auth import Reread
    from topstepx.net.transport import HubTransport, RestTransport
    from topstepx.store.kill_switch import KillView
    from topstepx.store.lease import Leases
    from topstepx.store.rows import Journal


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a client gets from outside itself; tests pass twins."""

    rest: RestTransport
    hubs: HubTransport
    clock: Clock = field(default_factory=SystemClock)
    journal: Journal = field(default_factory=MemoryJournal)
    leases: Leases | None = None
    """The right to trade each account, told apart between processes; None: nobody else is there."""
    kills: KillView | None = None
    """The user's kill switch, looked at before every entry; None: a test without one."""
    installation: str | None = None
    """The name that begins our tags, kept between runs; None: one for this run."""
    jitter: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)
    chance: Callable[[int], bytes] = os.urandom
    logins: LoginLog | None = None
    shared: SharedSession | None = None
    reread: Reread | None = None
    """Reads the key again when a refused login is released by hand; None: the one given stays."""
    reconnecting: Reconnecting | None = None
    """How often the hubs are tried, and your own word on what follows from an end of theirs."""
    budget: BudgetStore | None = None
    """The request log that all processes of this user share."""
    policies: Sequence[BucketPolicy] | None = None
    """Other limits than the settings'; tests compress windows with it."""
