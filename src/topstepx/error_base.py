"""What every error carries, and the cleaning of words that come from outside."""

from __future__ import annotations

import re
from typing import Any, Literal

from topstepx.error_words import WORDS

DidItHappen = Literal["no", "unknown"]

_UNSAFE = dict.fromkeys(
    (
        *range(32),
        *range(127, 160),
        0x61C,
        *range(0x200B, 0x2010),  # invisible, or changing the direction of what follows
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        *range(0xD800, 0xE000),
    )
)


_TOKEN_SHAPE = re.compile(
    r"\beyJ[\w-]{6,}(?:\.[\w-]*){0,2}|\bbearer\s+[\w.~+/=-]{8,}|\baccess_token=[^&\s\"']+",
    re.IGNORECASE,
)


def sanitised(text: str | None, length_max: int = 300) -> str | None:
    """Text of the gateway or the network, safe to print.

    Without anything that controls, of bounded length, and with what is shaped like a token masked: an
    answer may repeat what was sent.
    """
    if text is None:
        return None
    clean = _TOKEN_SHAPE.sub("[masked]", text.translate(_UNSAFE))
    return clean if len(clean) <= length_max else clean[: length_max - 1] + "…"


class TopstepxError(Exception):
    """Base of every error of this library.

    ``did_it_happen`` answers the first question ("no" or "unknown"), ``meaning`` is a plain sentence,
    ``next_step`` says what to do, ``retry_after_s`` when trying again may help (None: not known, or
    never). Where the gateway answered: its ``route``, HTTP ``status``, error ``code``, the code's
    ``name`` and its own words, ``gateway_text`` (untrusted, cleaned); None where there is none.
    """

    did_it_happen: DidItHappen = "no"
    meaning: str = WORDS["TopstepxError"].meaning
    next_step: str = WORDS["TopstepxError"].next_step
    retry_after_s: float | None = None
    route: str | None = None
    """The endpoint it concerns, such as ``Order/place``; None where there is none."""
    status: int | None = None
    code: int | None = None
    name: str | None = None
    gateway_text: str | None = None

    def __init_subclass__(cls, **more: Any) -> None:  # noqa: ANN401  passed through
        super().__init_subclass__(**more)
        if cls.__name__ in WORDS:
            cls.meaning, cls.next_step = WORDS[cls.__name__]

    def __init__(
        self,
        message: str,
        *,
        next_step: str | None = None,
        retry_after_s: float | None = None,
        did_it_happen: DidItHappen | None = None,
    ) -> None:
        if next_step:
            message = f"{message} {next_step}"
        super().__init__(message)
        if next_step is not None:
            self.next_step = next_step
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        if did_it_happen is not None:
            self.did_it_happen = did_it_happen
