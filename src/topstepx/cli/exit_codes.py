"""What the command's exit code says, so that scripts need not read text."""

from __future__ import annotations

from enum import IntEnum

from topstepx import errors


class ExitCode(IntEnum):
    """One number per kind of end; docs/orders.md has the table."""

    DONE = 0
    FAILED = 1
    """The gateway said no, or something here does not work."""
    USAGE = 2
    REFUSED_BY_RULE = 3
    AUTHENTICATION = 4
    LIMITED = 5
    OUTCOME_UNKNOWN = 6
    """It may have happened: look before anything is sent again."""
    FLATTEN_INCOMPLETE = 7
    """`flatten` ended, and something is or may be left."""
    UNREACHABLE = 8
    POSITION_LEFT_OPEN = 9
    """`close` ended, and the position is or may be still there."""
    INTERRUPTED = 130


_OF_ERROR: tuple[tuple[tuple[type[errors.TopstepxError], ...], ExitCode], ...] = (
    ((errors.LoginRefused, errors.AuthBroken), ExitCode.AUTHENTICATION),
    ((errors.RateLimited, errors.BreakerOpen, errors.GatewayBusy), ExitCode.LIMITED),
    ((errors.ModeRefused, errors.LimitRefused), ExitCode.REFUSED_BY_RULE),
    ((errors.InvalidRequest, errors.ConfigurationError), ExitCode.USAGE),
    ((errors.NotSent,), ExitCode.UNREACHABLE),
)


def exit_code_of(error: errors.TopstepxError) -> ExitCode:
    """The exit code for an error; whatever may have happened comes before every other reason."""
    if isinstance(error, errors.NotFlat):
        return ExitCode.POSITION_LEFT_OPEN
    if error.did_it_happen == "unknown":
        return ExitCode.OUTCOME_UNKNOWN
    for kinds, code in _OF_ERROR:
        if isinstance(error, kinds):
            return code
    return ExitCode.FAILED
