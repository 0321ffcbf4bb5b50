"""Plans of faults as files: TOML or JSON in, faults out, and errors that name the place of the slip.

::

    seed = 7

    [[faults]]
    where = "Order/place"
    what = { kind = "drop_answer" }
    times = 2

    [[faults]]
    where = "hub/user"
    in_s = 30      # seconds after the plan was added
    for_s = 10
    what = { kind = "mute" }
"""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import msgspec

from topstepx.errors import InvalidRequest
from topstepx.sim.fault_checks import check_window
from topstepx.sim.fault_kinds import KINDS, Direction, What, kind_of
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from topstepx.sim.faults import Faults, PlannedFault

UNKNOWN_MEMBER = "is not known here."
T = TypeVar("T", bound=msgspec.Struct)
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN_MEMBER = re.compile(r"unknown field `(?P<name>.*)`")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a plan: where, what, and when.

    The members are those of `Fault`; `in_s` and `for_s` say the window in simulated seconds from when
    the plan is added, instead of `since` and `until`. `times` may be "all", since TOML has no null.
    """

    what: What
    where: str = "*"
    times: int | Literal["all"] | None = 1
    after: int = 0
    since: datetime | None = None
    until: datetime | None = None
    chance: float = 1.0
    direction: Direction | None = None
    in_s: float | None = None
    for_s: float | None = None

    def fault(self, now: datetime) -> Fault:
        """The fault, with its window in simulated time."""
        for name, seconds, twin in (
            ("in_s", self.in_s, self.since),
            ("for_s", self.for_s, self.until),
        ):
            if seconds is None:
                continue
            if twin is not None:
                raise InvalidRequest(
                    name, seconds, "says the same as since or until.", "Say one of the two."
                )
            if not 0 <= seconds <= 366 * 86_400:
                raise InvalidRequest(name, seconds, "must be from 0 to a year.", "Use seconds.")
        if self.for_s == 0:
            raise InvalidRequest("for_s", self.for_s, "is no window.", "Use more than none.")
        since = self.since if self.in_s is None else now + timedelta(seconds=self.in_s)
        until = self.until
        if self.for_s is not None:
            until = (since or now) + timedelta(seconds=self.for_s)
        meant = Fault(
            where=self.where,
            what=self.what,
            times=None if self.times == "all" else self.times,
            after=self.after,
            since=since,
            until=until,
            chance=self.chance,
            direction=self.direction,
        )
        check_window(meant)
        if until is not None and until <= now:
            rule = f"is over: the clock says {now.isoformat(timespec='seconds')}."
            raise InvalidRequest("until", until.isoformat(), rule, "Use a later time, or for_s.")
        return meant


class FaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan: its entries, and a seed for their chances (None: the gateway's own)."""

    faults: list[Entry]
    seed: int | None = None

    @classmethod
    def from_toml(cls, data: bytes | str) -> FaultPlan:
        """Read a plan. Raises `InvalidRequest` with the path of the first thing that is wrong."""
        text = data.decode() if isinstance(data, bytes) else data
        try:
            plain = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InvalidRequest("plan", "…", f"is no TOML: {error}.", "Mend that line.") from error
        return read(plain, cls)

    def add_to(self, faults: Faults, now: datetime) -> list[PlannedFault]:
        """Put all entries into a gateway's plan, or none. Raises `InvalidRequest` with the path."""
        meant: list[Fault] = []
        for index, entry in enumerate(self.faults):
            try:
                fault = entry.fault(now)
                faults.check(fault)
            except InvalidRequest as error:
                raise at(f"faults[{index}]", error) from error
            meant.append(fault)
        if self.seed is not None:
            faults.seed = self.seed
        return [faults.add(fault) for fault in meant]


def at(prefix: str, error: InvalidRequest) -> InvalidRequest:
    """The same complaint, with where it was found."""
    inside = "" if error.field in Entry.__struct_fields__ else "what."
    return InvalidRequest(
        f"{prefix}.{inside}{error.field}", error.value, error.rule, error.next_step
    )


def read(plain: Any, wanted: type[T]) -> T:  # noqa: ANN401  any JSON
    """Plain data as a struct. Raises `InvalidRequest` whose field is the path of what is wrong."""
    try:
        return msgspec.convert(plain, wanted)
    except msgspec.ValidationError as error:
        raise complaint(str(error), plain, wanted) from error


def complaint(text: str, plain: Any, wanted: type[msgspec.Struct]) -> InvalidRequest:  # noqa: ANN401  any JSON
    """A decoder's words as an error with the path, the known names and the nearest one."""
    match = _AT.match(text)
    words = match["what"] if match else text
    path = (match["path"] or "").lstrip(".") if match else ""
    here = _inside(plain, path)
    if (unknown := _UNKNOWN_MEMBER.search(words)) is not None:
        name = unknown["name"]
        known = _members(here, wanted)
        place = f"{path}.{name}" if path else name
        return InvalidRequest(place, name, UNKNOWN_MEMBER, _near(name, known))
    if path.endswith(("kind", "what")) and "Invalid value" in words:
        given = here.get("kind") if isinstance(here, dict) else here
        kinds = [kind_of(kind) for kind in KINDS]
        place = path if path.endswith("kind") else f"{path}.kind"
        return InvalidRequest(place, given, "is no kind of fault.", _near(str(given), kinds))
    value = "…" if isinstance(here, dict | list) else here
    if choices := _choices(plain, path, wanted):
        return InvalidRequest(path, value, "is none of its choices.", _near(str(value), choices))
    return InvalidRequest(path or "body", value, f"{words}.", "See docs/simulator.md.")


def _near(name: str, known: list[str]) -> str:
    if not known:
        return "Nothing is known here: leave it out."
    near = difflib.get_close_matches(name, known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}Known: {', '.join(known)}."


def _members(here: Any, wanted: type[msgspec.Struct]) -> list[str]:  # noqa: ANN401  any JSON
    """What may stand in a table."""
    return [one.encode_name for one in msgspec.structs.fields(_owner(here, wanted))]


def _owner(here: Any, wanted: type[msgspec.Struct]) -> type[msgspec.Struct]:  # noqa: ANN401  any JSON
    """What a table is: a kind, by its name; an entry; or the top."""
    if isinstance(here, dict):
        for kind in KINDS:
            if here.get("kind") == kind_of(kind):
                return kind
        if "what" in here and "what" not in wanted.__struct_fields__:
            return Entry
    return wanted


def _choices(plain: Any, path: str, wanted: type[msgspec.Struct]) -> list[str]:  # noqa: ANN401  any JSON
    """What may stand at a path where a member has only so many values; none where it has not."""
    above, _, name = path.rpartition(".")
    owner = _owner(_inside(plain, above), wanted)
    field = next((one for one in msgspec.structs.fields(owner) if one.encode_name == name), None)
    if field is None:
        return []
    parts = get_args(field.type) if get_origin(field.type) is not Literal else (field.type,)
    words = [str(word) for part in parts if get_origin(part) is Literal for word in get_args(part)]
    return ["a whole number", *words] if words and int in parts else words


def _inside(plain: Any, path: str) -> Any:  # noqa: ANN401  any JSON
    """What stands at a path such as `faults[2].what`; None when nothing does."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(plain, list) and step.isdigit() and int(step) < len(plain):
            plain = plain[int(step)]
        elif isinstance(plain, dict):
            plain = plain.get(step)
        else:
            return None
    return plain
