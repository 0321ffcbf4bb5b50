"""What faults do to one REST call: before it, instead of it, after it, later, twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.sim.answers import GatewayAnswer, http_date
from topstepx.sim.dialect import written
from topstepx.sim.edits import edited
from topstepx.sim.fault_kinds import (
    Answer,
    Crash,
    Cut,
    Delay,
    DropAnswer,
    Duplicate,
    Edit,
    Hold,
    LoseRequest,
    RequestFault,
    SkewDate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from topstepx.sim.acts import Acts
    from topstepx.sim.calls import Call
    from topstepx.sim.faults import Faults

    Execute = Callable[[Call], GatewayAnswer]
    Schedule = Callable[[datetime, Callable[[datetime], None]], None]


class Strikes:
    """Asks the plan about each call and does what it says. Counts what happened, for auditors."""

    def __init__(self, faults: Faults, execute: Execute, schedule: Schedule, acts: Acts) -> None:
        self._faults, self._execute, self._schedule = faults, execute, schedule
        self._acts = acts
        self.executed = 0
        self.lost = 0
        self._kept = 0
        self.held: dict[int, tuple[Call, datetime]] = {}
        """Calls that wait for their time, each with it, in the order of their coming."""

    def request(self, call: Call) -> GatewayAnswer:
        """The answer to one call, spoilt as planned; a planned crash leaves nobody to hear it."""
        ends = self._faults.for_program(call.route, call.now)
        if not ends:
            return self._answer(call)
        early = any(isinstance(one, Crash) and one.when == "before" for one in ends)
        answer = GatewayAnswer(deliver=False, hang=True) if early else self._answer(call)
        self.lost += early
        for one in ends:
            self._acts.outside.strike(one, call.route)
        if any(isinstance(one, Crash) for one in ends):
            answer.deliver, answer.hang = False, True
        return answer

    def _answer(self, call: Call) -> GatewayAnswer:
        struck = self._faults.for_request(call.route, call.now)
        if not struck:
            return self._run(call)
        hold_s = sum(one.seconds for one in struck if isinstance(one, Hold))
        instead = _instead(struck)
        for fault in struck:
            if isinstance(fault, Duplicate):
                self._later(call, hold_s + fault.gap_s, None, ())
        if hold_s:
            if instead is not None:
                self._later(call, hold_s, None, ())
                return _spoilt(instead, struck, call.now)
            answer = GatewayAnswer(ready=False)
            self._later(call, hold_s, answer, struck)
            return answer
        if instead is not None:
            self.lost += 1
            return _spoilt(instead, struck, call.now)
        return _spoilt(self._run(call), struck, call.now)

    def _run(self, call: Call) -> GatewayAnswer:
        self.executed += 1
        return self._execute(call)

    def _later(
        self,
        call: Call,
        delay_s: float,
        promised: GatewayAnswer | None,
        struck: Sequence[RequestFault],
    ) -> None:
        def answered(answer: GatewayAnswer, now: datetime) -> None:
            if promised is not None:
                promised.become(_spoilt(answer, struck, now))

        self.keep(call, call.now + timedelta(seconds=delay_s), answered)

    def keep(
        self,
        call: Call,
        at: datetime,
        answered: Callable[[GatewayAnswer, datetime], None] = lambda _, __: None,
    ) -> None:
        """Execute a call at its time; without `answered` nobody waits for it any more."""
        self._kept += 1
        number = self._kept
        self.held[number] = (call, at)

        def run(now: datetime) -> None:
            del self.held[number]
            answer = self._run(call.at(now))
            answer.headers.setdefault("date", http_date(now))
            answered(answer, now)

        self._schedule(at, run)


def _instead(struck: Sequence[RequestFault]) -> GatewayAnswer | None:
    """The answer of a call that is not executed; None when it is."""
    for fault in struck:
        if isinstance(fault, LoseRequest):
            return GatewayAnswer(deliver=False, hang=not fault.cut)
        if isinstance(fault, Answer) and fault.when == "before":
            return _made_up(fault)
    return None


def _spoilt(answer: GatewayAnswer, struck: Sequence[RequestFault], now: datetime) -> GatewayAnswer:
    """What becomes of an answer on its way back."""
    for fault in struck:
        match fault:
            case Answer() if fault.when == "after":
                answer = _made_up(fault)
            case Edit() if answer.content is not None:
                answer.content = edited(answer.content, fault)
                answer.body = written(answer.content)
            case DropAnswer():
                answer.deliver, answer.hang = False, not fault.cut
            case Cut():
                answer.cut_after_bytes = fault.after_bytes
            case Delay():
                answer.hold_s += fault.seconds
            case SkewDate():
                answer.headers["date"] = http_date(now + timedelta(seconds=fault.seconds))
    return answer


def _made_up(fault: Answer) -> GatewayAnswer:
    headers = {name.lower(): value for name, value in fault.headers.items()}
    if fault.body and "content-type" not in headers:
        html = fault.body.lstrip().startswith("<")
        headers["content-type"] = "text/html" if html else "application/json; charset=utf-8"
    return GatewayAnswer(fault.status, headers, fault.body.encode())
