"""The command's log: it says what went wrong and never what must stay secret."""

from __future__ import annotations

import io
import logging

from topstepx.cli.logs import show_warnings
from topstepx.redaction import KNOWN
from topstepx.settings import Secret
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

CANARY = "k3Y-canary-0815/+="


def test_a_warning_is_shown_masked_and_chatter_is_not() -> None:
    secret = Secret(CANARY)
    KNOWN.learn(secret)
    shown = io.StringIO()
    show_warnings(shown)
    log = logging.getLogger("topstepx.tests")
    try:
        int(CANARY)
    except ValueError:
        log.warning("the key %s and access_token=abcdef.ghi", CANARY, exc_info=True)
    log.info("small talk")
    show_warnings(io.StringIO())
    KNOWN.forget(secret)
    assert CANARY not in shown.getvalue()
    assert "abcdef" not in shown.getvalue()
    assert "ValueError" in shown.getvalue()
    assert "small talk" not in shown.getvalue()


def test_asking_twice_shows_each_warning_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    show_warnings(first)
    show_warnings(second)
    logging.getLogger("topstepx.tests").warning("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


@virtual
async def test_an_open_client_teaches_its_key() -> None:
    async with Pair() as pair:
        await pair.tsx.accounts.all()
        key = pair.gateway.api_key
        assert key not in KNOWN.masked(f"key {key}")
        other = Pair(seed=2)
        assert other.gateway.api_key in KNOWN.masked(f"key {other.gateway.api_key}")
