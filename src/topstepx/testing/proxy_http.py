"""Which request a byte belongs to: the little HTTP/1.1 that a proxy must read to know where it is.

Requests are held back until their head is whole, since the head says where they go; answers are only
counted along. What cannot be read (TLS, a WebSocket after its upgrade, chunked bodies, anything else)
is one passage to the end of its connection.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.testing.proxy_faults import Passage

_HEAD_END: Final = b"\r\n\r\n"
_HEAD_BYTES_MAX: Final = 64 * 1024
_TLS_HANDSHAKE: Final = 0x16
_SWITCHING: Final = 101
_INFORMATIONAL: Final = range(100, 200)
_WITHOUT_BODY: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one passage; `ends` with its request, or with its answer."""

    passage: Passage
    data: bytes
    ends: bool = False


class Requests:
    """The bytes of one client, as pieces; tells `answers` what to expect."""

    def __init__(self, begin: Callable[[str], Passage], answers: Answers) -> None:
        self._begin, self._answers = begin, answers
        self._held = b""
        self._left = 0
        self._passage: Passage | None = None
        self._raw = False

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that are known to belong somewhere now."""
        pieces: list[Piece] = []
        data, self._held = self._held + data, b""
        while data:
            if self._passage is not None:
                part = data if self._raw else data[: self._left]
                self._left -= len(part)
                pieces.append(self._piece(self._passage, part))
                data = data[len(part) :]
                continue
            if data[0] == _TLS_HANDSHAKE or (
                len(data) > _HEAD_BYTES_MAX and _HEAD_END not in data[:_HEAD_BYTES_MAX]
            ):
                self._be_raw("tls" if data[0] == _TLS_HANDSHAKE else "raw")
                continue
            head, end, rest = data.partition(_HEAD_END)
            if not end:
                self._held = data
                break
            pieces.append(self._headed(head + end))
            data = rest
        return pieces

    def _be_raw(self, place: str) -> None:
        self._raw = True
        self._passage = self._begin(place)
        self._answers.expect(self._passage, raw=True)

    def _piece(self, passage: Passage, part: bytes) -> Piece:
        ends = not self._raw and self._left <= 0
        self._passage = None if ends else passage
        return Piece(passage, part, ends)

    def _headed(self, head: bytes) -> Piece:
        fields = _fields(head)
        words = head.split(b" ", 2)
        target = words[1].decode("latin-1") if len(words) > 1 else "raw"
        passage = self._begin(place_of(target))
        self._raw = "upgrade" in fields or "chunked" in fields.get("transfer-encoding", "")
        self._left = _length(fields)
        self._answers.expect(passage)
        return self._piece(passage, head)


class Answers:
    """The bytes of one server, as pieces of the passages that wait for them."""

    def __init__(self) -> None:
        self._expected: deque[Passage] = deque()
        self._head = b""
        self._left = 0
        self._raw: Passage | None = None

    def expect(self, passage: Passage, *, raw: bool = False) -> None:
        """An answer of this passage comes after those that are expected already."""
        self._expected.append(passage)
        if raw:
            self._raw = passage

    def feed(self, data: bytes) -> list[Piece]:
        """Each byte with its passage; what nobody waits for belongs to the last one."""
        pieces: list[Piece] = []
        while data and self._raw is None:
            if not self._expected:
                return pieces  # a server that speaks unasked; nobody could read it
            if self._left:
                part, data = data[: self._left], data[self._left :]
                self._left -= len(part)
                pieces.append(self._piece(part, ends=not self._left))
                continue
            known = len(self._head)
            head, end, _ = (self._head + data).partition(_HEAD_END)
            if not end:
                self._head += data
                pieces.append(Piece(self._expected[0], data))
                return pieces
            size = len(head) + len(end) - known
            part, data, self._head = data[:size], data[size:], b""
            pieces += self._headed(head, part)
        if data and self._raw is not None:
            pieces.append(Piece(self._raw, data))
        return pieces

    def _headed(self, head: bytes, part: bytes) -> list[Piece]:
        status, fields = _status(head), _fields(head)
        if status == _SWITCHING or (
            status not in _WITHOUT_BODY
            and status not in _INFORMATIONAL
            and "content-length" not in fields
        ):
            self._raw = self._expected[0]
            return [Piece(self._raw, part)]
        if status in _INFORMATIONAL:
            return [Piece(self._expected[0], part)]
        self._left = 0 if status in _WITHOUT_BODY else _length(fields)
        return [self._piece(part, ends=not self._left)]

    def _piece(self, part: bytes, *, ends: bool) -> Piece:
        passage = self._expected.popleft() if ends else self._expected[0]
        return Piece(passage, part, ends)


def place_of(target: str) -> str:
    """The name of what a request asks for, as the simulator's faults have it."""
    path = target.partition("?")[0].strip("/")
    lowered = path.lower()
    if lowered.startswith("hubs/"):
        return "hub/" + lowered.split("/")[1]
    return path[len("api/") :] if lowered.startswith("api/") else path


def _fields(head: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip().lower()
    return fields


def _length(fields: dict[str, str]) -> int:
    digits = fields.get("content-length", "")
    return int(digits) if digits.isdecimal() else 0


def _status(head: bytes) -> int:
    words = head.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
