"""One HTTP answer, however it is cut into pieces; and what is no answer at all."""

from __future__ import annotations

import gzip

import pytest

from topstepx.core.http_answer import (
    HEAD_BYTES_MAX,
    AnswerReader,
    AnswerTooLarge,
    BadAnswer,
    request_bytes,
)

PLAIN = b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;a=b\r\n{"a":\r\n1\r\n1\r\n001\r\n}\r\n0\r\nX: y\r\n\r\n'
)
PACKED = gzip.compress(b'{"a":1}')
ZIPPED = (
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED)
) + PACKED


def read(*pieces: bytes, body_bytes_max: int = 1000, ends: bool = False) -> AnswerReader:
    reader = AnswerReader(body_bytes_max)
    whole = [reader.feed(piece) for piece in pieces]
    if ends:
        whole.append(reader.end())
    assert whole == [False] * (len(whole) - 1) + [True]
    return reader


def refused(said: bytes, *, body_bytes_max: int = 1000) -> str:
    reader = AnswerReader(body_bytes_max)
    with pytest.raises(BadAnswer) as caught:
        reader.feed(said)
    return str(caught.value)


def test_a_request_is_written_as_it_was_given() -> None:
    assert request_bytes("POST", "/a", "h:1", {"A": "b"}, b"{}") == (
        b"POST /a HTTP/1.1\r\nHost: h:1\r\nA: b\r\nAccept-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert b"Content-Length: 0\r\n" in request_bytes("POST", "/a", "h", {}, b"")
    assert b"Content-Length" not in request_bytes("GET", "/a", "h", {}, b"")


@pytest.mark.parametrize(
    ("said", "body"),
    [(PLAIN, b"{}"), (CHUNKED, b'{"a":1}'), (ZIPPED, b'{"a":1}')],
    ids=["sized", "chunked", "packed"],
)
def test_wherever_it_is_cut_it_is_the_same(said: bytes, body: bytes) -> None:
    for at in range(1, len(said)):
        reader = read(said[:at], said[at:])
        assert (reader.status, reader.body, reader.keeps) == (200, body, True)
    single = [bytes([one]) for one in said]
    assert read(*single).body == body
    for cut in range(len(said)):
        reader = AnswerReader(1000)
        if cut:
            assert not reader.feed(said[:cut])
        with pytest.raises(BadAnswer):
            reader.end()


def test_interim_heads_are_skipped() -> None:
    hint = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    assert read(b"HTTP/1.1 100 Continue\r\n\r\n" + hint + PLAIN).body == b"{}"
    assert read(b"HTTP/1.1 100 Continue\r\n\r\n", hint, PLAIN).body == b"{}"


def test_without_a_length_the_end_of_the_connection_ends_it() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\n\r\n{", b"}", ends=True)
    assert (reader.body, reader.keeps) == (b"{}", False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_a_body(status: bytes) -> None:
    reader = read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n")
    assert (reader.status, reader.body, reader.keeps) == (int(status[:3]), b"", True)


@pytest.mark.parametrize(
    "said",
    [
        PLAIN.replace(b"Date: x", b"Connection: close"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN + b"H",
        CHUNKED + b"\r\n",
    ],
)
def test_after_this_the_connection_is_not_used_again(said: bytes) -> None:
    assert not read(said).keeps


def test_header_names_are_lower_case_and_the_last_one_counts() -> None:
    reader = read(PLAIN.replace(b"Date: x", b"DATE:\t x \t\r\ndate: y:z"))
    assert reader.headers["date"] == "y:z"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b" HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        CHUNKED.replace(b"5;a=b", b"x"),
        CHUNKED.replace(b"5;a=b", b"-5"),
        CHUNKED.replace(b"5;a=b", b"4"),
        CHUNKED.replace(b"5;a=b", b"0x5"),
        CHUNKED.replace(b"5;a=b", b"9" * 5000),
        CHUNKED.replace(b"X: y", b"X: y\r\n" * 20_000),
        ZIPPED.replace(b": gzip", b": br"),
        ZIPPED[:-3] + b"xxx",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
        b"x" * (HEAD_BYTES_MAX + 1),
    ],
)
def test_what_could_be_read_in_two_ways_is_no_answer(said: bytes) -> None:
    why = refused(said)
    assert "200" not in why
    assert "xxx" not in why


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(big := gzip.compress(b"x" * 1001)), big),
    ],
    ids=["told", "endless", "chunks", "packed"],
)
def test_too_large_is_refused(said: bytes) -> None:
    reader = AnswerReader(1000)
    with pytest.raises(AnswerTooLarge):
        reader.feed(said)
