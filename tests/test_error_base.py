"""What every error carries, and words from outside made safe to print."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.error_base import TopstepxError, sanitised


def test_what_is_given_wins_over_the_kinds_own_words() -> None:
    plain = TopstepxError("a.")
    assert (str(plain), plain.retry_after_s, plain.did_it_happen) == ("a.", None, "no")
    error = TopstepxError("a.", next_step="Do b.", retry_after_s=2.5, did_it_happen="unknown")
    assert str(error) == "a. Do b."
    assert (error.next_step, error.retry_after_s, error.did_it_happen) == ("Do b.", 2.5, "unknown")
    assert plain.next_step != "Do b.", "nothing is shared between errors"


def test_a_kind_without_words_of_its_own_speaks_with_its_parents() -> None:
    class Nameless(TopstepxError):
        pass

    assert Nameless("x").meaning == TopstepxError.meaning


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_nothing_that_controls_is_left(text: str) -> None:
    clean = sanitised(text)
    assert clean is not None
    assert len(clean) <= 300
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in clean)
    assert not set(clean) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\u2028\ufeff")
    clean.encode()


def test_ordinary_words_stay() -> None:
    assert sanitised("Prix refusé: 21 503,25 €") == "Prix refusé: 21 503,25 €"
    assert sanitised(None) is None
    assert sanitised("x" * 400, 10) == "xxxxxxxxx…"
