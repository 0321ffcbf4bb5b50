"""Every exception of topstepx, in one tree.

Each one says first whether the thing you asked for *happened*: ``did_it_happen`` is ``"no"`` when it
certainly did not, and ``"unknown"`` when it may have. There is no third value: what happened returns
normally.

::

    TopstepxError
    ├── InvalidRequest            refused here, before anything left the machine        no
    │   ├── PriceOffGrid          the price is not a multiple of the tick size
    │   ├── ContractUnknown       no such contract; ``near`` names what is close
    │   └── AccountUnknown        no such account; ``near`` names what is close
    ├── ConfigurationError        a setting, a profile or a credential is wrong         no
    │   ├── ProfileUnknown        no such environment or profile
    │   ├── CredentialsMissing    nobody said who logs in
    │   ├── KeychainUnavailable   the system's keychain is missing, locked or refused
    │   ├── PassphraseRefused     none was given, or it does not open the file
    │   ├── FileNotPrivate        others may read or replace a file that holds a secret
    │   └── ExtraMissing          an optional package is needed; the message says which
    ├── RefusedHere               a rule of this client said no                         no
    │   ├── TradingDisabled       the client is read-only
    │   ├── ModeRefused           the account's trading mode forbids it
    │   ├── LimitRefused          your own ``limits`` forbid it
    │   ├── DuplicateOrder        the same order was sent a moment ago; ``order`` is that one
    │   ├── AccountCannotTrade    the gateway says that this account may not trade
    │   ├── ExitUnavailable       this account could be entered but not left again
    │   ├── RateLimited           the request budget has no room; ``retry_after_s``
    │   ├── BreakerOpen           this part of the gateway is failing; ``retry_after_s``
    │   └── DeadlinePassed        it could not be sent in time, so it was not sent
    ├── GatewayRefused            the gateway answered, and the answer is no            no
    │   ├── OrderRefused          … to an order; it may still carry an ``order_id``
    │   ├── LoginRefused          … to a login; trying again will not help
    │   └── GatewayBusy           HTTP 429: over the gateway's own limit
    ├── AuthBroken                a fresh token was refused as well                     no
    ├── NotSent                   no byte reached the gateway (DNS, connect, TLS)       no
    │   ├── PinMismatch           none of your pinned keys is in the certificate chain
    │   └── UpgradeRefused        a hub refused the WebSocket; ``status``
    ├── AnswerLost                sent, but no answer came back                         unknown
    ├── AnswerUnusable            an answer came that does not say what happened        unknown
    ├── OrderUnresolved           an order's fate is not known yet; ``order`` lives on  unknown
    ├── ModifyConflict            an order reads neither as it was nor as you wanted it  unknown
    ├── NotFlat                   a position or an order may still be there             unknown
    ├── NotFilled                 an order ended, or time ran out, without a full fill  no
    ├── StreamLagged              you read a stream too slowly and it lost ``missed``   no
    ├── StaleData                 what is known is older than you allowed                no
    ├── NotReady                  the account was not read yet; await ready(account)     no
    ├── RecordUnavailable         the journal cannot be written; nothing was sent       no
    │   └── RecordDamaged         … because what is in it is not what was written
    ├── IntentsLeftOpen           the client ended before it knew what became of orders unknown
    └── RemoteProtocolError       the peer broke the SignalR protocol                   no
        └── HandshakeRefused      … or refused our handshake
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topstepx.error_base import DidItHappen as DidItHappen  # noqa: PLC0414  part of this module's face
from topstepx.error_base import TopstepxError as TopstepxError  # noqa: PLC0414  the same
from topstepx.error_base import sanitised as sanitised  # noqa: PLC0414  the same
from topstepx.error_network import Fault as Fault  # noqa: PLC0414  the same
from topstepx.error_network import NotSent as NotSent  # noqa: PLC0414  the same
from topstepx.error_network import PinMismatch as PinMismatch  # noqa: PLC0414  the same
from topstepx.error_network import UpgradeRefused as UpgradeRefused  # noqa: PLC0414  the same

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal


class InvalidRequest(TopstepxError, ValueError):
    """Refused before anything left this machine: ``field`` had ``value``, ``rule`` says why not."""

    def __init__(self, field: str, value: object, rule: str, next_step: str) -> None:
        self.field, self.value, self.rule = field, value, rule
        shown = sanitised(repr(value), 120)
        super().__init__(f"{field}={shown}: {rule}", next_step=next_step)


class PriceOffGrid(InvalidRequest):
    """The price is no multiple of the tick size; ``below`` and ``above`` are the legal neighbours."""

    def __init__(
        self,
        field: str,
        price: Decimal,
        *,
        tick_size: Decimal,
        below: Decimal,
        above: Decimal,
        name: str,
    ) -> None:
        self.below, self.above = below, above
        super().__init__(
            field, str(price), f"off the {tick_size} grid of {name}.", f"Use {below} or {above}."
        )


class _UnknownName(InvalidRequest):
    _otherwise = "Look at what there is first."

    def __init__(self, field: str, value: object, rule: str, near: Sequence[str]) -> None:
        self.near = tuple(near)
        hint = f"Did you mean {', '.join(self.near)}?" if self.near else self._otherwise
        super().__init__(field, value, rule, hint)


class ContractUnknown(_UnknownName):
    """No such contract (or several); ``near`` names what is close."""

    _otherwise = (
        "Name a product such as MNQ or ES; `tsx.contracts.search(text)` lists what there is."
    )


class AccountUnknown(_UnknownName):
    """No such account (or several); ``near`` names what is close."""

    _otherwise = "`tsx.accounts.all()` lists yours; a command without --account names them."


class ConfigurationError(TopstepxError):
    """A setting, profile or credential is missing or wrong; the message names it and the fix."""


class ProfileUnknown(ConfigurationError):
    """There is no environment and no profile of that name."""


class CredentialsMissing(ConfigurationError):
    """No user name and API key were found in any of the places looked at."""


class KeychainUnavailable(ConfigurationError):
    """The system's keychain is missing, locked, or of a kind that keeps no secrets."""


