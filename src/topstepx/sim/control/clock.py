"""`clock/*`: pause, resume, step, set and speed of simulated time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from topstepx.errors import InvalidRequest
from topstepx.sim.calendar import CHICAGO, flat_by, trading_day, trading_day_end
from topstepx.sim.control.command import Body, Command, Machine, Nothing
from topstepx.sim.products import product

if TYPE_CHECKING:
    from topstepx.sim.calendar import Calendar

_DAYS_MAX = 366
Landmark = Literal["open", "close", "flat-by", "roll"]


class Step(Body):
    """`seconds`: how far."""

    seconds: float


class SetTo(Body):
    """`at`: a time with its zone. `next`: the next opening, closing, 15:10 or 17:00 Chicago instead."""

    at: datetime | None = None
    next: Landmark | None = None


class Speed(Body):
    """`speed`: simulated seconds in a real one."""

    speed: float


def show(machine: Machine, _body: Nothing) -> dict[str, object]:
    """What the clock says."""
    now = machine.now()
    return {
        "at": now.isoformat(),
        "chicago": now.astimezone(CHICAGO).strftime("%a %Y-%m-%d %H:%M:%S"),
        "paused": machine.paused,
        "speed": machine.speed,
    }


def pause(machine: Machine, body: Nothing) -> object:
    """Stand still."""
    machine.pause()
    return show(machine, body)


def resume(machine: Machine, body: Nothing) -> object:
    """Run on."""
    machine.resume()
    return show(machine, body)


def step(machine: Machine, body: Step) -> object:
    """Go ahead by so many seconds."""
    if not 0 < body.seconds <= _DAYS_MAX * 86_400:
        raise InvalidRequest(
            "seconds", body.seconds, "must be above 0, at most a year.", "Time runs forwards."
        )
    return _gone(machine, machine.now() + timedelta(seconds=body.seconds))


def set_to(machine: Machine, body: SetTo) -> object:
    """Go ahead to a moment."""
    if (body.at is None) == (body.next is None):
        raise InvalidRequest("at", body.at, "say either `at` or `next`.", "Not both, not neither.")
    now = machine.now()
    to = body.at if body.at is not None else _landmark(machine, body.next or "open", now)
    if to.tzinfo is None:
        raise InvalidRequest("at", body.at, "has no time zone.", "Write 2026-11-23T21:09:00Z.")
    if to < now or to - now > timedelta(days=_DAYS_MAX):
        raise InvalidRequest(
            "at",
            to.isoformat(),
            f"the clock is at {now.isoformat()}; it goes ahead by at most a year.",
            "To go back, use state/reset or state/load.",
        )
    return _gone(machine, to)


def set_speed(machine: Machine, body: Speed) -> object:
    """Run faster or slower."""
    machine.set_speed(body.speed)
    return show(machine, Nothing())


def _gone(machine: Machine, to: datetime) -> dict[str, object]:
    """Be there, and say how many fills there were on the way."""
    began, truth = machine.now(), machine.gateway.venue.truth
    before = len(truth.all_trades)
    machine.jump(to)
    passed_s = (machine.now() - began).total_seconds()
    return {
        **show(machine, Nothing()),
        "passedSeconds": round(passed_s, 3),
        "fills": len(truth.all_trades) - before,
    }


def _landmark(machine: Machine, name: Landmark, now: datetime) -> datetime:
    calendar: Calendar = machine.gateway.feed.calendar
    index = product("MNQ")
    if name == "roll":
        return trading_day_end(trading_day(now))
    if name == "flat-by":
        day = trading_day(now)
        return next(at for days in range(2) if (at := flat_by(day + timedelta(days=days))) > now)
    if name == "close":
        closes = calendar.next_close(index, now)
    else:
        closes = calendar.next_open(index, now)
        if closes <= now:  # it is open: the next session's opening
            ends = calendar.next_close(index, now)
            closes = calendar.next_open(index, ends) if ends is not None else now
    if closes is None or closes <= now:
        raise InvalidRequest(
            "next", name, "this market is always open.", "Start with --hours true or a scenario."
        )
    return closes


COMMANDS = (
    Command("clock/show", Nothing, "What the clock says.", show, reads=True),
    Command("clock/pause", Nothing, "Stand still; hubs keep pinging.", pause),
    Command("clock/resume", Nothing, "Run on.", resume),
    Command(
        "clock/step",
        Step,
        "Go ahead by so many seconds; orders fill and stops trigger on the way.",
        step,
    ),
    Command(
        "clock/set",
        SetTo,
        "Go ahead to a moment: `at`, or `next` = open, close, flat-by (15:10 Chicago) or roll (17:00).",
        set_to,
    ),
    Command("clock/speed", Speed, "Run faster or slower.", set_speed),
)
