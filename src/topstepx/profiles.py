"""Profiles: named settings in files, in layers, each value with its origin.

A name is looked up in this order, and each value comes from the first layer that has it: what the
program was given; `topstepx.toml` in the working directory; `config.toml` in your settings folder; the
default. Environment variables supply credentials (see `store.credentials`) and nothing here: none of
them can choose where orders go.

::

    [profiles.eval]
    environment = "topstepx"
    max_contracts = 2

No key ever stands in these files, and neither does leave to trade: that is said in the program.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from topstepx.errors import ConfigurationError, ProfileUnknown
from topstepx.settings import (
    ENVIRONMENTS,
    Environment,
    Pins,
    environment,
    is_loopback,
    simulator_environment,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PROJECT_FILE: Final = "topstepx.toml"
USER_FILE: Final = "config.toml"

FIELDS: Final[Mapping[str, type]] = {
    "environment": str,
    "url": str,
    "user_name": str,
    "max_contracts": int,
    "live_data": bool,
    "hub_token": str,
    "hub_socket": str,
    "ca_file": str,
    "proxy": str,
    "share_session": bool,
    "share_budget": bool,
    "bars_limit_per_30s": int,
    "general_limit_per_60s": int,
    "logout_on_exit": bool,
    "pins": dict,
}
"""What a profile may set."""

_CHOICES: Final = {
    "hub_token": ("header", "query", "auto"),
    "hub_socket": ("picows", "aiohttp"),
}
_NEVER: Final = {
    "api_key": "Keys are kept by `topstepx login`, never in a settings file.",
    "password": "Keys are kept by `topstepx login`, never in a settings file.",
    "token": "Keys are kept by `topstepx login`, never in a settings file.",
    "trade": "Leave to trade is given in the program: connect(..., trade=True).",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A setting and where it came from."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One name's settings. `environment` None: the simulator inside this program."""

    name: str
    environment: Environment | None
    values: Mapping[str, Value]

    @property
    def environment_name(self) -> str:
        """What its keys are for."""
        return self.environment.name if self.environment is not None else "sim"

    def get(self, field: str, given: Any = None, default: Any = None) -> Value:  # noqa: ANN401  any setting
        """A setting: as given, else from the files, else the default."""
        if given is not None:
            return Value(given, "given")
        return self.values.get(field, Value(default, "default"))


def read_profile(name: str, files: Iterable[Path] = (), *, url: str | None = None) -> Profile:
    """The profile or environment called `name`; earlier files go before later ones.

    Raises `ProfileUnknown` with what is near, and `ConfigurationError` for what cannot be meant.
    """
    tables = [(path, _tables(path)) for path in files]
    values: dict[str, Value] = {}
    for path, profiles in tables:
        for field, value in profiles.get(name, {}).items():
            _check(path, name, field, value)
            values.setdefault(field, Value(value, str(path)))
    known = name == "sim" or name in ENVIRONMENTS
    stated = values.get("environment")
    if known and stated is not None and stated.value != name:
        raise ConfigurationError(
            f"{stated.origin}: profile {name!r} is for {stated.value!r}, but bears the name of another "
            "environment.",
            next_step="Give the profile another name.",
        )
    if not known and stated is None:
        _raise_unknown(name, values, [profiles for _, profiles in tables])
    target = str(stated.value) if stated is not None else name
    return Profile(name, _environment(target, url, values), values)


def profile_names(files: Iterable[Path]) -> tuple[str, ...]:
    """The profiles that the files define."""
    return tuple(dict.fromkeys(name for path in files for name in _tables(path)))


def _environment(
    target: str, given_url: str | None, values: Mapping[str, Value]
) -> Environment | None:
    url = given_url if given_url is not None else values.get("url", Value(None, "")).value
    if target != "sim":
        if url is not None:
            msg = f"url={url!r}: only the simulator has an address of your choosing."
            raise ConfigurationError(msg, next_step=f"Leave it out: {target} has its own.")
        return environment(target)
    if url is None:
        return None
    if not is_loopback(url):
        msg = f"url={url!r}: a simulator is on this machine."
        raise ConfigurationError(msg, next_step="Give the address that `topstepx sim` prints.")
    return simulator_environment(url)


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    """The `[profiles.*]` tables of a file; none when there is no such file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        msg = f"{path}: {error.strerror}."
        raise ConfigurationError(msg, next_step="Make it readable, or move it away.") from None
    try:
        found = msgspec.toml.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: is not TOML ({error})."
        raise ConfigurationError(msg, next_step="Correct the line named.") from None
    profiles = found.pop("profiles", {})
    if found or not isinstance(profiles, dict):
        odd = next(iter(found), "profiles")
        msg = f"{path}: {odd} is not known here."
        raise ConfigurationError(msg, next_step="Settings stand under [profiles.NAME].")
    for name, table in profiles.items():
        if not isinstance(table, dict):
            msg = f"{path}: profiles.{name} is no table."
            raise ConfigurationError(
                msg, next_step=f"Write [profiles.{name}] on a line of its own."
            )
    return profiles


def _check(path: Path, name: str, field: str, value: object) -> None:
    where = f"{path}: profiles.{name}.{field}"
    if field in _NEVER:
        raise ConfigurationError(f"{where}: does not belong into a file.", next_step=_NEVER[field])
    if field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(FIELDS)}."
        raise ConfigurationError(f"{where}: is not known.", next_step=hint)
    kind = FIELDS[field]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigurationError(
            f"{where}={value!r}: is not {'a whole number' if kind is int else f'a {kind.__name__}'}.",
            next_step="Write text in quotes, numbers and true or false without.",
        )
    if field in _CHOICES and value not in _CHOICES[field]:
        options = ", ".join(_CHOICES[field])
        raise ConfigurationError(
            f"{where}={value!r}: is none of {options}.", next_step="Choose one."
        )


class _Pins(msgspec.Struct, forbid_unknown_fields=True):
    spki_sha256: tuple[str, ...]
    until: datetime
    report_only: bool


def pins_of(value: Value) -> Pins | None:
    """The pins of a profile. Raises `ConfigurationError`."""
    if value.value is None:
        return None
    try:
        written = msgspec.convert(value.value, _Pins)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"{value.origin}: pins: {error}.",
            next_step="It takes spki_sha256 (a list), until (a date with zone) and report_only.",
        ) from None
    return Pins(written.spki_sha256, written.until, report_only=written.report_only)


def _raise_unknown(
    name: str, values: Mapping[str, Value], tables: list[dict[str, dict[str, Any]]]
) -> None:
    if values:
        origin = next(iter(values.values())).origin
        msg = f"{origin}: profile {name!r} does not say which environment it is for."
        raise ConfigurationError(msg, next_step='Add environment = "topstepx", or another firm.')
    mine = [one for profiles in tables for one in profiles]
    every = [*dict.fromkeys(["sim", *mine, *ENVIRONMENTS])]
    near = difflib.get_close_matches(name, every, n=3)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are {', '.join(every)}."
    msg = f"{name!r} is neither an environment nor one of your profiles."
    raise ProfileUnknown(msg, next_step=hint)
