"""What every fact has in common, and how facts become JSON and back.

A fact is a frozen struct in the past tense. Its JSON carries the class name as ``kind``, so that a
journal can be read with any tool. To add a fact, write its class below `Event` in one of the modules
of this package: the codec finds it by itself.

Identity: two `Observation` facts that say the same about the same thing have the same ``id``, whenever
and however they were learned, so that a gap recovered twice yields the same ids. All other facts are
happenings: their moment is part of their ``id``.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec
from msgspec.structs import force_setattr

Origin = Literal["live", "reconciled", "replayed", "external"]
"""How a fact came to us: as it happened, found afterwards, read from the journal, or done by others."""

Source = Literal["hub", "rest", "poll", "reconciled"]
"""Who told us: the stream, or an answer to a question of ours. Questions that stand in for a hub that is
missing are "poll", those that look up or compare what a hub told are "reconciled"."""

_KINDS: dict[str, type[Event]] = {}
_ID_BYTES = 12


class _Codec:
    encoder = msgspec.json.Encoder()
    decoder: msgspec.json.Decoder[Event] | None = None  # made when first needed


class Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True, omit_defaults=True
):
    """One fact.

    ``at`` is aware UTC; ``cause`` says why, or names the ``id`` of the fact that led to it.
    """

    at: datetime
    origin: Origin = "live"
    cause: str = ""
    id: str = ""

    is_kept: ClassVar[bool] = True
    """Whether the journal keeps it. What only tells what follows from the facts before it is told, not kept."""

    _FRAME: ClassVar[frozenset[str]] = frozenset({"at", "origin", "cause", "id", "source"})

    def __init_subclass__(cls, **config: Any) -> None:  # noqa: ANN401  msgspec's own keywords, passed through
        super().__init_subclass__(**config)
        if cls.__name__ in _KINDS:
            msg = f"two facts are called {cls.__name__}; a journal could not tell them apart"
            raise TypeError(msg)
        _KINDS[cls.__name__] = cls
        _Codec.decoder = None

    def __post_init__(self) -> None:
        if (zone := self.at.tzinfo) is not UTC:
            if zone is None:
                msg = f"at={self.at!r} has no time zone; facts carry aware UTC times"
                raise ValueError(msg)
            if self.at.utcoffset() != timedelta(0):
                force_setattr(self, "at", self.at.astimezone(UTC))
        if not self.id:
            force_setattr(self, "id", _short_hash(self.statement()))

    @property
    def kind(self) -> str:
        """The class name, which is also the tag in JSON."""
        return type(self).__name__

    @property
    def account(self) -> int | None:
        """The account this is about; None: about none, or about all."""
        account_id: int | None = getattr(self, "account_id", None)
        return account_id

    def content(self) -> dict[str, Any]:
        """What the fact says, without when, how and why it was learned."""
        fields = self.__struct_fields__
        return {name: getattr(self, name) for name in fields if name not in self._FRAME}

    def statement(self) -> bytes:
        """What the ``id`` is made of: all of it, for nothing happens twice."""
        return encode(self)

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.content().items())
        return f"{self.kind}({said}, at={self.at:%Y-%m-%dT%H:%M:%S.%f}Z, origin={self.origin})"


class Observation(Event, frozen=True, kw_only=True):
    """A report about an account, an order, a trade or a position, from the hub or from REST.

    Reports repeat: one that says nothing new refreshes the age of what we believe and is forgotten.
    For an answer from REST ``at`` is the moment *before* the question was asked.
    """

    source: Source = "rest"

    def statement(self) -> bytes:
        """The content alone: the same statement has the same ``id``, whenever it was made.

        It does not depend on how many zeros a price was written with.
        """
        return msgspec.json.encode(_plain((self.kind, self.content())), order="deterministic")


def encode(event: Event) -> bytes:
    """One line of JSON; exact decimals are written as strings."""
    return _Codec.encoder.encode(event)


def decode(text: bytes | str) -> Event:
    """The fact that `encode` wrote.

    Raises:
        msgspec.ValidationError: an unknown kind or a missing member.
        msgspec.DecodeError: not JSON.
    """
    if _Codec.decoder is None:
        leaves = tuple(kind for kind in _KINDS.values() if not kind.__subclasses__())
        union: Any = leaves[0]
        for leaf in leaves[1:]:
            union |= leaf
        _Codec.decoder = msgspec.json.Decoder(union)
    return _Codec.decoder.decode(text)


def event_kinds() -> dict[str, type[Event]]:
    """Every kind of fact by its name."""
    return {name: kind for name, kind in _KINDS.items() if not kind.__subclasses__()}


def _short_hash(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=_ID_BYTES).hexdigest()


def statement_of(kind: str, name: str, model: msgspec.Struct) -> bytes:
    """The `statement` of a report that is one record and nothing else; the same bytes, in less time."""
    said = [
        str(value.normalize()) if type(value) is Decimal else value
        for value in msgspec.structs.astuple(model)
    ]
    return _Codec.encoder.encode((kind, {name: said}))


_as_they_are: set[type] = {str, int, bool, type(None), datetime, float}
"""Types of values that need nothing; our enums join them when they are first seen."""


def _plain(value: object) -> object:
    # Facts are made for every order and every report, so what needs nothing is seen first.
    if type(value) in _as_they_are:
        return value
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.astuple(value)
    if isinstance(value, list | tuple):
        return [inner if type(inner) in _as_they_are else _plain(inner) for inner in value]
    if isinstance(value, dict):
        return {
            key: inner if type(inner) in _as_they_are else _plain(inner)
            for key, inner in value.items()
        }
    _as_they_are.add(type(value))
    return value
