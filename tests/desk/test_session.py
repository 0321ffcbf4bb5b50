"""The session's news as facts: each once, in order; whole stories are in tests/cards."""

from __future__ import annotations

from datetime import UTC, datetime

from topstepx.clock import ManualClock
from topstepx.core.token import Session
from topstepx.desk.record import Record
from topstepx.desk.session import SessionReport
from topstepx.events import AlarmRaised, Event, ModeCauseAdded, ModeCauseCleared, TokenRefreshed
from topstepx.net.auth import SessionNews
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual

END = datetime(2026, 11, 24, tzinfo=UTC)


def news(session: Session, generation: int = 1, **more: object) -> SessionNews:
    parts: dict[str, object] = {
        "reason": "",
        "expires_at": END,
        "expiring": False,
        "contested": "",
        **more,
    }
    return SessionNews(session=session, generation=generation, **parts)  # type: ignore[arg-type]  # by name


async def kinds(*told: SessionNews) -> list[str]:
    facts: list[Event] = []
    record = Record(MemoryJournal(), clock=ManualClock())
    await record.open()
    record.listen(lambda event, _changes: facts.append(event))
    report = SessionReport(record)
    for one in told:
        report.told(one)
    await record.close()
    assert len({fact.at for fact in facts if isinstance(fact, TokenRefreshed)}) == sum(
        isinstance(fact, TokenRefreshed) for fact in facts
    )
    names = []
    for fact in facts:
        match fact:
            case AlarmRaised():
                names.append(f"alarm {fact.name}")
            case ModeCauseAdded() | ModeCauseCleared():
                names.append(f"{fact.kind} {fact.reason}")
            case _:
                names.append(fact.kind)
    return names


@virtual
async def test_a_token_and_its_successor() -> None:
    assert await kinds(news(Session.GOOD), news(Session.GOOD, 2)) == ["TokenRefreshed"] * 2


@virtual
async def test_each_doubt_is_told_and_the_alarm_once() -> None:
    told = await kinds(
        news(Session.GOOD),
        news(Session.SUSPECT, reason="one"),
        news(Session.SUSPECT, reason="two"),
        news(Session.BROKEN, reason="three"),
        news(Session.GOOD, 2),
    )
    assert told == [
        "TokenRefreshed",
        "TokenSuspect",
        "alarm token_suspect",
        "TokenSuspect",
        "TokenSuspect",
        "alarm token_broken",
        "TokenRefreshed",
    ]


@virtual
async def test_locked() -> None:
    told = await kinds(news(Session.LOCKED, 0, expires_at=None, reason="no"))
    assert told == ["SessionLocked", "ModeCauseAdded session_locked", "alarm session_locked"]


@virtual
async def test_contested_and_expiring_come_and_go() -> None:
    told = await kinds(
        news(Session.CONTESTED, contested="two bots"),
        news(Session.CONTESTED, contested="two bots", expiring=True),
        news(Session.GOOD, 2),
    )
    assert told == [
        "TokenRefreshed",
        "ModeCauseAdded session_contested",
        "alarm session_contested",
        "ModeCauseAdded token_expiring",
        "TokenRefreshed",
        "ModeCauseCleared session_contested",
        "ModeCauseCleared token_expiring",
    ]
