"""What the gateway answers to one HTTP request, and what the transport shall do with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from topstepx.sim.bodies import problem
from topstepx.sim.dialect import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

RUN_HEADER = "X-Simulator-Run"
"""Names the run of a simulator, which counts its orders from the beginning. No real gateway sends it."""


@dataclass(slots=True)
class GatewayAnswer:
    """One answer, or the promise of one.

    `ready` False: the request is held; `Gateway.advance` will execute it, fill this in and call
    `on_ready`. `deliver` False: no byte of it may arrive; the connection is cut, or with `hang` stays
    open in silence. `hold_s`: wait so many seconds before delivering. `cut_after_bytes`: deliver so
    many bytes of the body, then cut the connection.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ready: bool = True
    deliver: bool = True
    hang: bool = False
    hold_s: float = 0.0
    cut_after_bytes: int | None = None
    content: Any = None
    """The JSON content of `body` before it was written, for faults that edit it."""
    on_ready: Callable[[], None] | None = None

    def become(self, other: GatewayAnswer) -> None:
        """Take over another answer and tell whoever waits."""
        self.status, self.body = other.status, other.body
        self.headers = {**self.headers, **other.headers}
        self.deliver, self.hang = other.deliver, other.hang
        self.hold_s, self.cut_after_bytes = other.hold_s, other.cut_after_bytes
        self.content, self.ready = other.content, True
        if self.on_ready is not None:
            self.on_ready()


def json_answer(content: Any, headers: Mapping[str, str], status: int = 200) -> GatewayAnswer:  # noqa: ANN401  any JSON
    """A JSON body under the content type that the request asked for."""
    return GatewayAnswer(
        status, {"content-type": _content_type(headers)}, written(content), content=content
    )


def empty_answer(status: int, **headers: str) -> GatewayAnswer:
    """A status with an empty body, as 401, 404, 405 and 429 come (verified for 401 only)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return GatewayAnswer(status, {**named, "content-length": "0"})


def problem_answer(errors: dict[str, list[str]], trace: str) -> GatewayAnswer:
    """The 400 for a body that cannot be read."""
    content = problem(errors, trace)
    return GatewayAnswer(
        400,
        {"content-type": "application/problem+json; charset=utf-8"},
        written(content),
        content=content,
    )


def text_answer(text: str, status: int = 200, content_type: str = "text/plain") -> GatewayAnswer:
    """Plain text."""
    return GatewayAnswer(status, {"content-type": f"{content_type}; charset=utf-8"}, text.encode())


def http_date(now: datetime) -> str:
    """The `Date` header: the gateway's own time, which clients hold a token's expiry against."""
    return format_datetime(now, usegmt=True)


def _content_type(headers: Mapping[str, str]) -> str:
    """JSON is called `text/plain` for those who ask for that, as the vendor's samples do."""
    for part in headers.get("accept", "").split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in {"application/json", "text/json", "text/plain"}:
            return f"{kind}; charset=utf-8"
    return "application/json; charset=utf-8"