class PassphraseRefused(ConfigurationError):
    """The encrypted key file needs a passphrase: there was none, or it was the wrong one."""


class FileNotPrivate(ConfigurationError):
    """A file or folder for secrets can be read or replaced by others, so it was not used."""


class ExtraMissing(ConfigurationError):
    """This needs an optional package that is not installed."""


class RefusedHere(TopstepxError):
    """A rule of this client said no; nothing was sent."""


class TradingDisabled(RefusedHere):
    """This client only reads; the message says how to allow trading."""


class ModeRefused(RefusedHere):
    """The account's trading mode forbids it; ``mode`` and its ``causes``."""

    def __init__(self, message: str, mode: str, causes: Sequence[str], next_step: str) -> None:
        self.mode, self.causes = mode, tuple(causes)
        super().__init__(message, next_step=next_step)


class LimitRefused(RefusedHere):
    """One of your own ``limits`` forbids it; ``limit`` names it."""

    def __init__(self, limit: str, message: str, next_step: str) -> None:
        self.limit = limit
        super().__init__(message, next_step=next_step)


class DuplicateOrder(RefusedHere):
    """The same contract, side, size and price left within two seconds; ``order`` is that order."""

    def __init__(self, message: str, order: Any, next_step: str) -> None:  # noqa: ANN401  an Order handle; errors cannot import the desk
        self.order = order
        super().__init__(message, next_step=next_step)


class AccountCannotTrade(RefusedHere):
    """The gateway lists the account as one that cannot trade."""


class ExitUnavailable(RefusedHere):
    """Cancelling or closing is not known to work on this account, so nothing may enter it."""


class RateLimited(RefusedHere):
    """The request budget has no room for this now; ``retry_after_s`` says when it will."""


class BreakerOpen(RefusedHere):
    """This part of the gateway keeps failing and is being left alone; ``retry_after_s``."""


class DeadlinePassed(RefusedHere):
    """It could not be sent before its deadline, so it was not sent at all."""


class GatewayRefused(TopstepxError):
    """The gateway answered no.

    ``route`` is the endpoint's name, ``code`` and ``name`` its error code, ``gateway_text`` the
    gateway's own words (untrusted, cleaned) and ``meaning`` ours.
    """

    route: str
    name: str
    status: int

    def __init__(
        self,
        *,
        route: str,
        code: int | None,
        name: str,
        meaning: str,
        next_step: str,
        gateway_text: str | None = None,
        status: int = 200,
        retry_after_s: float | None = None,
    ) -> None:
        self.route, self.code, self.name = route, code, name
        self.meaning, self.status = meaning, status
        self.gateway_text = sanitised(gateway_text)
        said = f' The gateway said: "{self.gateway_text}".' if self.gateway_text else ""
        where = (
            f"{route} refused ({name}, code {code})"
            if code is not None
            else f"{route} refused ({name})"
        )
        stop = "" if meaning.endswith((".", "!", "?")) else "."
        super().__init__(
            f"{where}: {meaning}{stop}{said}", next_step=next_step, retry_after_s=retry_after_s
        )


