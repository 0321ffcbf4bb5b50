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
    return key


def check_wait(field: str, seconds: object) -> None:
    """Raise `InvalidRequest` unless `seconds` is a number of seconds, or None for no end."""
    if seconds is None:
        return
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or math.isnan(seconds) or seconds < 0:  # type: ignore[arg-type,operator]  # it is a number
        raise InvalidRequest(
            field, seconds, "is a number of seconds.", "Give for example 60, or None."
        )
