from __future__ import annotations

import pytest

from topstepx import errors
from topstepx.cli.exit_codes import ExitCode, exit_code_of

REFUSAL = {
    "route": "Auth/loginKey",
    "code": 3,
    "name": "InvalidCredentials",
    "meaning": "no",
    "next_step": "",
}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError("x"), ExitCode.USAGE),
        (errors.InvalidRequest("a", 1, "no", "yes"), ExitCode.USAGE),
        (errors.LimitRefused("max", "x", "y"), ExitCode.REFUSED_BY_RULE),
        (errors.ModeRefused("x", "HALTED", [], "y"), ExitCode.REFUSED_BY_RULE),
        (errors.LoginRefused(**REFUSAL), ExitCode.AUTHENTICATION),  # type: ignore[arg-type]  # a dict of parts
        (errors.AuthBroken("x"), ExitCode.AUTHENTICATION),
        (errors.RateLimited("x"), ExitCode.LIMITED),
        (errors.BreakerOpen("x"), ExitCode.LIMITED),
        (errors.AnswerLost("x"), ExitCode.OUTCOME_UNKNOWN),
        (errors.AnswerUnusable("x", route="r", status=502), ExitCode.OUTCOME_UNKNOWN),
        (errors.NotFlat("x", ()), ExitCode.POSITION_LEFT_OPEN),
        (errors.NotSent("x"), ExitCode.UNREACHABLE),
        (errors.UpgradeRefused("user", 503), ExitCode.UNREACHABLE),
        (errors.OrderRefused(**REFUSAL), ExitCode.FAILED),  # type: ignore[arg-type]  # a dict of parts
        (errors.TopstepxError("x"), ExitCode.FAILED),
    ],
)
def test_each_error_has_its_code(error: errors.TopstepxError, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_what_may_have_happened_comes_first() -> None:
    assert exit_code_of(errors.NotSent("x", did_it_happen="unknown")) is ExitCode.OUTCOME_UNKNOWN


def test_the_numbers_are_the_documented_ones() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]
