from __future__ import annotations

from topstepx.testing.storm.notebook import Notebook


def test_only_what_was_never_answered_definitely_is_asked_again() -> None:
    book = Notebook()
    wish = book.wish({"size": 1})
    assert not wish.may_ask_again
    for said, again in (("nothing", True), ("unknown", True), ("no", False), ("accepted", False)):
        wish.said.append(said)  # type: ignore[arg-type]  # each of the words
        assert wish.may_ask_again is again
    assert book.wish({}).key != wish.key
