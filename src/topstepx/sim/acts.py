"""Carrying out the faults that happen by themselves: at the hubs, at the venue, to switches."""

from __future__ import annotations

import difflib
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec

from topstepx.errors import InvalidRequest
from topstepx.sim.fault_acts import (
    CanTrade,
    CloseHub,
    CutHub,
    ForeignOrder,
    Freeze,
    Gap,
    Halt,
    HubDown,
    Kick,
    Liquidate,
    RefuseNext,
    ReplayEvents,
    Revoke,
    Say,
    Setting,
    Spread,
)
from topstepx.sim.limits import Limit
from topstepx.sim.outside import Outside
from topstepx.sim.outside_faults import OUTSIDE_FAULTS
from topstepx.sim.wire_faults import WIRE_FAULTS
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from topstepx.sim.catalogue import Listing
    from topstepx.sim.fault_kinds import Act
    from topstepx.sim.faults import Fault, Faults, PlannedFault
    from topstepx.sim.hub_session import HubSession
    from topstepx.sim.hubs import Hubs
    from topstepx.sim.market import Market
    from topstepx.sim.tokens import TokenOffice


class Acts:
    """Does what the plan's acts say. `roots` names the objects whose fields settings may change."""

    def __init__(
        self, hubs: Hubs, tokens: TokenOffice, market: Market, roots: Mapping[str, object]
    ) -> None:
        self._hubs, self._tokens, self._market, self._roots = hubs, tokens, market, roots
        self.outside = Outside()
        """What can be reached besides the gateway; whoever runs it gives the hands."""
        self.now: Callable[[], datetime] = lambda: market.venue.floor.now
        """The gateway's time, for what strikes between its steps."""
        self._set_now: dict[str, list[dict[str, Any]]] = {}
        """Which faults hold a switch, by what each found there, in the order in which they came."""

    def check(self, fault: Fault, now: datetime) -> None:
        """Raises `InvalidRequest` for what does not exist here, or a value a switch cannot have."""
        what = fault.what
        self.outside.check(fault)
        if isinstance(what, Setting):
            for switch, value in what.settings().items():
                owner, name = self._find(switch)
                _like(owner, name, switch, value)
        if isinstance(what, Liquidate | CanTrade | ForeignOrder):
            accounts = self._market.venue.floor.accounts
            if what.account_id not in accounts:
                known = ", ".join(str(one) for one in accounts)
                raise InvalidRequest(
                    "account_id", what.account_id, "no such account.", f"Known: {known}."
                )
        for field, contract_id in _contracts(what):
            self._check_contract(field, contract_id, now)
        if isinstance(what, RefuseNext) and what.count < 1:
            raise InvalidRequest("count", what.count, "must be 1 or more.", "1 is the next one.")

    def _check_contract(self, field: str, contract_id: str, now: datetime) -> None:
        catalogue = self._market.catalogue
        if catalogue.by_id(contract_id, now=now) is None:
            such = catalogue.front("MNQ", now=now).id
            raise InvalidRequest(
                field,
                contract_id,
                "no such contract.",
                f"Use a whole id that is listed, as {such}.",
            )

    def run(self, faults: Faults, now: datetime) -> None:
        """Everything that is due at `now`."""
        faults.ended(now)
        for planned, act in faults.due_acts(now):
            self._do(planned, act, now)

    def expect_undo(self, planned: PlannedFault, before: object) -> None:
        """Settings were made before this gateway was loaded: they go back to `before` in the end."""
        if isinstance(before, dict) and isinstance(planned.fault.what, Setting):
            values: dict[str, Any] = {}
            for switch, value in before.items():
                owner, name = self._find(switch)
                values[switch] = msgspec.convert(
                    value, get_type_hints(type(owner))[name], strict=False
                )
            self._undo_later(planned, values)
        elif isinstance(planned.fault.what, Halt | Spread):
            self._market_act(planned, planned.fault.what, planned.fault.since)
        elif isinstance(planned.fault.what, OUTSIDE_FAULTS + WIRE_FAULTS):
            self._at_outside(planned)

    def _do(self, planned: PlannedFault, act: Act, now: datetime) -> None:
        if isinstance(act, OUTSIDE_FAULTS + WIRE_FAULTS):
            self._at_outside(planned)
            return
        match act:
            case Setting():
                self._set(planned, act)
            case Revoke():
                self._revoke(act)
            case RefuseNext() | Liquidate() | CanTrade() | ForeignOrder():
                self._at_venue(act, now)
            case Halt() | Gap() | Spread():
                self._market_act(planned, act, now)
                self._market.refresh(self._hubs, now)
            case CloseHub() | CutHub() | Kick() | Say() | HubDown() | ReplayEvents():
                for session in self._hubs.of(planned.fault.where.lower()):
                    self._at_hub(session, act, now)

    def _at_outside(self, planned: PlannedFault) -> None:
        what = planned.fault.what
        if isinstance(what, OUTSIDE_FAULTS):
            planned.undo = self.outside.strike(what, planned.fault.where)
        else:
            planned.undo = self.outside.spoil(planned, self.now)

    def _at_hub(
        self,
        session: HubSession,
        act: CloseHub | CutHub | Kick | Say | HubDown | ReplayEvents,
        now: datetime,
    ) -> None:
        match act:
            case CloseHub():
                session.close(act.error, allow_reconnect=act.allow_reconnect, now=now)
            case CutHub() | HubDown():
                session.cut()
            case Say():
                self._hubs.say(session, act.text, now)
            case ReplayEvents():
                self._hubs.replay(session, act.event, act.last, now)
            case Kick():
                self._hubs.kick(session, now, act.arguments or None, close=act.close)
                if act.revoke:
                    self._tokens.revoke(session.token)

    def _revoke(self, act: Revoke) -> None:
        if act.user_name is None:
            self._tokens.revoke_all()
        else:
            self._tokens.revoke_user(act.user_name)

    def _at_venue(
        self, act: RefuseNext | Liquidate | CanTrade | ForeignOrder, now: datetime
    ) -> None:
        venue = self._market.venue
        match act:
            case RefuseNext():
                venue.faults.reject_next(
                    act.verb, code=act.code, text=act.text, count=act.count, executes=act.executes
                )
            case Liquidate():
                venue.liquidate(act.account_id, now, lock=act.lock)
            case CanTrade():
                venue.set_can_trade(act.account_id, act.on, now)
            case ForeignOrder():
                self._foreign_order(act, now)

    def _foreign_order(self, act: ForeignOrder, now: datetime) -> None:
        self._market.start(act.contract_id, now)
        request = PlaceRequest(
            account_id=act.account_id,
            contract_id=act.contract_id,
            type=OrderType.MARKET,
            side=Side.BUY if act.side == "buy" else Side.SELL,
            size=act.size,
        )
        self._market.venue.place(request, now, origin="other")

    def _market_act(
        self, planned: PlannedFault, act: Halt | Gap | Spread, now: datetime | None
    ) -> None:
        hand = self._market.hand
        if isinstance(act, Halt):
            hand.halt(act.contract_id)

            def resume() -> None:
                hand.resume(act.contract_id)
                self._market.refresh(self._hubs, self._market.venue.floor.now)

            planned.undo = resume
            return
        listing: Listing | None = self._market.listing(act.contract_id, now) if now else None
        if listing is None:
            return
        if isinstance(act, Gap) and now is not None:
            hand.gap(listing, act.ticks, now)
        elif isinstance(act, Spread):
            hand.spread(listing, act.ticks)

            def usual() -> None:
                hand.spread(listing, None)
                self._market.refresh(self._hubs, self._market.venue.floor.now)

            planned.undo = usual

    # ------------------------------------------------------------ settings

    def _set(self, planned: PlannedFault, act: Setting) -> None:
        before: dict[str, Any] = {}
        for switch, value in act.settings().items():
            owner, name = self._find(switch)
            before[switch] = getattr(owner, name)
            setattr(owner, name, _like(owner, name, switch, value))
        self._hubs.recheck()
        self._undo_later(planned, before)

    def _undo_later(self, planned: PlannedFault, before: dict[str, Any]) -> None:
        for switch in before:
            self._set_now.setdefault(switch, []).append(before)

        def undo() -> None:
            for switch in before:
                self._undo_one(switch, before)
            self._hubs.recheck()

        planned.before, planned.undo = before, undo

    def _undo_one(self, switch: str, before: dict[str, Any]) -> None:
        """Set a switch back; where a later fault holds it, that one goes back to what was before us."""
        stack = self._set_now[switch]
        place = next(index for index, one in enumerate(stack) if one is before)
        if place + 1 < len(stack):
            stack[place + 1][switch] = before[switch]
        else:
            owner, name = self._find(switch)
            setattr(owner, name, before[switch])
        del stack[place]

    def _find(self, switch: str) -> tuple[object, str]:
        root, _, name = switch.partition(".")
        owner = self._roots.get(root)
        if owner is None or name not in _names(owner):
            known = sorted(
                f"{root_name}.{one}"
                for root_name, thing in self._roots.items()
                for one in _names(thing)
            )
            near = difflib.get_close_matches(switch, known, n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise InvalidRequest(
                "switch", switch, "no such switch.", f"{meant}Use {', '.join(known)}."
            )
        return owner, name


def _contracts(what: object) -> list[tuple[str, str]]:
    """The contracts that an act names, each with the member that names it."""
    if isinstance(what, Freeze):
        return [("contract_ids", one) for one in what.contract_ids]
    if isinstance(what, ForeignOrder | Halt | Gap | Spread) and what.contract_id is not None:
        return [("contract_id", what.contract_id)]
    return []


def _names(thing: object) -> list[str]:
    """The data fields of a policy object; its methods are no switches."""
    found = fields(thing) if is_dataclass(thing) else ()
    return [one.name for one in found if not one.name.startswith("_")]


def _like(owner: object, name: str, switch: str, value: Any) -> Any:  # noqa: ANN401  any switch
    """The value in the form the switch has: files know only numbers, texts and lists."""
    hint = get_type_hints(type(owner))[name]
    try:
        if isinstance(value, Enum | Limit | timedelta) and isinstance(value, hint):
            return value
        if hint is timedelta:
            return timedelta(seconds=msgspec.convert(value, float))
        if hint is Limit:
            return Limit(*msgspec.convert(value, tuple[int, float]))
        return msgspec.convert(value, hint)
    except (msgspec.ValidationError, OverflowError, ValueError) as error:
        choices = get_args(hint) or ([one.value for one in hint] if _is_enum(hint) else ())
        words = ", ".join(str(one) for one in choices)
        raise InvalidRequest(
            switch,
            value,
            f"cannot stand where {getattr(owner, name)!r} does.",
            f"Use {words}." if words else "Use a value of that kind.",
        ) from error


def _is_enum(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)
