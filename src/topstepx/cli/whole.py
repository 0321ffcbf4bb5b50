"""Whole numbers on the command line: 1.5 contracts are refused, never rounded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import Token

_WHOLE = re.compile(r"[0-9]{1,18}")


def whole(_kind: object, tokens: Sequence[Token]) -> int:
    """The number written there; raises `ValueError` for anything but plain digits."""
    text = tokens[0].value
    if not _WHOLE.fullmatch(text):
        msg = f"{text!r} is not a whole number: write for example 2."
        raise ValueError(msg)
    return int(text)


Whole = Annotated[int, Parameter(converter=whole)]
"""A whole number, exactly as written."""
