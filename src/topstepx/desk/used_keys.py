"""A key is used once: what came of its order is what every later call with that key hears again.

A living or finished order is given back as its handle. An order that was not sent, that was refused, or
that nobody has found is no order to give back: whoever got its handle would believe that something
works at the gateway. So the same error is raised again, out of the journal and therefore also after a
restart, and it says that the key is used up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx import errors
from topstepx.wire import routes
from topstepx.wire.refusals import explain

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.order import Order

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
