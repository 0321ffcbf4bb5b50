"""What can happen by itself, once, at its time: at a hub, to tokens, at the venue, on the market.

A *setting* changes switches and puts them back when its window ends or it is taken out of the plan.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec


class Kind(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """Base: the field `kind` names the class in files."""


# ---------------------------------------------------------------- at the hubs


class CloseHub(Kind, frozen=True, tag="close_hub"):
    """Open sessions get a SignalR Close record and are closed."""

    error: str | None = "Connection closed with an error."
    allow_reconnect: bool | None = None


class CutHub(Kind, frozen=True, tag="cut_hub"):
    """Open sessions lose their socket without a word."""


class Kick(Kind, frozen=True, tag="kick"):
    """Open sessions get `GatewayLogout` (its argument is unknown); `close` ends them afterwards."""

    arguments: tuple[Any, ...] = ()
    close: bool = True
    revoke: bool = False


class Say(Kind, frozen=True, tag="say"):
    """Open sessions get this text as one record: unknown events, poison, stale repeats."""

    text: str


class Revoke(Kind, frozen=True, tag="revoke"):
    """All tokens, or one user's, are refused from now on."""

    user_name: str | None = None


class HubDown(Kind, frozen=True, tag="hub_down"):
    """Open sessions lose their socket, and until the window ends nobody gets in: 503."""


class ReplayEvents(Kind, frozen=True, tag="replay_events"):
    """Open sessions get the last events of their subscriptions once more: an old state, told late."""

    last: int = 10
    event: str = "*"


# ---------------------------------------------------------------- at the venue


class RefuseNext(Kind, frozen=True, tag="refuse_next"):
    """The venue refuses the next `count` requests; with `executes` they happen all the same."""

    verb: Literal["place", "modify", "cancel", "close", "partial_close"] = "place"
    code: int = 2
    text: str | None = None
    count: int = 1
    executes: bool = False


class Liquidate(Kind, frozen=True, tag="liquidate"):
    """The firm cancels and closes everything of an account and, with `lock`, locks it."""

    account_id: int
    lock: bool = True


class CanTrade(Kind, frozen=True, tag="can_trade"):
    """The firm turns an account's `canTrade` on or off."""

    account_id: int
    on: bool = False


class ForeignOrder(Kind, frozen=True, tag="foreign_order"):
    """Another client, such as the web platform, sends a market order for the same account."""

    account_id: int
    contract_id: str
    side: Literal["buy", "sell"]
    size: int = 1


class Halt(Kind, frozen=True, tag="halt"):
    """Trading is halted on a contract (None: on all) until the window ends."""

    contract_id: str | None = None


class Gap(Kind, frozen=True, tag="gap"):
    """Every price of a contract moves by so many ticks, for good."""

    contract_id: str
    ticks: int


class Spread(Kind, frozen=True, tag="spread"):
    """The usual spread of a contract is so many ticks until the window ends."""

    contract_id: str
    ticks: int


# ---------------------------------------------------------------- settings


class Setting(Kind, frozen=True):
    """Base of what changes switches."""

    def settings(self) -> dict[str, Any]:
        """The switches and the values they get."""
        raise NotImplementedError


class Set(Setting, frozen=True, tag="set"):
    """A switch takes another value, such as `limits.kind`, `tokens.rotation`, `hubs.user_events`."""

    switch: str
    value: Any

    def settings(self) -> dict[str, Any]:
        """That one switch."""
        return {self.switch: self.value}


class Visibility(Setting, frozen=True, tag="visibility"):
    """One read of the venue shows the world as it was `seconds` ago; "all" is every read."""

    read: Literal["orders", "open_orders", "query", "by_id", "trades", "positions", "all"]
    seconds: float

    def settings(self) -> dict[str, Any]:
        """The delay of each read that is meant."""
        reads = READS if self.read == "all" else (self.read,)
        return {f"venue.visibility_{read}": self.seconds for read in reads}


class Limiter(Setting, frozen=True, tag="limiter"):
    """The gateway's request limits are others; None leaves a part as it is."""

    window: Literal["sliding", "fixed", "token_bucket", "off"] | None = None
    count: int | None = None
    window_s: float | None = None
    bucket: Literal["general", "bars"] = "general"
    per_user: bool | None = None
    retry_after: Literal["none", "seconds", "date"] | None = None
    retry_after_lie: str | None = None
    refused_count: bool | None = None

    def settings(self) -> dict[str, Any]:
        """The parts that are not None; count and window belong together."""
        parts = {
            name: getattr(self, name)
            for name in ("per_user", "retry_after", "retry_after_lie", "refused_count")
        }
        parts["kind"] = self.window
        if self.count is not None or self.window_s is not None:
            usual = {"general": (200, 60.0), "bars": (50, 30.0)}[self.bucket]
            parts[self.bucket] = [
                usual[0] if self.count is None else self.count,
                usual[1] if self.window_s is None else self.window_s,
            ]
        return _named("limits", parts)


