from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.testing.proxy_faults import Passage
from topstepx.testing.proxy_http import Answers, Piece, Requests, place_of


class Wire:
    def __init__(self) -> None:
        numbers = count()
        self.answers = Answers()
        self.requests = Requests(lambda place: Passage(place, next(numbers)), self.answers)


def told(pieces: list[Piece]) -> list[tuple[str, bytes]]:
    """What each passage was given, whole."""
    whole: dict[int, tuple[str, bytes]] = {}
    for piece in pieces:
        _, before = whole.get(piece.passage.number, ("", b""))
        whole[piece.passage.number] = (piece.passage.place, before + piece.data)
    return list(whole.values())


PLACE = b"POST /api/Order/place HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
PING = b"GET /api/Status/ping?x=1 HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"GET /hubs/user?access_token=t HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
EMPTY = b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n"
NONE = b"HTTP/1.1 204 No\r\n\r\n"
WAIT = b"HTTP/1.1 100 Continue\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching\r\n\r\n"


@given(st.lists(st.integers(1, 60), max_size=12))
def test_however_the_bytes_come_each_belongs_to_its_request_and_answer(sizes: list[int]) -> None:
    wire = Wire()

    def torn(data: bytes) -> list[bytes]:
        parts, at = [], 0
        for size in sizes:
            parts.append(data[at : at + size])
            at += size
        return [*parts, data[at:]]

    up = [
        piece
        for part in torn(PLACE + PING + UPGRADE + b"frames")
        for piece in wire.requests.feed(part)
    ]
    assert told(up) == [
        ("Order/place", PLACE),
        ("Status/ping", PING),
        ("hub/user", UPGRADE + b"frames"),
    ]
    down = [
        piece
        for part in torn(WAIT + OK + EMPTY + SWITCH + b"more frames")
        for piece in wire.answers.feed(part)
    ]
    assert told(down) == [
        ("Order/place", WAIT + OK),
        ("Status/ping", EMPTY),
        ("hub/user", SWITCH + b"more frames"),
    ]
    ends = [piece.passage.place for piece in down if piece.ends]
    assert ends == ["Order/place", "Status/ping"]


def test_the_end_of_a_request_is_known_with_and_without_a_body() -> None:
    wire = Wire()
    assert [piece.ends for piece in wire.requests.feed(PING + PLACE[:-1])] == [True, False, False]
    assert [piece.ends for piece in wire.requests.feed(PLACE[-1:])] == [True]
    assert [piece.ends for piece in wire.answers.feed(NONE + OK)] == [True, False, True]


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02", b"junk" * 20_000], ids=["tls", "junk"])
def test_what_cannot_be_read_is_one_passage(first: bytes) -> None:
    wire = Wire()
    pieces = wire.requests.feed(first) + wire.requests.feed(b"GET / HTTP/1.1\r\n\r\n")
    place = "tls" if first[0] == 0x16 else "raw"
    assert told(pieces) == [(place, first + b"GET / HTTP/1.1\r\n\r\n")]
    assert told(wire.answers.feed(b"\x16\x03\r\n\r\n")) == [(place, b"\x16\x03\r\n\r\n")]


def test_a_chunked_answer_runs_to_the_end_of_its_connection() -> None:
    wire = Wire()
    wire.requests.feed(PING)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = wire.answers.feed(head + b"2\r\n{}\r\n0\r\n\r\n")
    assert told(pieces) == [("Status/ping", head + b"2\r\n{}\r\n0\r\n\r\n")]


def test_places_are_named_as_the_simulators_faults_name_them() -> None:
    assert place_of("/api/Order/v2/query?x=1") == "Order/v2/query"
    assert place_of("/hubs/market/negotiate?negotiateVersion=1") == "hub/market"
    assert place_of("/") == ""


def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    assert Wire().answers.feed(OK) == []
