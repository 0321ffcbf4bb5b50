"""What an answer proves: the one place where HTTP answers become verdicts.

Theory. A call can end in five ways, and only evidence moves it out of UNKNOWN:

* ACCEPTED: HTTP 200, ``success: true``, code 0, and the part we asked for is there.
* REFUSED: the gateway handled it and said no (a definite code, or a 4xx with a body that parses).
* NOT_EXECUTED: it was stopped before the business logic (401, 429).
* DUPLICATE: the gateway knows our tag already. That is no refusal: the first copy may have been taken.
* UNKNOWN: everything else. 5xx and 3xx may come from a proxy after the order went through; a body
  that contradicts itself, lacks its id or is not JSON says nothing; codes such as OrderPending say so
  themselves.

For a read UNKNOWN only means "ask again"; for an order it means "find out, never send again".
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from topstepx.errors import sanitised
from topstepx.wire import models
from topstepx.wire.refusals import Refusal, explain

if TYPE_CHECKING:
    from topstepx.wire.routes import Route


class Verdict(Enum):
    """What is proven about a call."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_EXECUTED = "not executed"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


class Outcome(msgspec.Struct, frozen=True):
    """A verdict with its evidence. `answer` is set for ACCEPTED, and for a refusal that has one."""

    verdict: Verdict
    status: int
    reason: str
    answer: models.Envelope | None = None
    refusal: Refusal | None = None
    breaks_contract: bool = False
    """Whether the gateway answered in a way its contract excludes (counts against the breaker)."""


_REFUSING_STATUSES = frozenset({400, 403, 404, 405, 413, 415, 422})
_OK, _UNAUTHORIZED, _TOO_MANY, _REQUEST_TIMEOUT = 200, 401, 429, 408
_ENVELOPE = frozenset(models.Envelope.__struct_fields__)


class ProblemDetails(msgspec.Struct):
    """The body of a 400: ASP.NET problem details (verified)."""

    title: str | None = None
    errors: dict[str, list[str]] | None = None


def judge(
    route: Route[Any, Any], status: int, answer: models.Envelope | None, problem: str | None
) -> Outcome:
    """The verdict on one HTTP answer.

    `answer` is the decoded body of a 200, or None where it could not be decoded, with `problem` saying
    why. For other statuses `problem` is what the body said (see `problem_text`), None if it did not parse.
    """
    if status == _OK:
        return _judge_envelope(route, answer, problem)
    if status == _UNAUTHORIZED:
        return Outcome(Verdict.NOT_EXECUTED, status, "the token was not accepted (HTTP 401)")
    if status == _TOO_MANY:
        return Outcome(Verdict.NOT_EXECUTED, status, "over the gateway's rate limit (HTTP 429)")
    if status in _REFUSING_STATUSES and problem is not None:
        return Outcome(Verdict.REFUSED, status, problem)
    return Outcome(
        Verdict.UNKNOWN,
        status,
        f"HTTP {status}" + (f": {problem}" if problem else ""),
        breaks_contract=status < 500 and status != _REQUEST_TIMEOUT,  # noqa: PLR2004  the 5xx class
    )


def _judge_envelope(
    route: Route[Any, Any], answer: models.Envelope | None, problem: str | None
) -> Outcome:
    if answer is None:
        return Outcome(
            Verdict.UNKNOWN, _OK, problem or "the body could not be read", breaks_contract=True
        )
    success, code = answer.success, answer.error_code
    if success is UNSET or code is UNSET:
        return _contradiction(answer, "the answer lacks success or errorCode")
    if success != (code == 0):
        return _contradiction(answer, f"success={success} contradicts errorCode={code}")
    if not success:
        refusal = explain(route.errors, code, answer.error_message)
        verdict = Verdict.REFUSED if refusal.outcome == "definite" else Verdict.UNKNOWN
        if refusal.cause == "tag_in_use":
            verdict = Verdict.DUPLICATE
        return Outcome(
            verdict,
            _OK,
            f"{refusal.name} (code {code})",
            answer,
            refusal,
        )
    missing = _missing_part(answer)
    if missing is not None:
        return _contradiction(answer, f"success without {missing}")
    return Outcome(Verdict.ACCEPTED, _OK, "accepted", answer)


def _contradiction(answer: models.Envelope, reason: str) -> Outcome:
    return Outcome(Verdict.UNKNOWN, _OK, reason, answer, breaks_contract=True)


def _missing_part(answer: models.Envelope) -> str | None:
    """The name of what a successful answer must carry and this one does not."""
    if isinstance(answer, models.PlaceAnswer):
        order_id = answer.order_id
        return None if order_id is not None and order_id > 0 else "a usable orderId"
    for name in _parts(type(answer)):
        value = getattr(answer, name)
        if value is UNSET or value is None or value == "":
            return name
    return None


@cache
def _parts(answer_type: type[models.Envelope]) -> tuple[str, ...]:
    """The members that a successful answer of this type must carry."""
    own = (name for name in answer_type.__struct_fields__ if name not in _ENVELOPE)
    return tuple(name for name in own if name != "total_count")


def problem_text(body: bytes) -> str | None:
    """What a non-200 body says, in one line; None when it is not JSON.

    Never more than the titles and field names of problem details: bodies may echo what we sent.
    """
    try:
        details = msgspec.json.decode(body, type=ProblemDetails)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = details.title or "the request was refused"
    if details.errors:
        fields = "; ".join(
            f"{field}: {messages[0]}" for field, messages in details.errors.items() if messages
        )
        said = f"{said} {fields}".strip()
    return sanitised(said)
