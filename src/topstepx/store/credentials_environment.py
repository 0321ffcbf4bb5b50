"""A user name and key from environment variables: ours first, then those of other clients.

A variable never chooses where orders go. It is the least private of all places: every program started
from here inherits it, and other programs of yours can read it. So our own key variable is taken out of
this process's environment when it is used, and every use says so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from topstepx.errors import CredentialsMissing
from topstepx.settings import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import MutableMapping

FAMILIES: Final = ("TOPSTEPX", "PROJECT_X", "PROJECTX", "TOPSTEP")
"""Prefixes, the first complete pair of `_USERNAME` and `_API_KEY` wins."""

_OURS: Final = FAMILIES[0]
_taken: dict[str, Secret] = {}


@dataclass(frozen=True, slots=True)
class EnvironmentPair:
    """The pair that won, which variables it came from, and what is odd about the others."""

    credentials: Credentials
    family: str
    warnings: tuple[str, ...]


def names_of(family: str) -> tuple[str, str]:
    """The two variables of a family."""
    return f"{family}_USERNAME", f"{family}_API_KEY"


def environment_pair(
    variables: MutableMapping[str, str] | None = None, *, take: bool = True
) -> EnvironmentPair | None:
    """The pair the environment holds; None when no family has any part of one.

    `take` False only looks (for `status`). Raises `CredentialsMissing` when there are parts of pairs
    but no whole one.
    """
    found = os.environ if variables is None else variables
    parts = {family: _parts(found, family, ours=variables is None) for family in FAMILIES}
    whole = [family for family, (user, key) in parts.items() if user and key]
    halves = [family for family, (user, key) in parts.items() if bool(user) != bool(key)]
    if not whole:
        if not halves:
            return None
        user_name, key_name = names_of(halves[0])
        have, lack = (user_name, key_name) if parts[halves[0]][0] else (key_name, user_name)
        raise CredentialsMissing(
            f"{have} is set and {lack} is not, or is empty.", next_step=f"Set {lack} as well."
        )
    family = whole[0]
    user, key = parts[family]
    assert key is not None  # noqa: S101  `whole` says so
    if take and family == _OURS:
        _take(found, key)
    user_variable, key_variable = names_of(family)
    return EnvironmentPair(
        Credentials(user, key, f"{user_variable} and {key_variable} in the environment"),
        family,
        tuple(_warnings(parts, family, whole[1:], halves)),
    )


def _parts(
    variables: MutableMapping[str, str], family: str, *, ours: bool
) -> tuple[str, Secret | None]:
    user_variable, key_variable = names_of(family)
    user, key = variables.get(user_variable, "").strip(), variables.get(key_variable, "").strip()
    if key:
        return user, Secret(key)
    return user, _taken.get(key_variable) if ours and user else None


def _take(variables: MutableMapping[str, str], key: Secret) -> None:
    """Read once: children of this process do not inherit it, and a second look still finds it."""
    _, key_variable = names_of(_OURS)
    if variables is os.environ:
        _taken[key_variable] = key
    variables.pop(key_variable, None)


def _warnings(
    parts: dict[str, tuple[str, Secret | None]], family: str, others: list[str], halves: list[str]
) -> list[str]:
    user, key = parts[family]
    open_to_all = (
        f"The API key came from the environment ({names_of(family)[1]}), where other programs of yours "
        "can read it; `topstepx login` keeps it better."
    )
    warnings = [open_to_all]
    for other in others:
        other_user, other_key = parts[other]
        differs = [
            what
            for what, same in (
                ("users", other_user == user),
                ("keys", (other_key or Secret("")).reveal() == (key or Secret("")).reveal()),
            )
            if not same
        ]
        if differs:
            warnings.append(
                f"{family}_* and {other}_* name different {' and '.join(differs)}; {family}_* is used."
            )
    warnings += [f"{other}_* is incomplete and ignored." for other in halves]
    return warnings
