"""How the client behaves towards the gateway, this computer, and the trader's secrets."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.logins import GAP_NS, PER_WINDOW, WINDOW_NS
from topstepx.events import BudgetThrottled, HubReconnecting, LinkConnecting, TokenRefreshed
from topstepx.testing.storm.auditors.judge import Auditor

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.events import Event
    from topstepx.testing.storm.life import Life

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
_MEETS_MAX = 40
_REFUSED = "the gateway answered 429"
_RENEWALS = ("Auth/loginKey", "Auth/validate")


class Manners(Auditor):
    """The client never asks more than it may."""

    promise = (
        "no 429 of its own making (but to an exit beyond a full window: those leave one a second), no early"
        " attempts, one renewal at a time, few logins"
    )

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # the world
        self._not_before: dict[tuple[int, str], float] = {}
        self._opens: dict[tuple[bool, str], list[float]] = {}
        self._moves_until_s = 0.0
        self._beyond = 0

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """Attempts come no earlier than announced, and not too many in a minute."""
        now_s = self.world.now_s()
        if isinstance(event, BudgetThrottled):
            refused = event.lane.endswith(" exit") and event.reason == _REFUSED
            self._beyond += refused and event.used > event.line
        elif isinstance(event, HubReconnecting):
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
            opens = self._opens.setdefault((life.is_beside, event.hub), [])
            opens.append(now_s)
            recent = sum(one > now_s - 60 for one in opens)
            if recent == _OPENS_PER_MINUTE:
                self.found(f"the {event.hub} hub was tried {recent} times in a minute")

    def after(self) -> None:
        """The gateway's own log of arrivals."""
        world = self.world
        if not _FOREIGN_REFUSALS & world.options.troubles.keys():
            refused = [one for one in world.gateway.limits.arrivals if not one.admitted]
            # Software on another computer spends the same budget unseen: it is met, and then avoided.
            unseen = "trader beside" in world.options.conditions
            if len(refused) > self._beyond + (_MEETS_MAX if unseen else 0):
                routes = sorted({one.route for one in refused})
                self.found(f"{len(refused)} requests got 429 at {refused[0].at}: {routes}")
        for computer in (world.computer, world.elsewhere):
            self._logins([one for one in world.everyone if one.computer is computer])
        for life in world.everyone:
            self._renewals(life)

    def _logins(self, lives: list[Life]) -> None:
        if "lid closed" in self.world.options.troubles:
            return  # the gateway's time ran on while ours stood
        times = sorted(at for life in lives for at in life.sent("Auth/loginKey"))
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

    def _renewals(self, life: Life) -> None:
        # Where the way takes no time, a login may follow at once on a validate that was refused.
        at_once = self.world.options.latency_s < _HAIR_S
        groups = (_RENEWALS[:1], _RENEWALS[1:]) if at_once else (_RENEWALS,)
        for earlier, later in (pair for one in groups for pair in pairwise(life.sent(*one))):
            if later - earlier < _HAIR_S:
                self.found(f"two renewals of the token within {later - earlier:.4f} s")


class Bounds(Auditor):
    """Nothing grows without end, and nothing is left behind."""

    promise = "tasks, timers and queues stay bounded, and none are left after the end"

    def look(self) -> None:
        """Once a second."""
        world = self.world
        running = [one for one in (world.life, *world.beside[-1:]) if one and not one.over]
        if not running:
            return
        tasks, timers = len(world.strangers()), world.timers
        if tasks > _TASKS_MAX:
            self.found(f"{tasks} tasks")
        sliced = "messages sliced" in world.options.troubles  # each slice under way is a timer
        if timers > _TIMERS_MAX and not sliced:
            self.found(f"{timers} timers")
        pending = max(life.pending_rows() for life in running)
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
        if any(life.hubs.count for life in world.everyone):
            self.found("hub sockets left")


class Silence(Auditor):
    """No secret anywhere."""

    promise = "neither the key nor a token is in the journal, the logs, the errors or what is shown"

    def after(self) -> None:
        """Search everything that was written or said."""
        world = self.world
        secrets = {world.gateway.api_key, *world.tokens}
        places = {
            "the journal": "\n".join(
                str(row)
                for journal in (world.journal, *(life.journal for life in world.beside))
                for row in journal.committed
            ),
            "the logs": "\n".join(world.logs.lines),
            "the trace": world.trace.text(),
            "an error": "\n".join(
                f"{one.error!r} {one.error}" for book in world.books for one in book.sayings
            ),
            "the client": "\n".join(
                f"{life.client!r} {life.client.settings!r} {life.client.__dict__}"
                for life in world.everyone
            ),
        }
        for place, text in places.items():
            for secret in secrets:
                if secret in text:
                    self.found(f"a secret is in {place}")
