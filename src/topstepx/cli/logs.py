"""What the command line shows of the library's log: warnings and worse, without secrets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from topstepx.redaction import KNOWN, cap_network_loggers, redact

if TYPE_CHECKING:
    from typing import TextIO

_NAME = "topstepx command"


def show_warnings(stream: TextIO) -> None:
    """Write warnings of the library to `stream`, masked; calling it again only changes the stream."""
    cap_network_loggers()
    logger = logging.getLogger("topstepx")
    for handler in [one for one in logger.handlers if one.get_name() == _NAME]:
        logger.removeHandler(handler)
    handler = logging.StreamHandler(stream)
    handler.set_name(_NAME)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    redact(handler, KNOWN)
    logger.addHandler(handler)
