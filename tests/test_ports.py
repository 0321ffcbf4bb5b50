"""Ports: what is left out comes from the system, each time anew."""

from __future__ import annotations

from topstepx.clock import SystemClock
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.ports import Ports
from topstepx.store.journal_memory import MemoryJournal


def _ports() -> Ports:
    return Ports(HttpTransport("http://127.0.0.1:9"), PicowsTransport("ws://127.0.0.1:9"))


def test_the_defaults_are_the_systems_clock_and_chance_and_a_journal_in_memory() -> None:
    one, other = _ports(), _ports()
    assert isinstance(one.clock, SystemClock)
    assert isinstance(one.journal, MemoryJournal)
    assert one.journal is not other.journal
    drawn = {one.jitter() for _ in range(50)} | {other.jitter() for _ in range(50)}
    assert len(drawn) == 100
    assert all(0 <= number < 1 for number in drawn)
    assert len(one.chance(10)) == 10
    assert one.chance(10) != other.chance(10)
