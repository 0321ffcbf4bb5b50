"""A hub that was deaf: what proves that it hears, and what does not."""

from __future__ import annotations

from topstepx.clock import NANOSECONDS
from topstepx.core.doubts import REPEATS_S, Doubts, Stream

LATER = round((REPEATS_S + 1) * NANOSECONDS)


def test_nothing_is_doubted_of_a_hub_that_never_was_deaf() -> None:
    doubts = Doubts()
    assert not doubts
    assert doubts.note is None
    assert not doubts.hear(lambda _: None)


def test_silence_proves_nothing_and_neither_does_what_it_was_asked_to_repeat() -> None:
    doubts = Doubts()
    doubts.add("order", "it did not tell order 7", 0)
    assert doubts.hear(lambda _: None)
    assert doubts.hear(lambda _: round(REPEATS_S * NANOSECONDS))
    assert doubts.note is not None
    assert "it did not tell order 7" in doubts.note
    assert not doubts.hear(lambda _: LATER)
    assert not doubts


def test_each_silent_stream_has_to_speak_itself() -> None:
    doubts = Doubts()
    doubts.add("order", "x", 0)
    doubts.add("position", "y", 0)
    told: dict[Stream, int] = {"order": LATER, "trade": LATER}
    assert doubts.hear(told.get)
    assert doubts.note is not None
    assert "no position since" in doubts.note
    assert not doubts.hear(lambda _: LATER)


def test_asked_anew_it_has_to_speak_anew() -> None:
    doubts = Doubts()
    doubts.add("trade", "x", 0)
    doubts.asked_again(LATER)
    assert doubts.hear(lambda _: LATER + 1)
    assert not doubts.hear(lambda _: LATER + LATER)


def test_a_person_may_say_that_it_hears() -> None:
    doubts = Doubts()
    doubts.add("trade", "x", 0)
    doubts.drop()
    assert not doubts