class OrderRefused(GatewayRefused):
    """The gateway refused the order. ``order_id`` may be set all the same: that order is dead."""

    def __init__(self, *, order_id: int | None = None, **parts: Any) -> None:  # noqa: ANN401  passed through
        self.order_id = order_id
        super().__init__(**parts)


class LoginRefused(GatewayRefused):
    """The gateway refused the login for good; repeating it will not help."""


class GatewayBusy(GatewayRefused):
    """HTTP 429: the gateway's own rate limit; ``retry_after_s`` if it said so."""


class AuthBroken(TopstepxError):
    """The gateway refused a token that it had just given out."""


class AnswerLost(TopstepxError):
    """The request was sent, or may have been, and no usable answer came back."""

    did_it_happen: DidItHappen = "unknown"


class AnswerUnusable(TopstepxError):
    """An answer came that does not say what happened: wrong status, not JSON, contradictory."""

    did_it_happen: DidItHappen = "unknown"
    route: str
    status: int

    def __init__(
        self,
        message: str,
        *,
        route: str,
        status: int,
        did_it_happen: DidItHappen | None = None,
        next_step: str | None = None,
    ) -> None:
        self.route, self.status = route, status
        super().__init__(message, did_it_happen=did_it_happen, next_step=next_step)


class OrderUnresolved(TopstepxError):
    """It is not known yet whether the order exists. Do not send it again: watch ``order``.

    ``evidence`` is what is known so far, one line each; ``order.looking`` counts down.
    """

    did_it_happen: DidItHappen = "unknown"

    def __init__(
        self,
        message: str,
        order: Any,  # noqa: ANN401  an Order handle; errors cannot import the desk
        next_step: str | None = None,
        evidence: Sequence[str] = (),
    ) -> None:
        self.order, self.evidence = order, tuple(evidence)
        super().__init__(message, next_step=next_step)


class ModifyConflict(TopstepxError):
    """The order reads neither as it was nor as you wanted it: somebody else changed it; ``order``."""

    did_it_happen: DidItHappen = "unknown"

    def __init__(self, message: str, order: Any, next_step: str | None = None) -> None:  # noqa: ANN401  an Order handle; errors cannot import the desk
        self.order = order
        super().__init__(message, next_step=next_step)


class NotFlat(TopstepxError):
    """It could not be shown that everything is closed and cancelled; ``remaining`` may still be there."""

    did_it_happen: DidItHappen = "unknown"

    def __init__(
        self, message: str, remaining: Sequence[Any], next_step: str | None = None
    ) -> None:
        self.remaining = tuple(remaining)
        super().__init__(message, next_step=next_step)


class NotFilled(TopstepxError):
    """The order ended, or your time ran out, without a full fill; ``order`` says how far it came."""

    def __init__(self, message: str, order: Any) -> None:  # noqa: ANN401  an Order handle; errors cannot import the desk
        self.order = order
        super().__init__(message)


class StreamLagged(TopstepxError):
    """You read slower than the market spoke: ``missed`` items are gone from this stream."""

    def __init__(self, stream: str, missed: int) -> None:
        self.stream, self.missed = stream, missed
        super().__init__(f"{stream}: {missed} items were lost because they were not read in time.")


class StaleData(TopstepxError):
    """Older than your ``max_age_s``: ``age_s`` (None: never heard in this run), from ``source``."""

    def __init__(self, what: str, age_s: float | None, max_age_s: float, source: str) -> None:
        self.age_s, self.max_age_s, self.source = age_s, max_age_s, source
        age = "was not heard in this run" if age_s is None else f"is {age_s:.1f} s old"
        super().__init__(f"{what} {age}, from {source}; you allow {max_age_s:g} s.")


class NotReady(TopstepxError):
    """The account was not read yet in this run, so what it holds is not known."""


class RecordUnavailable(TopstepxError):
    """The journal cannot be written, so nothing was sent."""


class RecordDamaged(RecordUnavailable):
    """The journal's content is not what was written to it."""


class IntentsLeftOpen(TopstepxError):
    """The client ended and it is not known what became of these: ``left`` says each in a line.

    They are in the journal, and the next start finds out.
    """

    did_it_happen: DidItHappen = "unknown"

    def __init__(self, left: Sequence[str]) -> None:
        self.left = tuple(left)
        msg = "It is not known yet what became of: " + "; ".join(self.left) + "."
        super().__init__(msg, next_step="Start again: that looks for each of them first.")


class RemoteProtocolError(TopstepxError):
    """The other side broke the SignalR protocol."""


class HandshakeRefused(RemoteProtocolError):
    """The hub refused our handshake; the message carries its (cleaned) words."""
