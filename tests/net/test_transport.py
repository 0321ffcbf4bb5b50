"""What may not be put into a request, whoever asks for it."""

from __future__ import annotations

import pytest

from topstepx.errors import NotSent
from topstepx.net.transport import check_request


def test_an_ordinary_request_passes() -> None:
    check_request("/api/Order/place", {"Authorization": "Bearer a.b-c_d", "User-Agent": "x/1 (y)"})


@pytest.mark.parametrize("path", ["", "api", "@evil/", "//\n", "/\x00", "/ü", "https://evil/"])
def test_a_path_begins_with_a_slash_and_is_plain(path: str) -> None:
    with pytest.raises(NotSent):
        check_request(path, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer canary\r\nX: y"),
        ("Authorization", "Bearer canary\n"),
        ("Authorization", "Bearer canary\x00"),
        ("Authorization", "Bearer canary\u2028"),
        ("X\r\nY", "canary"),
        ("Host", "canary"),
        ("hOST", "canary"),
    ],
)
def test_a_header_is_one_plain_line_and_never_the_host(name: str, value: str) -> None:
    with pytest.raises(NotSent) as caught:
        check_request("/", {name: value})
    assert "canary" not in str(caught.value)
