"""A whole simulated gateway as plain data, and a gateway that goes on from it.

Not saved, because a socket ends with its server: hub sessions and what was on its way in them; nor what
only looks back on connections: the windows of the request limits and the log of arrivals. A request that
a fault holds is executed at its time, and its answer reaches nobody. A file of this data holds the API
key, the signing key and the tokens of held requests.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

import msgspec

from topstepx.errors import ConfigurationError
from topstepx.sim.calls import Call, SimUser
from topstepx.sim.event_log import Noted
from topstepx.sim.faults import Fault
from topstepx.sim.market_hand import Gap
from topstepx.sim.saved_venue import SavedVenue, load_venue, save_venue
from topstepx.sim.tokens import Session, TokenState
from topstepx.sim.venue.house import Standing

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.faults import PlannedFault
    from topstepx.sim.gateway import Gateway

VERSION = 2


class Recipe(msgspec.Struct, kw_only=True, frozen=True):
    """How a gateway is made anew: the options of `topstepx sim`. `bars` is the path of a file."""

    seed: int = 1
    scenario: str | None = None
    hours: Literal["always", "true"] = "always"
    rate: float = 1.0
    speed: float = 1.0
    bars: str | None = None
    contract: str | None = None
    limited: bool = True
    user_name: str = "trader01"
    switches: dict[str, Any] = {}


class SavedUser(msgspec.Struct, kw_only=True):
    """Somebody who may log in."""

    name: str
    api_key: str
    accounts: list[int] | None
    login_code: int


class SavedFault(msgspec.Struct, kw_only=True):
    """A fault in the plan; `before` is what its switch was before it, where it has set one."""

    fault: Fault
    number: int
    seen: int
    struck: int
    set_now: bool
    before: Any


class SavedToken(msgspec.Struct, kw_only=True):
    """One issued token by its digest, never the token itself."""

    digest: bytes
    number: int
    user_name: str
    issued_at: datetime
    expires_at: datetime


class SavedCall(msgspec.Struct, kw_only=True):
    """A request that a fault holds until `due`."""

    route: str
    headers: dict[str, str]
    body: bytes
    came: datetime
    due: datetime


class SavedGrip(msgspec.Struct, kw_only=True):
    """What a hand did to one contract."""

    contract_id: str
    gaps: list[Gap]
    spread_ticks: int | None


class SavedGateway(msgspec.Struct, kw_only=True):
    """Everything."""

    recipe: Recipe
    now: datetime
    signing_key: bytes
    users: list[SavedUser]
    policies: dict[str, dict[str, Any]]
    tokens: list[SavedToken]
    dead_tokens: list[tuple[bytes, TokenState]]
    tokens_issued: int
    faults: list[SavedFault]
    faults_added: int
    halted: list[str]
    all_halted: bool
    grips: list[SavedGrip]
    standings: dict[int, Standing]
    house_looked_at: datetime | None
    held: list[SavedCall]
    log: list[Noted]
    paused: bool
    venue: SavedVenue


def save_gateway(gateway: Gateway, recipe: Recipe, *, paused: bool = False) -> bytes:
    """The gateway as JSON; `paused`: its clock stands still."""
    hand, house, office = gateway.market.hand, gateway.house, gateway.tokens
    saved = SavedGateway(
        recipe=recipe,
        now=gateway.now,
        signing_key=gateway.signing_key,
        users=[
            SavedUser(
                name=one.name,
                api_key=one.api_key,
                accounts=None if one.accounts is None else sorted(one.accounts),
                login_code=one.login_code,
            )
            for one in gateway.users.values()
        ],
        policies={name: _plain_fields(one) for name, one in gateway.policies.items()},
        tokens=[SavedToken(digest=key, **asdict(one)) for key, one in office.sessions.items()],
        dead_tokens=list(office.dead.items()),
        tokens_issued=office.issued,
        faults=[_saved_fault(one) for one in gateway.faults.planned],
        faults_added=gateway.faults.added,
        halted=sorted(hand.halted),
        all_halted=hand.all_halted,
        grips=[
            SavedGrip(contract_id=key, gaps=one.gaps, spread_ticks=one.spread_ticks)
            for key, one in hand.grips.items()
        ],
        standings=house.standings,
        house_looked_at=house.looked_at,
        held=[
            SavedCall(
                route=call.route, headers=dict(call.headers), body=call.body, came=call.now, due=due
            )
            for call, due in gateway.strikes.held.values()
        ],
        log=gateway.log.after(),
        paused=paused,
        venue=save_venue(gateway.venue.floor),
    )
    return msgspec.json.encode(saved)


def read_saved(data: bytes) -> SavedGateway:
    """The data of a file; raises `ConfigurationError` when it says what no gateway can be."""
    try:
        return msgspec.json.decode(data, type=SavedGateway)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"the saved state cannot be read: {error}.") from error


def load_gateway(saved: SavedGateway, build: Callable[[SavedGateway], Gateway]) -> Gateway:
    """A gateway that goes on; `build` makes it from the recipe, at the saved time and with its keys."""
    gateway = build(saved)
    gateway.users.clear()
    for one in saved.users:
        accounts = None if one.accounts is None else frozenset(one.accounts)
        gateway.users[one.name.lower()] = SimUser(one.name, one.api_key, accounts, one.login_code)
    for name, values in saved.policies.items():
        _take_fields(gateway.policies[name], values)
    office = gateway.tokens
    for token in saved.tokens:
        office.sessions[token.digest] = Session(
            token.number, token.user_name, token.issued_at, token.expires_at
        )
    office.dead.update(dict(saved.dead_tokens))
    office.issued = saved.tokens_issued
    load_venue(saved.venue, gateway.venue.floor)
    gateway.house.standings.update(saved.standings)
    gateway.house.looked_at = saved.house_looked_at
    _load_hand(saved, gateway)
    for planned in saved.faults:
        again = gateway.faults.add(planned.fault, number=planned.number)
        again.seen, again.struck = planned.seen, planned.struck
        if planned.set_now:
            gateway.acts.expect_undo(again, planned.before)
    gateway.faults.added = saved.faults_added
    for book in saved.venue.books:
        gateway.market.start(book.contract.id, saved.now)
    for held in saved.held:
        gateway.strikes.keep(Call(held.route, held.headers, held.body, held.came), held.due)
    gateway.log.take_up(saved.log)
    return gateway


def _load_hand(saved: SavedGateway, gateway: Gateway) -> None:
    hand = gateway.market.hand
    hand.halted, hand.all_halted = set(saved.halted), saved.all_halted
    for row in saved.grips:
        listing = gateway.market.listing(row.contract_id, saved.now)
        if listing is not None:
            hand.spread(listing, row.spread_ticks)
            hand.grips[listing.id].gaps.extend(row.gaps)


def _saved_fault(planned: PlannedFault) -> SavedFault:
    return SavedFault(
        fault=planned.fault,
        number=planned.number,
        seen=planned.seen,
        struck=planned.struck,
        set_now=planned.undo is not None,
        before=_plain(planned.before),
    )


def _plain(value: Any) -> Any:  # noqa: ANN401  any switch
    return msgspec.to_builtins(value)


def _plain_fields(policy: object) -> dict[str, Any]:
    """The fields of a policy as plain values; private ones are on their way to somebody."""
    return {one.name: _plain(getattr(policy, one.name)) for one in fields(policy)}  # type: ignore[arg-type]  # policies are dataclasses


def _take_fields(policy: object, values: dict[str, Any]) -> None:
    hints = get_type_hints(type(policy))
    for name, value in values.items():
        setattr(policy, name, msgspec.convert(value, hints[name], strict=False))
