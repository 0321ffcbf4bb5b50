"""What both ends of a connection share: taking bytes in, in order, until it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from topstepx.core.signalr.messages import (
    UNREADABLE,
    Close,
    Invocation,
    Poisoned,
    decode,
    unreadable,
)
from topstepx.core.signalr.records import (
    Counters,
    RecordSplitter,
    too_deep,
)
from topstepx.errors import RemoteProtocolError

if TYPE_CHECKING:
    from topstepx.core.signalr.messages import WireMessage

State = Literal["new", "shaking", "open", "closed"]
"""Before the handshake, waiting for its answer (client only), talking, over."""

DEPTH_MAX: Final = 64

Out = TypeVar("Out")


Quick = Callable[[list[bytes], int], tuple[object | None, int]]
"""Reads records from an index on in its own way: what they say, and the index of the first that it leaves
to the general way."""


class Connection(Generic[Out]):
    """One end of one connection; use `ClientConnection` or `ServerConnection`.

    `Out` is what this end hands out. `_shake` and `_take` say what the role makes of the handshake
    and of everything that is no invocation.
    """

    __slots__ = (
        "_depth_max",
        "_failure",
        "_quick",
        "_record_bytes_max",
        "_splitter",
        "counters",
        "state",
    )

    def __init__(self, record_bytes_max: int, depth_max: int, quick: Quick | None = None) -> None:
        self.state: State = "new"
        self.counters = Counters()
        self._record_bytes_max = record_bytes_max
        self._depth_max = depth_max
        self._splitter = RecordSplitter(record_bytes_max)
        self._failure: RemoteProtocolError | None = None
        self._quick = quick

    def receive(self, data: bytes) -> list[Out]:
        """The messages that `data` completes, in order; empty once the connection is closed.

        Raises `RemoteProtocolError` when the peer does not keep to SignalR (`HandshakeRefused` when
        it refuses our handshake): the connection is over then, and later calls raise it again.
        Messages from before the fault are never lost: if `data` holds some, they are returned and
        the error waits for the next call, while `state` is already "closed".
        """
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        self.counters.bytes += len(data)
        out: list[Any] = []
        if self.state == "closed":
            return out
        records = self._splitter.split(data)
        if records and self.state != "open":
            self.counters.records += 1
            try:
                self._shake(records.pop(0), out)
            except RemoteProtocolError as error:
                self._fail(error)
                raise
        if records and self.state == "open":
            self._read(records, out)
        if self._splitter.overlong:
            self._overlong(out)
        return out

    def _read(self, records: list[bytes], out: list[Any]) -> None:
        """Decode each record on its own and sort the messages into `out`. The data path."""
        quick, at = self._quick, 0
        self.counters.records += len(records)
        while at < len(records):
            if quick is not None:
                read, at = quick(records, at)
                if read is not None:
                    out.append(read)
                if at == len(records):
                    return
            self._read_one(records[at], out)
            at += 1
            if self.state == "closed":
                self.counters.records -= len(records) - at
                return

    def _read_one(self, record: bytes, out: list[Any]) -> None:
        # Without that many brackets there is no such depth, which settles nearly every record.
        # Taking them out is twice as fast as `count`, which looks at each byte by itself.
        depth_max = self._depth_max
        brackets = len(record) - len(record.replace(b"{", b"").replace(b"[", b""))
        if brackets > depth_max and too_deep(record, depth_max):
            self._poisoned(f"nested deeper than {depth_max} levels", record, out)
            return
        try:
            if not record.isascii():
                record.decode()  # what stays undecoded below must be UTF-8 as well
            message = decode(record)
        except UNREADABLE as error:
            reason = unreadable(record, error)
            if reason is None:
                self.counters.unknown += 1
            else:
                self._poisoned(reason, record, out)
            return
        if type(message) is Invocation:
            out.append(message)
        elif type(message) is Close:
            out.append(message)
            self.state = "closed"
        else:
            self._take(message, out)

    def _poisoned(self, reason: str, record: bytes, out: list[Any]) -> None:
        self.counters.poisoned += 1
        out.append(Poisoned(reason, len(record)))

    def _overlong(self, out: list[Any]) -> None:
        if self.state == "closed":  # by a message before it: nothing after that counts
            return
        error = RemoteProtocolError(
            f"The peer sent a record of more than {self._record_bytes_max} bytes, which is the"
            " limit set here (record_bytes_max).",
            next_step="Connect again; raise the limit if such records are expected.",
        )
        self._fail(error)
        if not out:
            raise error

    def _fail(self, error: RemoteProtocolError) -> None:
        self._failure = error
        self.state = "closed"

    def _shake(self, record: bytes, out: list[Any]) -> None:
        """The first record of the connection: set `state`, or raise `RemoteProtocolError`."""
        raise NotImplementedError

    def _take(self, message: WireMessage, out: list[Any]) -> None:
        """A message that is neither an invocation nor a close: hand it out, or count it."""
        raise NotImplementedError
