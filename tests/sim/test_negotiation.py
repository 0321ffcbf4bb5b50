from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.sim_line import NOON
from topstepx.sim.negotiation import Negotiations

KEY = b"k" * 32
SOON = NOON + timedelta(seconds=15)


def answer(one: Negotiations, version: int = 1) -> dict[str, Any]:
    return one.answer("user", "me", version, SOON, NOON)


def test_version_one_has_a_token_apart_from_the_id() -> None:
    content = answer(Negotiations(KEY))
    assert content["negotiateVersion"] == 1
    assert content["connectionId"] != content["connectionToken"]
    assert content["availableTransports"] == [
        {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}
    ]


def test_version_zero_has_only_the_id() -> None:
    one = Negotiations(KEY)
    content = answer(one, 0)
    assert "connectionToken" not in content
    assert one.use(content["connectionId"], "user", "me", NOON) is None


def test_an_id_opens_one_socket_of_its_hub_and_user() -> None:
    one = Negotiations(KEY)
    token = answer(one)["connectionToken"]
    assert one.use(token, "market", "me", NOON) == 404
    assert one.use(token, "user", "you", NOON) == 403
    assert one.use(token, "user", "me", NOON) is None
    assert one.use(token, "user", "me", NOON) == 409
    one.release(token)
    assert one.use(token, "user", "me", NOON) == 404


def test_it_waits_a_while_only() -> None:
    one = Negotiations(KEY)
    token = answer(one)["connectionToken"]
    assert one.use(token, "user", "me", SOON) == 404


def test_memory_is_bounded() -> None:
    one = Negotiations(KEY)
    for _ in range(3000):
        answer(one)
    assert len(one._open) <= 1001
