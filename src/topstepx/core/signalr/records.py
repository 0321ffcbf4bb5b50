"""Bytes to records: splitting at the separator, with bounds on size and on depth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SEPARATOR: Final = b"\x1e"

_NEITHER = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_ROUND = bytes.maketrans(b"[]{}", b"()()")
# A string, once escaped quotes are gone. One without an end reaches to the end.
_STRING = re.compile(rb'"[^"]*"?')


@dataclass(slots=True)
class Counters:
    """What arrived on one connection so far."""

    bytes: int = 0
    """Bytes taken in, separators included."""
    records: int = 0
    """Complete records, the handshake included."""
    poisoned: int = 0
    """Records that could not be read, or that contradicted themselves."""
    unknown: int = 0
    """Records of a type that this version of the protocol does not have; passed over."""
    skipped: int = 0
    """Records of a known type that nobody here needs (stream items, Ack, Sequence); passed over."""
    unmatched: int = 0
    """Completions that nobody waits for: an unknown id, or one given up before; passed over."""


class RecordSplitter:
    """Cuts a byte stream into records, however it is chopped up on its way.

    Once a record is longer than `record_bytes_max` (finished or not) `overlong` is set, what came
    before it is still handed out, and the rest of the stream is dropped.
    """

    __slots__ = ("_record_bytes_max", "_tail", "overlong")

    def __init__(self, record_bytes_max: int) -> None:
        self._record_bytes_max = record_bytes_max
        self._tail = bytearray()
        self.overlong = False

    def split(self, data: bytes) -> list[bytes]:
        """The records that `data` completes, without their separators, in order."""
        first, found, rest = data.partition(SEPARATOR)
        if not self._tail and len(data) <= self._record_bytes_max and not self.overlong:
            if found and not rest:  # one whole record, as the gateway usually sends them
                return [first]
            if data.endswith(SEPARATOR):
                return data.split(SEPARATOR)[:-1]
        return self._joined(data)

    def _joined(self, data: bytes) -> list[bytes]:
        if self.overlong:
            return []
        records = data.split(SEPARATOR)
        if self._tail and len(records) > 1:
            self._tail += records[0]
            records[0] = bytes(self._tail)
            self._tail = bytearray()
        self._tail += records.pop()
        return self._bounded(records)

    def _bounded(self, records: list[bytes]) -> list[bytes]:
        lengths = [*map(len, records), len(self._tail)]
        for index, length in enumerate(lengths):
            if length > self._record_bytes_max:
                self.overlong = True
                self._tail = bytearray()
                return records[:index]
        return records


def too_deep(record: bytes, depth_max: int) -> bool:
    """Whether JSON is nested deeper than `depth_max` (its outermost object is 1).

    Unbalanced brackets, which no JSON parser would accept either, may count as too deep. The cost
    is a few passes over the record, never recursion.
    """
    unescaped = record.replace(b"\\\\", b"").replace(b'\\"', b"")
    quoted = unescaped.translate(_ROUND, _NEITHER).replace(b'""', b"")
    brackets = _STRING.sub(b"", quoted)
    for _ in range(depth_max):  # each pass takes away the innermost level everywhere
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return bool(brackets)
