"""What a journal is made of: rows in a chain, and the port that every journal fits.

Each row carries a digest of its own content and of the digest before it, so that a row that was
changed, removed or slipped in breaks the chain at that place. (Nothing can see rows cut off at the end;
SQLite keeps half a write from being one.)
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from topstepx import errors, events

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

_encode = msgspec.json.Encoder().encode

GENESIS = "0" * 64
"""What the first row has for the digest before it."""


class Queued(NamedTuple):
    """A fact that is to be written; ``number`` counts within one writer."""

    number: int
    event: events.Event


class Entry(NamedTuple):
    """A fact as text, on its way to the journal; ``number`` counts within one writer."""

    number: int
    at: str
    kind: str
    account_id: int | None
    event_id: str
    body: str


def entry_of(event: events.Event, number: int) -> Entry:
    """The fact as text; its id is a hash of that text, so whatever has an id can be written."""
    body = events.encode(event).decode()
    kind = type(event).__name__
    return Entry(number, event.at.isoformat(), kind, event.account, event.id, body)


class Row(NamedTuple):
    """One row of a journal. ``at``, ``kind``, ``account_id`` and ``event_id`` repeat the body."""

    seq: int
    writer: str
    number: int
    at: str
    kind: str
    account_id: int | None
    event_id: str
    body: str
    previous: str
    digest: str

    def event(self) -> events.Event:
        """The fact.

        Raises:
            errors.RecordUnavailable: this version does not know such a fact.
        """
        try:
            return events.decode(self.body)
        except msgspec.MsgspecError as error:
            raise errors.RecordUnavailable(
                f"Row {self.seq} of the journal holds a {self.kind} that cannot be read: {error}.",
                next_step="Use the version of topstepx that wrote it, or a newer one.",
            ) from error

    def expected_digest(self) -> str:
        """What the digest has to be."""
        return _digest(self[:-1])


def chained(
    entries: Iterable[Entry], *, after_seq: int, previous: str, writer: str
) -> Iterator[Row]:
    """The rows that follow a chain's last one."""
    for seq, entry in enumerate(entries, start=after_seq + 1):
        content = (seq, writer, *entry, previous)
        digest = _digest(content)
        yield Row._make((*content, digest))
        previous = digest


def _digest(content: tuple[object, ...]) -> str:
    """The digest of a row's members, in their order, from `seq` to `previous`."""
    return hashlib.sha256(_encode(content)).hexdigest()


def verified(rows: Iterable[Row], *, after_seq: int = 0, previous: str = GENESIS) -> Iterator[Row]:
    """The same rows, each proven to follow the one before.

    Raises:
        errors.RecordUnavailable: at the first row that does not; those before it were given out.
    """
    for seq, row in enumerate(rows, start=after_seq + 1):
        if row.seq != seq:
            raise _damaged(seq, f"row {seq} is missing (the next one is {row.seq})")
        if row.previous != previous:
            raise _damaged(seq, f"row {seq} does not follow row {seq - 1}")
        if row.digest != row.expected_digest():
            raise _damaged(seq, f"row {seq} was changed after it was written")
        previous = row.digest
        yield row


def _damaged(seq: int, what: str) -> errors.RecordDamaged:
    return errors.RecordDamaged(
        f"The journal is damaged: {what}.",
        next_step=(
            f"Rows 1 to {seq - 1} are intact. Restore a backup, or move the file away to begin a new "
            "journal: open orders are then found by reading the account, and entries stay off until "
            "you release them."
        ),
    )


class Journal(Protocol):
    """Where facts are kept. One per client; made and used on one event loop."""

    async def open(self) -> None:
        """Get ready.

        Raises:
            errors.RecordUnavailable: it cannot be read or written, is damaged, or of a newer version.
        """
        ...

    def append(self, event: events.Event) -> None:
        """Queue a fact; it is on the disk soon, together with others. Never raises for the disk."""
        ...

    def append_durable(self, event: events.Event) -> Awaitable[None]:
        """Queue a fact, its place taken at once; what you get is done when it is on the disk.

        It fails with `errors.RecordUnavailable` when it could not be written. The fact stays queued
        and may be written later. Cancelling the wait leaves the fact in the queue.
        """
        ...

    async def rows(self, after: int = 0, limit: int = 1000) -> list[Row]:
        """The rows on the disk with a higher ``seq``, at most ``limit``, in order."""
        ...

    async def flush(self) -> None:
        """Done when everything queued so far is on the disk; fails as `append_durable` does."""
        ...

    async def close(self) -> None:
        """Flush and let go; nothing is kept after it. Fails as `flush` does, but always lets go."""
        ...

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """Be told, on the loop, why writing fails, and (None) when it works again."""
        ...
