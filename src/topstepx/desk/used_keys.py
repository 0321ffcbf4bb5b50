"""A key is used once: what came of its order is what every later call with that key hears again.

A living or finished order is given back as its handle. An order that was not sent, that was refused, or
that nobody has found is no order to give back: whoever got its handle would believe that something
works at the gateway. So the same error is raised again, out of the journal and therefore also after a
restart, and it says that the key is used up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx import errors
from topstepx.core.asked import place_of
from topstepx.wire import routes
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import BracketModel
from topstepx.wire.refusals import explain

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.order import Order
    from topstepx.desk.wishes import Wishes
    from topstepx.wire.models import PlaceRequest

_TOO_MANY: Final = 429
_PLAIN: Final[dict[str, type[errors.TopstepxError]]] = {
    kind.__name__: kind
    for kind in (
        errors.AccountCannotTrade,
        errors.AuthBroken,
        errors.BreakerOpen,
        errors.DeadlinePassed,
        errors.ExitUnavailable,
        errors.NotSent,
        errors.RateLimited,
        errors.RecordUnavailable,
        errors.TradingDisabled,
    )
}


_TERMS: Final = {
    "contract_id": "contract",
    "side": "side",
    "size": "size",
    "type": "type",
    "limit_price": "limit price",
    "stop_price": "stop price",
    "trail_price": "trail price",
    "stop_loss_bracket": "bracket stop",
    "take_profit_bracket": "bracket target",
}
"""What makes an order on the wire another one, and what a message calls it."""

_WISHES: Final = {
    "stop_at": "bracket stop price",
    "target_at": "bracket target price",
    "cancel_rest_s": "remainder",
}
"""The same of what stays here; a label is a note and makes none."""


def other_terms(intent: IntentBelief, request: PlaceRequest, wishes: Wishes) -> tuple[str, ...]:
    """In what a request under a used key differs from the order that has it: "size: 2, now 3"."""
    was, recorded = place_of(intent), intent.recorded
    if was is None or recorded is None:
        return ("it is no order",)
    pairs = [
        *((name, getattr(was, one), getattr(request, one)) for one, name in _TERMS.items()),
        *((name, getattr(recorded, one), getattr(wishes, one)) for one, name in _WISHES.items()),
    ]
    others = [pair for pair in pairs if pair[1] != pair[2]]
    # The legs of the other side differ by their sign alone, which is ours.
    told = [pair for pair in others if _said(pair[1]) != _said(pair[2])] or others
    return tuple(f"{name}: {_said(old)}, now {_said(new)}" for name, old, new in told)


def _said(value: object) -> str:
    match value:
        case None:
            return "none"
        case BracketModel(ticks=ticks, type=kind):
            trailing = ", trailing" if kind is OrderType.TRAILING_STOP else ""
            return f"{abs(ticks)} ticks{trailing}"
        case float():
            return f"cancel the rest after {value:g} s"
        case Side() | OrderType():
            return value.name
        case _:
            return str(value)


def note_of(error: errors.TopstepxError) -> str:
    """What the journal keeps of the error that stopped an order: its class, then its words."""
    return f"{type(error).__name__}: {error}"


def used_up(error: errors.TopstepxError, key: str | None) -> errors.TopstepxError:
    """The same error, saying that its key cannot be used again."""
    if key is not None:
        step = f"The key {key!r} is used up by this; take another one for another try."
        error.next_step = f"{error.next_step} {step}"
        error.args = (f"{error} {step}",)
    return error


def outcome_again(intent: IntentBelief, key: str | None) -> errors.TopstepxError | None:
    """The error that the key's order ended with; None while it is alive, done, or not decided."""
    if intent.state == "refused":
        return used_up(_refused(intent), key)
    if intent.state == "not_sent":
        return used_up(_not_sent(intent), key)
    return None


def unresolved_again(order: Order, intent: IntentBelief, key: str | None) -> errors.OrderUnresolved:
    """The error of an order that was presumed absent."""
    evidence = intent.resolution.evidence if intent.resolution is not None else ()
    msg = f"The order was looked for and not found: {'; '.join(evidence)}."
    again = errors.OrderUnresolved(
        msg,
        order,
        next_step="It is presumed absent; should it appear, it is cancelled and reported.",
        evidence=evidence,
    )
    used_up(again, key)
    return again


def _refused(intent: IntentBelief) -> errors.TopstepxError:
    answer = next((one for one in reversed(intent.answers) if one.outcome == "refused"), None)
    if answer is None:  # found rejected, its answer was lost
        return found_rejected(intent.order_id)
    route = routes.PLACE
    if answer.code is None:
        return errors.OrderRefused(
            route=route.name,
            code=None,
            name=f"HTTP {answer.status}",
            meaning=answer.text or "the gateway refused the order",
            next_step="Check the fields named.",
            status=answer.status or 0,
            order_id=answer.order_id,
        )
    refusal = explain(route.errors, answer.code, answer.text)
    return errors.OrderRefused(
        route=route.name,
        code=refusal.code,
        name=refusal.name,
        meaning=refusal.meaning,
        next_step=refusal.next_step,
        gateway_text=answer.text,
        status=answer.status or 200,
        order_id=answer.order_id,
    )


def found_rejected(order_id: int | None) -> errors.OrderRefused:
    """The error of an order whose answer was lost, and that was then found rejected."""
    return errors.OrderRefused(
        route=routes.PLACE.name,
        code=None,
        name="Rejected",
        meaning="the answer was lost, and the order was found rejected.",
        next_step="The reason was in the lost answer; check funds, hours and prices.",
        order_id=order_id,
    )


def busy(status: int, retry_after_s: float | None = None) -> errors.GatewayBusy:
    """The error of an order that met the gateway's own rate limit."""
    return errors.GatewayBusy(
        route=routes.PLACE.name,
        code=None,
        name="TooManyRequests",
        meaning="too many requests in the gateway's window.",
        next_step="Wait a minute; other programs of yours share the budget.",
        status=status,
        retry_after_s=retry_after_s,
    )


def _not_sent(intent: IntentBelief) -> errors.TopstepxError:
    answer = intent.answers[-1] if intent.answers else None
    if answer is not None and answer.status == _TOO_MANY:
        return busy(_TOO_MANY)
    evidence = "; ".join(intent.resolution.evidence) if intent.resolution is not None else ""
    text = (answer.text if answer is not None else None) or evidence or "the order was not sent"
    name, _, words = text.partition(": ")
    if name == "ModeRefused":
        return errors.ModeRefused(words, mode="", causes=(), next_step="Look at state.causes.")
    if name in _PLAIN:
        return _PLAIN[name](words)
    # Written by an earlier version, which kept the name alone, or by what stopped it before that.
    return _PLAIN.get(text, errors.NotSent)(f"The order was not sent ({text}).")
