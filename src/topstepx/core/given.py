"""What callers give beside prices and sizes: keys, labels and time-outs, checked where they come in."""

from __future__ import annotations

import math
from typing import Final

from topstepx.errors import InvalidRequest

NAME_LENGTH_MAX: Final = 200
_EXAMPLES: Final = {"key": "orb-2026-11-23-L", "label": "opening range"}


def named(field: str, name: object) -> str:
    """`name` itself, if it can be a key or a label; raises `InvalidRequest` for anything else."""
    rule = f"is 1 to {NAME_LENGTH_MAX} characters of your own."
    if not isinstance(name, str):
        raise InvalidRequest(field, name, rule, f'Write it as a string: "{name}".')
    if not name.strip():
        step = f'Give a name, such as "{_EXAMPLES[field]}", or leave it out.'
        raise InvalidRequest(field, name, rule, step)
    if len(name) > NAME_LENGTH_MAX:
        raise InvalidRequest(field, name, rule, "Shorten it.")
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        step = "Take out the lone surrogate; a file name that could not be decoded has them."
        raise InvalidRequest(field, ascii(name), "has a character that no file can hold.", step)
    return name


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
