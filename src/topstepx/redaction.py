"""The last layer that keeps secrets out of logs: what our handlers print is masked after rendering.

The layers before it: `Secret` shows itself to nobody, no address carries a secret by default, and
exceptions of other libraries end at our boundary. This one is for what slipped through all of them,
such as a traceback that quotes a header. It masks, in the finished line, tracebacks included:

* every secret it was told of, raw, URL-encoded, JSON-escaped, as `repr` writes it, and in base64
  (also inside longer base64, as in `Basic` credentials);
* anything shaped like a JSON web token, a `Bearer` credential or an `access_token=` parameter.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from topstepx.settings import Secret

MASK: Final = "[masked]"
_SHORTEST = 4
"""Shorter values are not masked: they would tear holes into ordinary words."""
_SHORTEST_BASE64 = 8
_REMEMBERED = 64
"""A token lives a day; sixty-four of them are two months of one process."""

_SHAPES: Final = (
    (re.compile(r"(access_token(?:=|%3[Dd]))[^&\s\"'<>\\]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(\bbearer(?:\s|%20|\+)+)[A-Za-z0-9._~+/=%-]{4,}"), rf"\1{MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"), MASK),
)

_NETWORK_LOGGERS: Final = (
    "aiofastnet",
    "aiohttp",
    "aiohttp.access",
    "aiohttp.client",
    "aiohttp.internal",
    "aiohttp.server",
    "aiohttp.web",
    "aiohttp.websocket",
    "asyncio",
    "keyring",
    "picows",
    "picows.client",
    "picows.server",
)


def cap_network_loggers(level: int = logging.WARNING) -> None:
    """Let the loggers of the network libraries speak from `level` on only.

    Below WARNING they print addresses and headers. A level that somebody set higher stays; one that is
    not set is set, so that turning the root logger to DEBUG later changes nothing here. To see their
    chatter all the same, call this with a lower level: it is the one switch.
    """
    for name in _NETWORK_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING or level < logging.WARNING:
            logger.setLevel(level)


class Redactor:
    """Knows the live secrets of this process and masks them in text."""

    def __init__(self) -> None:
        self._known: OrderedDict[Secret, frozenset[str]] = OrderedDict()
        self._pattern: re.Pattern[str] | None = None
        self._stale = False
        """Whether `_pattern` is older than what is known: it is made anew when a line is masked, because
        most tokens come and go without one."""

    def learn(self, secret: Secret) -> None:
        """Mask this value from now on. The oldest is forgotten when there are too many."""
        if secret in self._known:
            self._known.move_to_end(secret)
            return
        self._known[secret] = spellings(secret.reveal())
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        self._stale = True

    def forget(self, secret: Secret) -> None:
        """Stop masking this value (its shape is masked all the same)."""
        if self._known.pop(secret, None) is not None:
            self._stale = True

    def _compile(self) -> None:
        self._stale = False
        # Longest first, so that no spelling leaves the tail of a longer one standing.
        every = sorted({one for many in self._known.values() for one in many}, key=len)
        self._pattern = re.compile("|".join(map(re.escape, reversed(every)))) if every else None

    def masked(self, text: str) -> str:
        """The text without any secret in it."""
        if self._stale:
            self._compile()
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text


KNOWN: Final = Redactor()
"""The secrets of this process: every open client adds its key and each of its tokens."""


def spellings(value: str) -> frozenset[str]:
    """Every way in which a value may turn up in a log line."""
    if len(value) < _SHORTEST:
        return frozenset()
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    found = {
        value,
        *quoted,
        *(re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), one) for one in quoted),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        repr(value.encode())[2:-1],
    }
    return frozenset(found | _base64_cores(value.encode()))


def _base64_cores(value: bytes) -> set[str]:
    """The part of its base64 that does not depend on what stands around it, at each alignment."""
    cores = set()
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + value).decode().rstrip("=")
        first = (0, 2, 3)[before]
        last = len(encoded) - (1 if (before + len(value)) % 3 else 0)
        core = encoded[first:last]
        if len(core) >= _SHORTEST_BASE64:
            cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores


class RedactingFormatter(logging.Formatter):
    """Formats with another formatter and masks the finished line.

    A record that cannot be rendered becomes a line that says so: the standard way out prints its raw
    arguments to stderr.
    """

    def __init__(self, redactor: Redactor, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self._redactor = redactor
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """One finished line, tracebacks and stack included, without secrets."""
        try:
            line = self._inner.format(record)
        # boundary: logging would print the raw arguments to stderr
        except Exception as error:  # noqa: BLE001  any formatter may raise anything
            where = f"{record.name}, {record.module}:{record.lineno}"
            line = f"a log record of {where} could not be rendered ({type(error).__name__})"
        return self._redactor.masked(line)


def redact(handler: logging.Handler, redactor: Redactor) -> None:
    """Make `handler` mask what it prints, keeping the format it has."""
    if isinstance(handler.formatter, RedactingFormatter):
        return
    handler.setFormatter(RedactingFormatter(redactor, handler.formatter))
