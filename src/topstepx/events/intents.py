"""What we wanted, what we sent and what became of it.

`IntentRecorded` is on the disk before the first byte leaves. From then on the intent is *open* until a
definite answer or a resolution exists, also when `IntentSent` was lost in a crash: it may have left.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from topstepx.events.fact import Event

Action = Literal["place", "modify", "cancel", "close", "partial_close"]
"""What an intent asks for, one per mutating route."""

Outcome = Literal["not_sent", "not_executed", "refused", "accepted", "duplicate", "unknown"]
"""What one attempt came to; "duplicate" and "unknown" prove nothing yet."""

Verdict = Literal["accepted", "refused", "not_sent", "presumed_absent"]
"""What an intent came to; only "presumed_absent" rests on the lack of evidence."""


class IntentRecorded(Event, frozen=True, kw_only=True):
    """An intent was written down, with exactly what will be sent.

    ``tag`` is our unique name on the wire, ``key`` the trader's own, ``label`` the trader's free text
    (the strategy, say; None also in what an older version wrote); ``body`` is the JSON to be sent to
    ``route``. ``order_id`` is the order to be modified or cancelled. Nothing is sent after
    ``deadline_at``; ``epoch`` is the writer's fence.

    ``server_at`` is the gateway's clock then (None: not known), ``watermark`` the highest order id seen
    before: both bound where to look should the answer be lost. ``cancel_rest_s``: seconds after the
    first fill until what is left is cancelled. ``stop_at``, ``target_at``: prices that bracket legs are
    moved to once they work.
    """

    intent_id: str
    account_id: int
    action: Action
    route: str
    body: str
    contract_id: str | None = None
    tag: str | None = None
    key: str | None = None
    order_id: int | None = None
    deadline_at: datetime | None = None
    epoch: int = 0
    server_at: datetime | None = None
    watermark: int = 0
    cancel_rest_s: float | None = None
    stop_at: Decimal | None = None
    target_at: Decimal | None = None
    label: str | None = None


class IntentSent(Event, frozen=True, kw_only=True):
    """The bytes of an attempt may leave from here on.

    ``again``: a copy of an order whose first answer was lost, sent under the same tag because the
    setting `send_lost_again` asks for it.
    """

    intent_id: str
    account_id: int
    attempt: int = 1
    again: bool = False


class IntentAnswered(Event, frozen=True, kw_only=True):
    """An attempt ended: with an answer, or with the knowledge that none will come.

    ``text`` is the gateway's own (untrusted, cleaned). An ``order_id`` beside "refused" is a dead order.
    """

    intent_id: str
    account_id: int
    outcome: Outcome
    attempt: int = 1
    order_id: int | None = None
    code: int | None = None
    text: str | None = None
    status: int | None = None


class IntentResolved(Event, frozen=True, kw_only=True):
    """Evidence was found for what became of an intent; ``evidence`` names it, one line each."""

    intent_id: str
    account_id: int
    verdict: Verdict
    order_id: int | None = None
    evidence: tuple[str, ...] = ()


class IntentLooked(Event, frozen=True, kw_only=True):
    """An order whose answer was lost was looked for, in everything there is, and there was no trace of it.

    ``rounds`` are all such looks since it last left (0: something was seen that is not explained, so they
    begin anew), ``waited_s`` the seconds from then to the last of them in which some program looked: those
    in which none ran are not among them.
    """

    intent_id: str
    account_id: int
    rounds: int
    waited_s: float


class IntentDoubted(Event, frozen=True, kw_only=True):
    """The id that the gateway answered with belongs to another order, so the answer proves nothing."""

    intent_id: str
    account_id: int
    order_id: int
    reason: str = ""


class CancelWanted(Event, frozen=True, kw_only=True):
    """The trader wants an order gone that is not found yet: it is cancelled on sight."""

    intent_id: str
    account_id: int
