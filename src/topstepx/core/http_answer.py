"""HTTP/1.1 as the asking side needs it: a request as bytes, and its answer read piece by piece.

Strict on purpose. Wherever two readers could understand an answer differently (two lengths, a length
beside chunks, bare line feeds, folded lines) there is no answer at all, for behind a misread boundary
the next answer on the connection would be taken for another request's. Never quotes what it was sent.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEAD_BYTES_MAX = 65_536
_LINE_BYTES_MAX = 4096
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_LENGTH = re.compile(r"[0-9]{1,15}")
_ONCE = frozenset({"content-length", "transfer-encoding", "content-encoding"})
_BODYLESS = frozenset({204, 304})
_GZIP = 16 + zlib.MAX_WBITS
_INTERIM = 200
_SWITCHING = 101


class BadAnswer(TopstepxError):
    """What came is no whole, unambiguous HTTP answer; the request may have been acted upon."""


class AnswerTooLarge(BadAnswer):
    """It is larger than we accept."""


def request_bytes(
    method: str, target: str, host: str, headers: Mapping[str, str], body: bytes
) -> bytes:
    """A whole request. Names and values must have been checked: they are written as they are."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    length = f"Content-Length: {len(body)}\r\n" if body or method != "GET" else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}Accept-Encoding: gzip\r\n{length}\r\n"
    return head.encode("ascii") + body


class AnswerReader:
    """Reads one answer. `feed` it what arrives, `end` it when nothing more will.

    Both give True once the answer is whole and raise `BadAnswer` when it never can be. Then `status`,
    `headers` (lower-case names; of several, the last), and `body`, unpacked. `keeps`: whether the
    connection is good for another request.
    """

    def __init__(self, body_bytes_max: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.keeps = False
        self._bytes_max = body_bytes_max
        self._rest = b""
        """What came and could not be read yet: less than a head or a line."""
        self._parts: list[bytes] = []
        self._size = 0
        self._left = self._trailer_bytes = 0
        self._after_chunk = self._in_trailers = False
        self._take: Callable[[bytes], bool] | None = None

    def feed(self, data: bytes) -> bool:
        """More bytes have come."""
        take = self._take
        while take is None:
            if self._rest:
                data, self._rest = self._rest + data, b""
            end = data.find(b"\r\n\r\n")
            if end > HEAD_BYTES_MAX or (end < 0 and len(data) > HEAD_BYTES_MAX):
                raise BadAnswer("its head does not end")
            if end < 0:
                self._rest = data
                return False
            self._read_head(data[:end])
            data = data[end + 4 :]
            take = self._take
        return take(data)

    def end(self) -> bool:
        """The other side will send nothing more."""
        if self._take == self._until_the_end:
            return self._whole(b"")
        raise BadAnswer("it ended too early")

    # ------------------------------------------------------------ the head

    def _read_head(self, head: bytes) -> None:
        """Understand a head; an interim one (100, 103) is skipped, and `_take` stays None."""
        lines = head.split(b"\r\n")
        found = _STATUS.fullmatch(lines[0])
        if (
            found is None
            or head.count(b"\n") != len(lines) - 1
            or head.count(b"\r") != len(lines) - 1
        ):
            raise BadAnswer("its head is no HTTP")
        status = int(found[2])
        if status == _SWITCHING:
            raise BadAnswer("it changes the protocol")
        if status < _INTERIM:
            return
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or _NAME.fullmatch(name) is None or "\0" in value:
                raise BadAnswer("a header of it is malformed")
            name, value = name.lower(), value.strip(" \t")
            if name in _ONCE and headers.get(name, value) != value:
                raise BadAnswer(f"it has two different headers {name}")
            headers[name] = value
        self.status, self.headers = status, headers
        connection = headers.get("connection", "").lower()
        self.keeps = found[1] == b"1" and "close" not in connection
        self._take = self._body_of(status, headers, is_old=found[1] == b"0")

    def _body_of(
        self, status: int, headers: Mapping[str, str], *, is_old: bool
    ) -> Callable[[bytes], bool]:
        """How the body is to be read."""
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if coding is not None:
            if length is not None or is_old or coding.lower() != "chunked":
                raise BadAnswer("where it ends is told in two ways, or in an unknown one")
            return self._nothing if status in _BODYLESS else self._chunked
        if status in _BODYLESS:
            return self._nothing
        if length is None:
            self.keeps = False
            return self._until_the_end
        if _LENGTH.fullmatch(length) is None:
            raise BadAnswer("its length is no number")
        self._left = int(length)
        if self._left > self._bytes_max:
            raise AnswerTooLarge("it is too large")
        return self._sized

    # ------------------------------------------------------------ the body

    def _nothing(self, data: bytes) -> bool:
        return self._whole(data)

    def _sized(self, data: bytes) -> bool:
        left = self._left
        if len(data) < left:
            self._parts.append(data)
            self._left = left - len(data)
            return False
        self._parts.append(data if len(data) == left else data[:left])
        return self._whole(data[left:])

    def _until_the_end(self, data: bytes) -> bool:
        self._keep(data)
        return False

    def _chunked(self, data: bytes) -> bool:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        while True:
            if self._left:
                piece = data[at : at + self._left]
                self._keep(piece)
                at, self._left = at + len(piece), self._left - len(piece)
                if self._left:
                    return False
                self._after_chunk = True
            end = data.find(b"\r\n", at)
            if end < 0:
                self._rest = data[at:]
                if len(self._rest) > _LINE_BYTES_MAX:
                    raise BadAnswer("a line between its chunks does not end")
                return False
            line, at = data[at:end], end + 2
            if self._is_last(line):
                return self._whole(data[at:])

    def _is_last(self, line: bytes) -> bool:
        """Understand a line between chunks or after them; True for the empty one that ends it all."""
        if self._after_chunk:
            if line:
                raise BadAnswer("a chunk of it is longer than it says")
            self._after_chunk = False
        elif self._in_trailers:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > HEAD_BYTES_MAX:
                raise BadAnswer("its trailers do not end")
            return not line
        else:
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise BadAnswer("a chunk of it has no size")
            self._left = int(size[1], 16)
            self._in_trailers = not self._left
        return False

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._bytes_max:
            raise AnswerTooLarge("it is too large")
        self._parts.append(piece)

    def _whole(self, beyond: bytes) -> bool:
        """Everything is here; bytes beyond it mean that the connection is not to be trusted again."""
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self.keeps = self.keeps and not beyond
        packed = self.headers.get("content-encoding", "identity").lower()
        self.body = body if packed == "identity" else self._unpacked(packed, body)
        return True

    def _unpacked(self, packed: str, body: bytes) -> bytes:
        if packed not in {"gzip", "x-gzip"}:
            raise BadAnswer("it is packed in a way that was not asked for")
        unpacking = zlib.decompressobj(_GZIP)
        try:
            plain = unpacking.decompress(body, self._bytes_max + 1)
        except zlib.error:
            plain = b""
        if len(plain) > self._bytes_max:
            raise AnswerTooLarge("it is too large")
        if not unpacking.eof or unpacking.unused_data:
            raise BadAnswer("it cannot be unpacked")
        return plain
