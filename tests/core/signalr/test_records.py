"""Cutting bytes into records, and measuring their depth without recursion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.signalr.records import RecordSplitter, too_deep


def test_records_lose_their_separators() -> None:
    assert RecordSplitter(100).split(b"one\x1etwo\x1e") == [b"one", b"two"]


def test_an_unfinished_record_waits_for_its_end() -> None:
    splitter = RecordSplitter(100)
    assert splitter.split(b"one\x1etw") == [b"one"]
    assert splitter.split(b"o thr") == []
    assert splitter.split(b"ee") == []
    assert splitter.split(b"\x1efour\x1e") == [b"two three", b"four"]
    assert splitter.split(b"") == []


def test_empty_records_are_records() -> None:
    assert RecordSplitter(100).split(b"\x1e\x1e") == [b"", b""]


@given(st.lists(st.binary(max_size=6)))
def test_any_chopping_gives_the_same_records(chunks: list[bytes]) -> None:
    splitter = RecordSplitter(1000)
    records = [record for chunk in chunks for record in splitter.split(chunk)]
    assert records == b"".join(chunks).split(b"\x1e")[:-1]


def test_a_record_may_be_exactly_as_long_as_the_bound() -> None:
    splitter = RecordSplitter(4)
    assert splitter.split(b"1234\x1e123") == [
        b"1234",
    ]
    assert splitter.split(b"4") == []
    assert splitter.split(b"\x1e") == [b"1234"]
    assert not splitter.overlong


@pytest.mark.parametrize("chunks", [[b"a\x1e12345\x1eb\x1e"], [b"a\x1e1234", b"5", b"\x1eb\x1e"]])
def test_nothing_follows_an_overlong_record(chunks: list[bytes]) -> None:
    splitter = RecordSplitter(4)
    assert [record for chunk in chunks for record in splitter.split(chunk)] == [b"a"]
    assert splitter.overlong


def test_an_endless_record_is_noticed_before_its_end() -> None:
    splitter = RecordSplitter(4)
    assert splitter.split(b"12345") == []
    assert splitter.overlong


def test_a_long_record_in_tiny_pieces_takes_linear_time() -> None:
    splitter = RecordSplitter(2_000_000)
    for _ in range(300_000):  # quadratic work would be 45 GB of copying
        splitter.split(b"abcd")
    assert splitter.split(b"\x1e") == [b"abcd" * 300_000]


@pytest.mark.parametrize(
    ("record", "depth"),
    [
        (b"[]", 1),
        (b"[[],[]]", 2),
        (b'{"a":[{}]}', 3),
        (b'["[[[["]', 1),
        (b'["]]]]",[[]],"\\"[[[["]', 3),
        (b'["\\\\",[],"[\\\\\\"[","["]', 2),
        (b'["",["[",""],"",{"[":"{"}]', 2),
    ],
)
def test_depth_counts_brackets_outside_of_strings(record: bytes, depth: int) -> None:
    json.loads(record)  # the cases themselves are JSON
    assert not too_deep(record, depth)
    assert too_deep(record, depth - 1)


def depth_of(value: Any) -> int:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        return 1 + max((depth_of(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth_of(item) for item in value), default=0)
    return 0


TRICKY = st.text(alphabet='[]{}"\\\x1e,a', max_size=6)
VALUES = st.recursive(
    TRICKY | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TRICKY, inner, max_size=3),
    max_leaves=20,
)


@given(VALUES)
def test_depth_agrees_with_a_parser(value: Any) -> None:  # noqa: ANN401  any JSON value
    record = json.dumps(value).encode()
    depth = depth_of(value)
    assert not too_deep(record, depth)
    assert depth == 0 or too_deep(record, depth - 1)


@pytest.mark.parametrize(
    "record",
    [b"[" * 1_000_000, b'"' + b'\\"' * 500_000, b"[]" * 500_000 + b"[", b"[" + b'"[' * 333_333],
    ids=["opening", "unterminated", "pairs", "quotes"],
)
def test_hostile_records_are_judged_quickly(record: bytes) -> None:
    assert too_deep(record, 64) is (record[:1] == b"[")  # none of these recurses or takes seconds
