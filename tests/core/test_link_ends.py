"""What follows from each way a connection can end: the table is whole, and a user may overrule it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.link_ends import (
    CLOSE_CODES,
    HTTP_STATUSES,
    EndKind,
    LinkEnd,
    Reaction,
    Reconnecting,
    classify,
)

ENDS = st.builds(
    LinkEnd,
    st.sampled_from(list(EndKind)),
    st.text(max_size=30),
    st.none() | st.integers(-5, 70_000),
    st.none() | st.booleans(),
)


@given(ENDS)
def test_every_end_has_a_reaction_and_only_a_lost_session_or_a_stranger_stops(end: LinkEnd) -> None:
    reaction = classify(end)
    assert (reaction is Reaction.STOP) == (end.kind in {EndKind.NO_SESSION, EndKind.UNTRUSTED})


@pytest.mark.parametrize("status", range(100, 600))
def test_no_http_status_stops_a_hub_and_only_401_asks_for_a_token(status: int) -> None:
    reaction = classify(LinkEnd(EndKind.UPGRADE, "", status))
    assert (reaction is Reaction.REFRESH) == (status == 401)
    if 400 <= status < 500 and status not in {401, 408, 425}:
        assert reaction is Reaction.RETRY_SLOWLY


@pytest.mark.parametrize(
    ("code", "reaction"),
    [
        (None, Reaction.RETRY),
        (1000, Reaction.RETRY),
        (1001, Reaction.RETRY),
        (1006, Reaction.RETRY),
        (1008, Reaction.REFRESH),
        (1009, Reaction.RETRY_SLOWLY),
        (1013, Reaction.RETRY_SLOWLY),
        (2999, Reaction.RETRY_SLOWLY),
        (3000, Reaction.REFRESH),
        (4401, Reaction.REFRESH),
        (4999, Reaction.RETRY),
    ],
)
def test_close_codes(code: int | None, reaction: Reaction) -> None:
    assert classify(LinkEnd(EndKind.SOCKET, "", code)) is reaction


def test_every_registered_close_code_has_a_row_of_its_own() -> None:
    assert set(range(1000, 1016)) <= set(CLOSE_CODES)
    assert {400, 401, 403, 404, 408, 429, 500, 502, 503, 504} <= set(HTTP_STATUSES)


@pytest.mark.parametrize(
    ("status", "reaction"),
    [
        (401, Reaction.REFRESH),
        (403, Reaction.RETRY_SLOWLY),
        (429, Reaction.RETRY_SLOWLY),
        (500, Reaction.RETRY),
        (501, Reaction.RETRY_SLOWLY),
        (502, Reaction.RETRY),
        (503, Reaction.EASE_OFF),
        (599, Reaction.RETRY),
    ],
)
def test_http_statuses(status: int, reaction: Reaction) -> None:
    assert classify(LinkEnd(EndKind.UPGRADE, "", status)) is reaction


@pytest.mark.parametrize(
    ("words", "reaction"),
    [
        ("The protocol 'json' is not supported.", Reaction.RETRY_SLOWLY),
        ("Unauthorized", Reaction.REFRESH),
        ("Handshake was canceled.", Reaction.RETRY),
    ],
)
def test_handshake_answers(words: str, reaction: Reaction) -> None:
    assert classify(LinkEnd(EndKind.HANDSHAKE, words)) is reaction


@pytest.mark.parametrize(
    ("allow", "reaction"),
    [(True, Reaction.RETRY), (False, Reaction.REFRESH), (None, Reaction.REFRESH)],
)
def test_a_close_record_that_forbids_to_come_back_asks_for_a_token(
    *, allow: bool | None, reaction: Reaction
) -> None:
    assert classify(LinkEnd(EndKind.CLOSE_RECORD, "", allow_reconnect=allow)) is reaction


def test_a_users_word_goes_before_the_table_and_none_leaves_it_to_the_table() -> None:
    def judge(end: LinkEnd) -> Reaction | None:
        return Reaction.STOP if end.code == 403 else None

    reconnecting = Reconnecting(judge=judge)
    assert reconnecting.reaction(LinkEnd(EndKind.UPGRADE, "", 403))[0] is Reaction.STOP
    assert reconnecting.reaction(LinkEnd(EndKind.UPGRADE, "", 401))[0] is Reaction.REFRESH


def test_a_users_word_that_raises_or_is_none_leaves_it_to_the_table_and_is_told() -> None:
    def raising(_end: LinkEnd) -> Reaction | None:
        raise RuntimeError

    def wrong(_end: LinkEnd) -> Any:  # noqa: ANN401  what a slip would give
        return "stop"

    for judge, told in ((raising, "RuntimeError()"), (wrong, "'stop', which is no Reaction")):
        reaction, end = Reconnecting(judge=judge).reaction(LinkEnd(EndKind.DEAF, "silence"))
        assert reaction is Reaction.RETRY
        assert end.reason.startswith("silence; your judge")
        assert told in end.reason
