"""How the gateway writes its records, learnt from what it sent: what looks the same needs no second look.

Theory of operation. Reading trade data carefully means parsing it twice and looking at each member
(`wire.leniency`), which costs far more than the typed decoder. But a gateway writes each record in one
way: the same members in the same order. So when a payload was read carefully and had nothing to mend,
its order is remembered as one regular expression, and a later payload that matches it as a whole

* has each member once at most, by name and in that order,
* has no id in a string, no price in a string or out of all proportion, and no time that is not UTC,

which is all that the careful way looks for. The typed decoder then reads it directly. Whatever does not
match, the unknown and the hostile included, goes the careful way. So a shape may save work and can never
change a result. The expressions never go back (they are possessive), so a payload is read once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from topstepx.wire.leniency import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.wire.leniency import Plan

Names = dict[str, "Names"]
"""Members in the order in which they are written; those that are records, with their own members."""

LESSONS_MAX: Final = 20
"""A lesson takes some milliseconds; who writes differently every time is read carefully every time."""
_MEMBERS_MAX: Final = 60
_PLAIN: Final = rb"[-+.0-9A-Za-z]{1,25}+"
_ANY: Final = rb'(?:"[ !#-\[\]-~]*+"|' + _PLAIN + rb")"
_VALUES: Final = {
    Kind.ID: rb"(?:-?[0-9]{1,19}+|null)",
    Kind.TIME: rb'(?:"[-0-9T:.]++(?:Z|\+00:00)"|null)',
    Kind.DECIMAL: rb"(?:-?[0-9]{1,20}+(?:\.[0-9]{1,18}+)?|null)",
}


class Shape:
    """The way one record is written. One per record and process; `plan` is the record's."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._names: Names = {}
        self._matches = re.compile(rb"(?!)").fullmatch
        self._lessons = 0

    def fits(self, payload: bytes) -> bool:
        """Whether this is written as one that had nothing to mend, so that it has nothing either."""
        return self._matches(payload) is not None

    def learn(self, payload: bytes, plain: object) -> None:
        """Remember how this was written. It was parsed to `plain`, and there was nothing to mend."""
        if self._lessons >= LESSONS_MAX:
            return
        self._lessons += 1
        for known in (self._names, {}):
            names = _merged(known, plain, self.plan)
            if names is None:
                return
            matches = re.compile(_record(names, self.plan)).fullmatch
            if matches(payload) is not None:
                self._names, self._matches = names, matches
                return


def _merged(known: Names, plain: object, plan: Plan) -> Names | None:
    """The known members with those of this record in their places; None when it cannot be a shape."""
    if not isinstance(plain, dict):
        return None
    kinds = dict(plan)
    order = list(known)
    inner: Names = dict(known)
    place = 0
    for name, value in plain.items():
        if name in inner:
            place = order.index(name) + 1
        elif not (name.isascii() and name.isalnum() and len(order) < _MEMBERS_MAX):
            return None
        else:
            order.insert(place, name)
            place += 1
        below = inner.get(name, {})
        kind = kinds.get(name)
        if isinstance(kind, tuple):
            for row in _rows(value):
                merged = _merged(below, row, kind)
                if merged is None:
                    return None
                below = merged
        inner[name] = below
    return {name: inner[name] for name in order}


def _rows(value: Any) -> Iterator[object]:  # noqa: ANN401  any JSON
    """The records in a member: one, or each of a list, or none."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def _record(names: Names, plan: Plan) -> bytes:
    """The expression of one record. Commas and brackets are left to the typed decoder, which wants each."""
    kinds = dict(plan)
    members = []
    for name, below in names.items():
        kind = kinds.get(name)
        if isinstance(kind, tuple):
            value = rb"(?:null|\[?(?:" + _record(below, kind) + rb",?)*+\]?)"
        else:
            value = _VALUES[kind] if kind is not None else _ANY
        members.append(rb'(?:"' + name.encode() + rb'":' + value + rb",?)?+")
    return rb"\{" + b"".join(members) + rb"\}"
