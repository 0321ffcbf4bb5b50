"""Changing one place of a JSON answer: how faults spoil what the gateway says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.errors import InvalidRequest

if TYPE_CHECKING:
    from topstepx.sim.fault_kinds import Edit, EditEvents

_STEP = re.compile(r"\.?(?P<name>[A-Za-z_]\w*)|\[(?P<index>\d+|\*)\]")


def parsed(path: str) -> list[str | int]:
    """The steps of a path such as `orders[*].customTag`: names, indexes and `*`.

    Raises `InvalidRequest` when it is no such path.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            break
        index = match["index"]
        steps.append(match["name"] or (index if index == "*" else int(index)))
        position = match.end()
    if not steps or position != len(path):
        raise InvalidRequest(
            "path", path, "is not a path.", "Write it like orders[*].customTag or [0].data.id."
        )
    return steps


def edited(content: Any, edit: Edit | EditEvents) -> Any:  # noqa: ANN401  any JSON value
    """A copy of `content` with the edit made; places that do not exist are left alone."""
    value: Any = None
    if edit.op == "value":
        value = edit.value
    elif edit.op == "raw":
        value = msgspec.Raw(str(edit.value).encode())
    return _walk(content, parsed(edit.path), drop=edit.op == "drop", value=value)


def _walk(content: Any, steps: list[str | int], *, drop: bool, value: Any) -> Any:  # noqa: ANN401  any JSON value
    step, rest = steps[0], steps[1:]
    places: list[Any]
    if isinstance(content, dict):
        # A last step may also add a member that is not there.
        places = [step] if step in content or (not rest and step != "*") else []
        changed: Any = dict(content)
    elif isinstance(content, list | tuple):
        everywhere = list(range(len(content)))
        places = [one for one in everywhere if step in {"*", one}]
        changed = list(content)
    else:
        return content
    for place in reversed(places):
        if rest:
            changed[place] = _walk(content[place], rest, drop=drop, value=value)
        elif not drop:
            changed[place] = value
        elif place in content or isinstance(changed, list):
            del changed[place]
    return changed
