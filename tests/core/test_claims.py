"""What a token claims, and everything that is not a token."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.claims import Claims, read_claims

LONG = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2ln"


@pytest.mark.parametrize(
    ("claims", "expires", "subject"),
    [
        ({"exp": 1_800_000_000, "sub": "7"}, datetime(2027, 1, 15, 8, tzinfo=UTC), "7"),
        ({"exp": "1800000000"}, datetime(2027, 1, 15, 8, tzinfo=UTC), None),
        ({f"{LONG}nameidentifier": "600123", f"{LONG}name": "trader01"}, None, "600123"),
        ({f"{LONG}name": "trader01"}, None, "trader01"),
        ({"exp": None}, None, None),
        ({}, None, None),
    ],
)
def test_claims(claims: object, expires: datetime | None, subject: str | None) -> None:
    assert read_claims(jwt(claims)) == Claims(expires, subject)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c.d",
        "..",
        "a.!!!.c",
        jwt([1]),
        jwt({"exp": 1e300}),
        jwt({"exp": -1e300}),
        jwt({"exp": {}}),
        "a.é.c",
    ],
)
def test_what_is_no_token_claims_nothing(token: str) -> None:
    assert read_claims(token) == Claims()


@given(st.text(), st.binary())
def test_nothing_raises(text: str, data: bytes) -> None:
    read_claims(text)
    read_claims(f"a.{base64.urlsafe_b64encode(data).decode()}.c")
