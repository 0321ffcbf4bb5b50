from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from topstepx.sim.tokens import (
    TokenOffice,
    TokenPolicy,
    TokenState,
    expiry_of,
    read_claims,
    verify_signature,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KEY = b"k" * 32


def office(**policy: object) -> TokenOffice:
    return TokenOffice(KEY, TokenPolicy(**policy))  # type: ignore[arg-type]  # any field by name


def state(one: TokenOffice, token: str, after_s: float = 0.0) -> TokenState:
    return one.check(token, NOON + timedelta(seconds=after_s))[0]


def test_a_token_is_a_signed_jwt_that_lives_a_day() -> None:
    token = office().issue("trader01", NOON)
    assert token.count(".") == 2
    assert verify_signature(token, KEY)
    assert not verify_signature(token, b"another key")
    assert expiry_of(token) == NOON + timedelta(days=1)
    assert "trader01" in read_claims(token).values()


def test_it_is_good_until_its_last_second_and_not_after() -> None:
    one = office(life_s=60)
    token = one.issue("trader01", NOON)
    assert state(one, token, 59.999) is TokenState.GOOD
    assert state(one, token, 60) is TokenState.EXPIRED
    assert state(one, token, 61) is TokenState.EXPIRED


def test_what_we_did_not_issue_is_refused() -> None:
    one = office()
    token = one.issue("trader01", NOON)
    assert state(one, token[:-1] + ("A" if token[-1] != "A" else "B")) is TokenState.UNREADABLE
    assert state(one, "nonsense") is TokenState.UNREADABLE
    assert one.check(None, NOON) == (TokenState.UNREADABLE, None)
    stranger = TokenOffice(b"other").issue("trader01", NOON)
    assert state(one, stranger) is TokenState.UNREADABLE


def test_a_second_login_leaves_the_first_token_alone_by_default() -> None:
    one = office()
    first, second = one.issue("trader01", NOON), one.issue("trader01", NOON)
    assert first != second
    assert state(one, first) is TokenState.GOOD


def test_a_second_login_may_end_the_first_session() -> None:
    one = office(login_kills=True)
    first, other = one.issue("trader01", NOON), one.issue("trader02", NOON)
    second = one.issue("trader01", NOON)
    assert state(one, first) is TokenState.REVOKED
    assert state(one, second) is TokenState.GOOD
    assert state(one, other) is TokenState.GOOD


@pytest.mark.parametrize(("rotation", "kills"), [("new", False), ("new", True), ("same", True)])
def test_rotation(rotation: str, *, kills: bool) -> None:
    one = office(rotation=rotation, rotation_kills=kills)
    token = one.issue("trader01", NOON)
    _, session = one.check(token, NOON)
    assert session is not None
    new = one.rotate(token, session, NOON)
    assert new is not None
    assert (new == token) is (rotation == "same")
    assert state(one, new) is TokenState.GOOD
    killed = kills and rotation == "new"
    assert state(one, token) is (TokenState.REVOKED if killed else TokenState.GOOD)


def test_rotation_may_give_nothing_or_somebody_elses_token() -> None:
    one = office(rotation="null")
    token = one.issue("trader01", NOON)
    _, session = one.check(token, NOON)
    assert session is not None
    assert one.rotate(token, session, NOON) is None
    one.policy.rotation = "other"
    foreign = one.rotate(token, session, NOON)
    assert foreign is not None
    _, foreign_session = one.check(foreign, NOON)
    assert foreign_session is not None
    assert foreign_session.user_name != "trader01"


@pytest.mark.parametrize("scope", ["token", "user"])
def test_logout_ends_one_token_or_all(scope: str) -> None:
    one = office(logout_scope=scope)
    token, other = one.issue("trader01", NOON), one.issue("trader01", NOON)
    _, session = one.check(token, NOON)
    assert session is not None
    one.log_out(token, session)
    assert state(one, token) is TokenState.REVOKED
    assert (state(one, other) is TokenState.GOOD) is (scope == "token")


def test_the_server_may_forget_a_token_early() -> None:
    one = office(server_life_s=20 * 3600)
    token = one.issue("trader01", NOON)
    assert expiry_of(token) == NOON + timedelta(days=1)
    assert state(one, token, 20 * 3600 - 1) is TokenState.GOOD
    assert state(one, token, 20 * 3600) is TokenState.EXPIRED


def test_opaque_tokens_and_tokens_without_expiry() -> None:
    opaque = office(opaque=True)
    token = opaque.issue("trader01", NOON)
    assert "." not in token
    assert state(opaque, token) is TokenState.GOOD
    timeless = office(without_expiry=True).issue("trader01", NOON)
    assert expiry_of(timeless) is None


def test_revoking_everything() -> None:
    one = office()
    tokens = [one.issue(name, NOON) for name in ("a", "b")]
    assert len(one.live(NOON)) == 2
    one.revoke_all()
    assert [state(one, token) for token in tokens] == [TokenState.REVOKED] * 2
    assert one.live(NOON) == []


def test_memory_is_bounded() -> None:
    one = office(life_s=1)
    for second in range(6000):
        one.issue("trader01", NOON + timedelta(seconds=second))
    assert len(one.sessions) <= 2
    assert len(one.dead) <= 4096


def test_nothing_printed_holds_a_token() -> None:
    one = office()
    token = one.issue("trader01", NOON)
    _, session = one.check(token, NOON)
    assert token not in repr(session) + repr(vars(one))
