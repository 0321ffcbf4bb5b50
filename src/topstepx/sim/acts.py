"""Carrying out the faults that happen by themselves: closes, kicks, words put into a hub's mouth."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from topstepx.errors import InvalidRequest
from topstepx.sim.fault_kinds import Act, CloseHub, CutHub, Kick, Revoke, Say, Set
from topstepx.sim.limits import Limit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from topstepx.sim.faults import Faults, PlannedFault
    from topstepx.sim.hubs import Hubs
    from topstepx.sim.tokens import TokenOffice


class Acts:
    """Does what the plan's acts say. `roots` names the objects whose fields `Set` may change."""

    def __init__(self, hubs: Hubs, tokens: TokenOffice, roots: Mapping[str, object]) -> None:
        self._hubs, self._tokens, self._roots = hubs, tokens, roots

    def check(self, what: object) -> None:
        """Raises `InvalidRequest` for a switch that does not exist or a value it cannot have."""
        if isinstance(what, Set):
            owner, name = self._find(what.switch)
            _like(getattr(owner, name), what)

    def run(self, faults: Faults, now: datetime) -> None:
        """Everything that is due at `now`."""
        faults.ended(now)
        for planned, act in faults.due_acts(now):
            self._do(planned, act, now)

    def _do(self, planned: PlannedFault, act: Act, now: datetime) -> None:
        match act:
            case Set():
                self._set(planned, act)
            case Revoke():
                if act.user_name is None:
                    self._tokens.revoke_all()
                else:
                    self._tokens.revoke_user(act.user_name)
            case CloseHub() | CutHub() | Kick() | Say():
                for session in self._hubs.of(planned.fault.where.lower()):
                    if isinstance(act, CloseHub):
                        session.close(act.error, allow_reconnect=act.allow_reconnect, now=now)
                    elif isinstance(act, CutHub):
                        session.cut()
                    elif isinstance(act, Say):
                        self._hubs.say(session, act.text, now)
                    else:
                        self._hubs.kick(session, now, act.arguments or None, close=act.close)
                        if act.revoke:
                            self._tokens.revoke(session.token)

    def _set(self, planned: PlannedFault, act: Set) -> None:
        owner, name = self._find(act.switch)
        before = getattr(owner, name)
        setattr(owner, name, _like(before, act))
        self._hubs.recheck()

        def undo() -> None:
            setattr(owner, name, before)
            self._hubs.recheck()

        planned.undo = undo

    def _find(self, switch: str) -> tuple[object, str]:
        root, _, name = switch.partition(".")
        owner = self._roots.get(root)
        if owner is None or name.startswith("_") or not hasattr(owner, name):
            known = sorted(
                f"{root_name}.{one}"
                for root_name, thing in self._roots.items()
                for one in _fields(thing)
            )
            raise InvalidRequest("switch", switch, "no such switch.", f"Use {', '.join(known)}.")
        return owner, name


def _fields(thing: object) -> list[str]:
    """The data fields of a policy object; its methods are no switches."""
    names: list[str] = list(getattr(thing, "__dataclass_fields__", None) or vars(thing))
    return [name for name in names if not name.startswith("_")]


def _like(before: Any, act: Set) -> Any:  # noqa: ANN401  any switch
    """The value in the form the switch has: files know only numbers, texts and lists."""
    value = act.value
    try:
        if isinstance(before, Enum) and not isinstance(value, Enum):
            return type(before)(value)
        if isinstance(before, Limit) and not isinstance(value, Limit):
            return Limit(*value)
        if isinstance(before, timedelta) and not isinstance(value, timedelta):
            return timedelta(seconds=value)
        if isinstance(before, set):
            return set(value)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(
            act.switch, value, f"cannot stand where {before!r} does.", "Use a value of that kind."
        ) from error
    if isinstance(before, bool) != isinstance(value, bool) and before is not None:
        raise InvalidRequest(act.switch, value, f"is now {before!r}.", "Use a value of that kind.")
    return value