class Tokens(Setting, frozen=True, tag="tokens"):
    """Tokens behave otherwise; None leaves a part as it is. The parts are those of `TokenPolicy`."""

    life_s: float | None = None
    server_life_s: float | None = None
    rotation: Literal["new", "same", "null", "other"] | None = None
    rotation_kills: bool | None = None
    login_kills: bool | None = None
    opaque: bool | None = None
    without_expiry: bool | None = None
    logout_scope: Literal["token", "user"] | None = None

    def settings(self) -> dict[str, Any]:
        """The parts that are not None."""
        return _named("tokens", msgspec.structs.asdict(self))


class HubShape(Setting, frozen=True, tag="hub_shape"):
    """Hubs speak otherwise; None leaves a part as it is. The parts are those of `HubPolicy`."""

    user_events: Literal["wrapped", "flat", "mixed"] | None = None
    ids_as_text: Literal["never", "orders", "all"] | None = None
    market_lists: bool | None = None
    auth_in: Literal["both", "header", "query"] | None = None
    logout_argument: Literal["none", "text", "object"] | None = None
    expired_hub: Literal["stays", "logout", "close"] | None = None
    keep_alive_s: float | None = None

    def settings(self) -> dict[str, Any]:
        """The parts that are not None."""
        return _named("hubs", msgspec.structs.asdict(self))


class PartialFills(Setting, frozen=True, tag="partial_fills"):
    """Every fill comes in pieces of at most so many contracts."""

    size: int = 1

    def settings(self) -> dict[str, Any]:
        """The venue's largest fill."""
        return {"venue.max_fill_size": self.size}


class HideLegs(Setting, frozen=True, tag="hide_legs"):
    """Bracket legs exist and trade, and no read or event shows them."""

    def settings(self) -> dict[str, Any]:
        """The venue's switch."""
        return {"venue.hide_legs": True}


class Freeze(Setting, frozen=True, tag="freeze"):
    """Nothing matches on these contracts: orders are taken and market orders stay Pending."""

    contract_ids: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """The venue's list."""
        return {"venue.frozen_contracts": list(self.contract_ids)}


READS = ("orders", "open_orders", "query", "by_id", "trades", "positions")


def _named(root: str, parts: dict[str, Any]) -> dict[str, Any]:
    return {f"{root}.{name}": value for name, value in parts.items() if value is not None}


Act: TypeAlias = (
    CloseHub
    | CutHub
    | Kick
    | Say
    | Revoke
    | HubDown
    | ReplayEvents
    | RefuseNext
    | Liquidate
    | CanTrade
    | ForeignOrder
    | Halt
    | Gap
    | Spread
    | Set
    | Visibility
    | Limiter
    | Tokens
    | HubShape
    | PartialFills
    | HideLegs
    | Freeze
)
HUB_ACTS = (CloseHub, CutHub, Kick, Say, HubDown, ReplayEvents)
SETTINGS = (Set, Visibility, Limiter, Tokens, HubShape, PartialFills, HideLegs, Freeze)
VENUE_ACTS = (RefuseNext, Liquidate, CanTrade, ForeignOrder)
MARKET_ACTS = (Halt, Gap, Spread)
ACTS = (*HUB_ACTS, Revoke, *VENUE_ACTS, *MARKET_ACTS, *SETTINGS)


def told(what: Kind) -> str:
    """A kind and what is not its default, for people: `hold(seconds=30.0)`."""
    fields = msgspec.structs.fields(what)
    given = [
        f"{one.name}={getattr(what, one.name)!r}"
        for one in fields
        if one.required or getattr(what, one.name) != default_of(one)
    ]
    return f"{kind_of(type(what))}({', '.join(given)})"


def default_of(member: msgspec.structs.FieldInfo) -> object:
    """What a member is when nobody says."""
    if member.default_factory is not msgspec.NODEFAULT:
        return member.default_factory()
    return member.default


def kind_of(kind: type[msgspec.Struct]) -> str:
    """The name of a kind in files."""
    return str(kind.__struct_config__.tag)
