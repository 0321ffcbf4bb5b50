"""Names for intents: unique for ever, readable by nobody, safe under case folding and trimming.

A tag is `T1`, eight letters for the installation and a ULID; at most 40 characters of `[0-9A-Z]`. It is
the only proof of what became of an order whose answer was lost, and the gateway burns it at first use.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHANCE_BYTES = 10
_INSTALLATION_LENGTH, _INTENT_LENGTH = 8, 26
_PAIRS: Final = [one + other for one in _ALPHABET for other in _ALPHABET]
_KNOWN_MAX: Final = 4096
"""How many tags are remembered as they are compared: the same few are looked up for every report."""

INSTALLATION_BYTES: Final = 5
PREFIX: Final = "T1"


def _base32(number: int, length: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * length - 10, -1, -10)])


def intent_id(chance: bytes, now: datetime) -> str:
    """A ULID: 26 characters that sort by time. `chance` is ten fresh random bytes."""
    if len(chance) != _CHANCE_BYTES:
        msg = f"chance has {len(chance)} bytes; a ULID takes {_CHANCE_BYTES}"
        raise ValueError(msg)
    milliseconds = round(now.timestamp() * 1000)
    return _base32(milliseconds << 8 * _CHANCE_BYTES | int.from_bytes(chance), _INTENT_LENGTH)


def installation_code(chance: bytes) -> str:
    """Eight characters that name this installation. `chance` is five random bytes, drawn once."""
    if len(chance) != INSTALLATION_BYTES:
        msg = f"chance has {len(chance)} bytes; an installation takes {INSTALLATION_BYTES}"
        raise ValueError(msg)
    return _base32(int.from_bytes(chance), _INSTALLATION_LENGTH)


def is_installation(code: str) -> bool:
    """Whether a text is the name of an installation, as `installation_code` makes them."""
    return len(code) == _INSTALLATION_LENGTH and all(letter in _ALPHABET for letter in code)


def is_of(installation: str, tag: str | None) -> bool:
    """Whether a tag (an entry's or a leg's) was made by this installation."""
    if tag is None:
        return False
    name = entry_tag(tag)
    whole = len(PREFIX) + _INSTALLATION_LENGTH + _INTENT_LENGTH
    return len(name) == whole and name.startswith(f"{PREFIX}{installation}")


def tag_of(installation: str, intent: str) -> str:
    """The `customTag` of an intent."""
    return f"{PREFIX}{installation}{intent}"


STOP_SUFFIX: Final = "-SL"
TARGET_SUFFIX: Final = "-TP"
"""What the gateway appends to the entry's tag for its bracket legs (verified)."""


@lru_cache(_KNOWN_MAX)
def canonical(tag: str) -> str:
    """A tag as it is compared: the gateway may change case or trim (assumed), and ours survive both."""
    return tag.strip().upper()


@lru_cache(_KNOWN_MAX)
def entry_tag(tag: str) -> str:
    """The tag of the entry that a leg's tag belongs to; any other tag as it is, in canonical form."""
    return canonical(tag).removesuffix(STOP_SUFFIX).removesuffix(TARGET_SUFFIX)
