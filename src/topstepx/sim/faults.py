"""When things go wrong: a plan of faults that the gateway asks at each of its steps.

A `Fault` says where (`Order/place`, `Auth/*`, `hub/user`), what (`fault_kinds`), how often, after how
many, from when until when and with what chance. The same seed and the same calls give the same faults.
"""

from __future__ import annotations

import hashlib
from collections import deque
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from topstepx.sim.fault_checks import check_numbers, check_place
from topstepx.sim.fault_kinds import (
    ACTS,
    EVENT_FAULTS,
    HUB_ONLY,
    INVOCATION_FAULTS,
    PROCESS_FAULTS,
    REQUEST_FAULTS,
    SESSION_FAULTS,
    WIRE_FAULTS,
    Act,
    Direction,
    EventFault,
    HubDown,
    InvocationFault,
    ProcessFault,
    RefuseHandshake,
    RefuseNegotiate,
    RefuseUpgrade,
    RequestFault,
    SessionFault,
    UpgradeFault,
    What,
    WireRefuse,
)
from topstepx.sim.outside_faults import at_a_point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_W = TypeVar("_W")
_COIN_SIDES = 1 << 32
_UNAVAILABLE = 503
_STRUCK_KEPT = 100_000


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the plan.

    `where`: a route's name or a hub, any case, with `*` and `?`. `times`: how often it strikes, None
    for ever. `after`: how many matching chances pass first. `since`, `until`: simulated times, the
    latter excluded. `chance`: probability per matching chance, drawn from the plan's seed.
    `direction`: `up` or `down` (None: both), for faults on the wire; their chances are requests, and
    whole connections of hubs.
    """

    where: str
    what: What
    times: int | None = 1
    after: int = 0
    since: datetime | None = None
    until: datetime | None = None
    chance: float = 1.0
    direction: Direction | None = None


class PlannedFault:
    """A fault in the plan, with its history: `seen` matching chances, `struck` of them used."""

    def __init__(self, fault: Fault, number: int) -> None:
        self.fault, self.number = fault, number
        self.seen = 0
        self.struck = 0
        self.undo: Callable[[], None] | None = None
        self.meets: Callable[[str, datetime], bool] = lambda _, __: False
        """Whether it strikes this passage on the wire; each is asked for once."""
        self.before: object = None
        """What the switch was that this fault has set; for saving."""

    @property
    def spent(self) -> bool:
        """Whether it will never strike again; an act strikes once."""
        times = 1 if _is_single(self.fault) else self.fault.times
        return times is not None and self.struck >= times

    def state(self, now: datetime) -> str:
        """One word: to come, waiting, striking, on (it lasts), spent, or over (its window is)."""
        fault = self.fault
        if fault.until is not None and now >= fault.until:
            return "over"
        if fault.since is not None and now < fault.since:
            return "to come"
        if self.undo is not None or isinstance(fault.what, (*SESSION_FAULTS, HubDown)):
            return "on"
        if self.spent:
            return "spent"
        return "striking" if self.struck else "waiting"

    def __repr__(self) -> str:
        return f"PlannedFault({self.number}: {self.fault.where} {self.fault.what!r} struck {self.struck})"


class Faults:
    """The plan. Faults that match the same step all strike, in the order they were added."""

    def __init__(self, seed: int = 0, routes: Iterable[str] = ()) -> None:
        self.seed = seed
        self._routes = tuple(routes)
        self._planned: list[PlannedFault] = []
        self.added = 0
        self.check_act: Callable[[Fault], None] | None = None
        self.on_change: Callable[[], None] | None = None
        self.on_strike: Callable[[datetime, str, What], None] | None = None
        self.struck: deque[tuple[datetime, str, What]] = deque(maxlen=_STRUCK_KEPT)
        """What happened, with time and place: the last ones, for auditors."""
        self._points = False
        self.quiet = True
        """True while no stream fault is planned: the fast path of the hubs."""

    def check(self, fault: Fault) -> None:
        """Raises `InvalidRequest` when the place, a number, a switch or the window cannot be meant."""
        check_place(fault, self._routes)
        check_numbers(fault)
        if self.check_act is not None:
            self.check_act(fault)

    def add(self, fault: Fault, *, number: int | None = None) -> PlannedFault:
        """Put a fault into the plan; `number` only for one that had its number before.

        Raises `InvalidRequest` when the place, a number or the window cannot be meant.
        """
        self.check(fault)
        self.added += 1
        planned = PlannedFault(fault, number or self.added)
        planned.meets = partial(self._meets, planned)
        self._planned.append(planned)
        self._changed()
        return planned

    def remove(self, planned: PlannedFault) -> None:
        """Take one fault out again; a switch it had set goes back."""
        if planned in self._planned:
            self._planned.remove(planned)
            _undo(planned)
            self._changed()

    def clear(self) -> None:
        """Calm: an empty plan, every switch back where it was."""
        for planned in reversed(self._planned):
            _undo(planned)
        self._planned.clear()
        self._changed()

    @property
    def planned(self) -> tuple[PlannedFault, ...]:
        """All faults in the plan, spent ones included."""
        return tuple(self._planned)

    # ------------------------------------------------------------ asked by the gateway

    def for_request(self, route: str, now: datetime) -> list[RequestFault]:
        """The faults that strike this REST call."""
        return self._draw(route, now, REQUEST_FAULTS, lambda _: True)

    def for_upgrade(self, hub: str, kind: type[UpgradeFault], now: datetime) -> UpgradeFault | None:
        """What refuses this step of opening a hub: the first planned fault of that kind."""
        if kind is not RefuseHandshake and self.is_down(hub, now):
            return RefuseUpgrade(_UNAVAILABLE) if kind is RefuseUpgrade else RefuseNegotiate()
        found: list[UpgradeFault] = self._draw(f"hub/{hub}", now, (kind,), lambda _: True)
        return found[0] if found else None

    def is_down(self, hub: str, now: datetime) -> bool:
        """Whether a hub lets nobody in now."""
        return any(
            isinstance(one.fault.what, HubDown)
            and _in_window(one.fault, now)
            and _matches(one.fault.where, f"hub/{hub}")
            for one in self._planned
        )

    def for_event(self, hub: str, event: str, about: str, now: datetime) -> list[EventFault]:
        """The faults that strike one event on its way to one session."""

        def meant(what: EventFault) -> bool:
            return fnmatchcase(event, what.event) and what.about in {None, about}

        return self._draw(f"hub/{hub}", now, EVENT_FAULTS, meant)

    def for_invocation(self, hub: str, method: str, now: datetime) -> InvocationFault | None:
        """What happens to a hub method instead of its execution."""

        def meant(what: InvocationFault) -> bool:
            return fnmatchcase(method.lower(), what.method.lower())

        found: list[InvocationFault] = self._draw(f"hub/{hub}", now, INVOCATION_FAULTS, meant)
        return found[0] if found else None

    def for_program(self, place: str, now: datetime) -> list[ProcessFault]:
        """What happens to the program under test at this call, or this write of its journal."""
        return [] if not self._points else self._draw(place, now, PROCESS_FAULTS, lambda _: True)

    def for_session(self, hub: str, now: datetime) -> list[SessionFault]:
        """The lasting conditions of a hub's sessions; asking does not use them up."""
        return [
            one.fault.what
            for one in self._planned
            if isinstance(one.fault.what, SESSION_FAULTS)
            and _in_window(one.fault, now)
            and _matches(one.fault.where, f"hub/{hub}")
        ]

    def due_acts(self, now: datetime) -> list[tuple[PlannedFault, Act]]:
        """The acts whose time has come; each is handed out once."""
        due: list[tuple[PlannedFault, Act]] = []
        for planned in self._planned:
            what = planned.fault.what
            if (
                isinstance(what, ACTS)
                and is_act(planned.fault)
                and not planned.spent
                and planned.undo is None  # it has begun, and lasts
                and _in_window(planned.fault, now)
            ):
                if _is_single(planned.fault):
                    planned.struck += 1
                    self._note(now, planned.fault.where, what)
                due.append((planned, what))
        return due

    def ended(self, now: datetime) -> None:
        """Set switches back whose time is over."""
        for planned in self._planned:
            until = planned.fault.until
            if planned.undo is not None and until is not None and now >= until:
                _undo(planned)

    def next_at(self, now: datetime) -> datetime | None:
        """When the plan next does something by itself; None when it does not."""
        times: list[datetime] = []
        for planned in self._planned:
            fault = planned.fault
            over = fault.until is not None and fault.until <= now
            if is_act(fault) and not planned.spent and planned.undo is None and not over:
                times.append(max(fault.since or now, now))
            if planned.undo is not None and fault.until is not None:
                times.append(fault.until)
        return min(times, default=None)

    # ------------------------------------------------------------ inside

    def _draw(
        self,
        place: str,
        now: datetime,
        kinds: tuple[type[_W], ...],
        meant: Callable[[_W], bool],
    ) -> list[_W]:
        found: list[_W] = []
        for planned in self._planned:
            what = planned.fault.what
            if not isinstance(what, kinds) or planned.spent or not _in_window(planned.fault, now):
                continue
            if is_act(planned.fault):
                continue
            if _matches(planned.fault.where, place) and meant(what) and self._strikes(planned):
                self._note(now, place, planned.fault.what)
                found.append(what)
        return found

    def _strikes(self, planned: PlannedFault) -> bool:
        fault = planned.fault
        planned.seen += 1
        if planned.seen <= fault.after:
            return False
        if fault.chance < 1.0:
            text = f"{self.seed}/{planned.number}/{planned.seen}".encode()
            coin = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")
            if coin >= fault.chance * _COIN_SIDES:
                return False
        planned.struck += 1
        return True

    def _meets(self, planned: PlannedFault, place: str, now: datetime) -> bool:
        struck = not planned.spent and self._strikes(planned)
        if struck:
            self._note(now, place, planned.fault.what)
        return struck

    def _note(self, now: datetime, where: str, what: What) -> None:
        self.struck.append((now, where, what))
        if self.on_strike is not None:
            self.on_strike(now, where, what)

    def _changed(self) -> None:
        self.quiet = not any(isinstance(one.fault.what, HUB_ONLY) for one in self._planned)
        self._points = any(
            isinstance(one.fault.what, PROCESS_FAULTS) and not is_act(one.fault)
            for one in self._planned
        )
        if self.on_change is not None:
            self.on_change()


def is_act(fault: Fault) -> bool:
    """Whether it happens by itself at its time; a process fault may wait for a call instead."""
    if isinstance(fault.what, PROCESS_FAULTS):
        return not at_a_point(fault.where)
    return isinstance(fault.what, ACTS)


def _is_single(fault: Fault) -> bool:
    """Whether it strikes once, at its time; what begins then on the wire strikes passage by passage."""
    counted = isinstance(fault.what, WIRE_FAULTS) and not isinstance(fault.what, WireRefuse)
    return is_act(fault) and not counted


def _matches(pattern: str, place: str) -> bool:
    pattern, place = pattern.lower(), place.lower()
    return pattern == "*" or fnmatchcase(place, pattern)


def _in_window(fault: Fault, now: datetime) -> bool:
    return (fault.since is None or now >= fault.since) and (
        fault.until is None or now < fault.until
    )


def _undo(planned: PlannedFault) -> None:
    if planned.undo is not None:
        undo, planned.undo = planned.undo, None
        undo()
