"""What callers give beside prices and sizes: keys and time-outs, checked where they come in."""

from __future__ import annotations

import math
from typing import Final

from topstepx.errors import InvalidRequest

KEY_LENGTH_MAX: Final = 200


def named(key: object) -> str:
    """`key` itself, if it can name an intent; raises `InvalidRequest` for anything else."""
    rule = f"is 1 to {KEY_LENGTH_MAX} characters of your own."
    if not isinstance(key, str):
        raise InvalidRequest("key", key, rule, f'Write it as a string: "{key}".')
    if not key.strip():
        raise InvalidRequest(
            "key", key, rule, 'Give a name, such as "orb-2026-11-23-L", or leave it out.'
        )
    if len(key) > KEY_LENGTH_MAX:
        raise InvalidRequest("key", key, rule, "Shorten it.")
    if any("\ud800" <= letter <= "\udfff" for letter in key):
        step = "Take out the lone surrogate; a file name that could not be decoded has them."
        raise InvalidRequest("key", ascii(key), "has a character that no file can hold.", step)
    return key


def check_wait(field: str, seconds: object) -> None:
    """Raise `InvalidRequest` unless `seconds` is a number of seconds, or None for no end."""
    if seconds is not None and not _is_time(seconds):
        raise InvalidRequest(
            field, seconds, "is a number of seconds.", "Give for example 60, or None."
        )


def check_time(field: str, seconds: object) -> None:
    """Raise `InvalidRequest` unless `seconds` is a number of seconds that end."""
    if not _is_time(seconds) or seconds == math.inf:
        raise InvalidRequest(field, seconds, "is a number of seconds.", "Give for example 60.")


def _is_time(seconds: object) -> bool:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return False
    return seconds >= 0  # which NaN is not
