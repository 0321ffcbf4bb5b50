"""How the client behaves towards the gateway, this computer, and the trader's secrets."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.logins import GAP_NS, PER_WINDOW, WINDOW_NS
from topstepx.events import HubReconnecting, LinkConnecting, TokenRefreshed
from topstepx.testing.storm.auditors.judge import Auditor

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.events import Event
    from topstepx.testing.storm.world import Life

_TASKS_MAX = 500  # the trader alone may have eight bursts of forty
_TIMERS_MAX = 600
_PENDING_MAX = 10_000
_HAIR_S = 1e-3
_OPENS_PER_MINUTE = 40
_FOREIGN_REFUSALS = frozenset(
    {
        "too many requests",
        "requests doubled",
        "requests held",  # they arrive later than any margin foresees
        "slow minutes",
        "lid closed",
        "crashes",  # on the simulator a new run does not know what the last one sent
        "restarts",
    }
)
_MOVES_FOR_S = 60.0


class Manners(Auditor):
    """The client never asks more than it may."""

    promise = "no 429 of its own making, no early attempts, one renewal at a time, few logins"

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # the world
        self._not_before: dict[tuple[int, str], float] = {}
        self._opens: dict[str, list[float]] = {}
        self._moves_until_s = 0.0

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """Attempts come no earlier than announced, and not too many in a minute."""
        now_s = self.world.now_s()
        if isinstance(event, HubReconnecting):
            self._not_before[life.number, event.hub] = now_s + event.wait_s
        elif isinstance(event, TokenRefreshed):
            # A new token is what it waited for; or a second line is opened before the first is let go.
            self._not_before.clear()
            self._moves_until_s = now_s + _MOVES_FOR_S
        elif isinstance(event, LinkConnecting):
            due_s = self._not_before.pop((life.number, event.hub), 0.0)
            counts = self.world.trace.counts
            woken = counts["lid closed"] or counts["wall clock set"] or self.world.calm
            woken = woken or now_s < self._moves_until_s
            if now_s + _HAIR_S < due_s and not woken:
                self.found(f"the {event.hub} hub was tried {due_s - now_s:.3f} s too early")
            opens = self._opens.setdefault(event.hub, [])
            opens.append(now_s)
            recent = sum(one > now_s - 60 for one in opens)
            if recent == _OPENS_PER_MINUTE:
                self.found(f"the {event.hub} hub was tried {recent} times in a minute")

    def after(self) -> None:
        """The gateway's own log of arrivals."""
        world = self.world
        if not _FOREIGN_REFUSALS & world.options.troubles.keys():
            refused = [one for one in world.gateway.limits.arrivals if not one.admitted]
            if refused:
                routes = sorted({one.route for one in refused})
                self.found(f"{len(refused)} requests got 429 at {refused[0].at}: {routes}")
        self._logins()
        self._renewals()

    def _logins(self) -> None:
        if "lid closed" in self.world.options.troubles:
            return  # the gateway's time ran on while ours stood
        times = [
            one.at.timestamp()
            for one in self.world.gateway.limits.arrivals
            if one.route == "Auth/loginKey"
        ]
        slack_s = 2 * (self.world.options.latency_s + self.world.options.jitter_s) + 6.0
        if "slow minutes" in self.world.options.troubles:
            slack_s += 6.0
        gap_s, window_s = GAP_NS / NANOSECONDS, WINDOW_NS / NANOSECONDS
        for earlier, later in pairwise(times):
            if later - earlier < gap_s - min(slack_s, gap_s):
                self.found(f"two logins within {later - earlier:.3f} s")
        for index in range(len(times) - PER_WINDOW):
            span_s = times[index + PER_WINDOW] - times[index]
            if span_s < window_s - slack_s:
                self.found(f"{PER_WINDOW + 1} logins within {span_s:.0f} s")

    def _renewals(self) -> None:
        renewals = [
            one.at.timestamp()
            for one in self.world.gateway.limits.arrivals
            if one.route in {"Auth/loginKey", "Auth/validate"}
        ]
        for earlier, later in pairwise(renewals):
            if later - earlier < _HAIR_S:
                self.found(f"two renewals of the token within {later - earlier:.4f} s")


class Bounds(Auditor):
    """Nothing grows without end, and nothing is left behind."""

    promise = "tasks, timers and queues stay bounded, and none are left after the end"

    def look(self) -> None:
        """Once a second."""
        world = self.world
        life = world.life
        if life is None:
            return
        tasks, timers = len(world.strangers()), world.timers
        if tasks > _TASKS_MAX:
            self.found(f"{tasks} tasks")
        sliced = "messages sliced" in world.options.troubles  # each slice under way is a timer
        if timers > _TIMERS_MAX and not sliced:
            self.found(f"{timers} timers")
        pending = life.pending_rows()
        if pending > _PENDING_MAX:
            self.found(f"{pending} rows wait for the disk")
        world.peak("tasks", tasks)
        world.peak("timers", timers)
        world.peak("rows waiting", pending)

    def after(self) -> None:
        """What is left."""
        world = self.world
        left = [task.get_name() for task in world.strangers()]
        if left:
            self.found(f"tasks left: {left}")
        if world.network.connections:
            self.found(f"{len(world.network.connections)} connections left")
        life = world.lives[-1]
        if life.hubs._open:  # noqa: SLF001  the auditors look inside on purpose
            self.found("hub sockets left")


class Silence(Auditor):
    """No secret anywhere."""

    promise = "neither the key nor a token is in the journal, the logs, the errors or what is shown"

    def after(self) -> None:
        """Search everything that was written or said."""
        world = self.world
        secrets = {world.gateway.api_key, *world.tokens}
        places = {
            "the journal": "\n".join(str(row) for row in world.journal.committed),
            "the logs": "\n".join(world.logs.lines),
            "the trace": world.trace.text(),
            "an error": "\n".join(f"{one.error!r} {one.error}" for one in world.notebook.sayings),
            "the client": "\n".join(
                f"{life.client!r} {life.client.settings!r} {life.client.__dict__}"
                for life in world.lives
            ),
        }
        for place, text in places.items():
            for secret in secrets:
                if secret in text:
                    self.found(f"a secret is in {place}")
