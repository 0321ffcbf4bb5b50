"""`topstepx status`: where credentials come from and how old the session is; never a value."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from topstepx.access import find_credentials, login_log, profile_files, profile_of, shared_session
from topstepx.cli.exit_codes import ExitCode
from topstepx.clock import NANOSECONDS, Clock, SystemClock
from topstepx.core.logins import PER_WINDOW
from topstepx.errors import ConfigurationError, CredentialsMissing, PassphraseRefused, TopstepxError
from topstepx.keeping import kill_switch
from topstepx.profiles import profile_names
from topstepx.store.credentials import CredentialStore
from topstepx.store.places import config_folder, state_folder

if TYPE_CHECKING:
    from topstepx.profiles import Profile
    from topstepx.settings import Credentials

_KEY_OLD_DAYS = 90


@dataclass(slots=True)
class SessionStatus:
    """The session that programs share on this computer."""

    generation: int
    age_s: float
    expires_at: str
    next_refresh_at: str


@dataclass(slots=True)
class ProfileStatus:
    """One profile's line; values are places and names, never secrets."""

    profile: str
    environment: str
    rest_url: str | None
    place: str | None = None
    source: str | None = None
    user_name: str | None = None
    key_saved_on: str | None = None
    shared_session: SessionStatus | None = None
    logins_in_ten_minutes: int | None = None
    """None: nobody counts them, such as at a simulator, where they have no bound."""
    warnings: list[str] = field(default_factory=list)
    problem: str | None = None
    kills: list[str] = field(default_factory=list)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)


def status_command(
    *,
    environment: str | None = None,
    profile: str | None = None,
    url: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say who would log in and from where, how the shared session stands, and what is killed.

    Asks nobody.

    Args:
        environment: Only this one; otherwise every profile you have.
        profile: Only this one.
        url: The address of a running `topstepx sim`.
        as_json: One JSON object per profile.
    """
    clock, named = SystemClock(), profile or environment
    names = [named] if named is not None else _names()
    kills = [str(one) for one in kill_switch().standing()]
    if not as_json:
        _write_kills(kills)
    found = [_look(name, url, clock) for name in names]
    for one in found:
        one.kills = kills
        if as_json:
            sys.stdout.write(json.dumps(asdict(one), separators=(",", ":")) + "\n")
        else:
            _write(one)
    if not as_json:
        sys.stdout.write(
            f"Settings are read from {' and then '.join(map(str, profile_files()))}.\n"
        )
        sys.stdout.write(f"Journals and logs are in {state_folder()}.\n")
    return ExitCode.DONE if all(one.problem is None for one in found) else ExitCode.FAILED


def _write_kills(kills: list[str]) -> None:
    for kill in kills:
        sys.stdout.write(f"KILL SWITCH ON: {kill}\n")
    if kills:
        sys.stdout.write(
            "Programs of yours on this computer open nothing there. It ends with"
            " `topstepx kill --release`.\n\n"
        )
    else:
        sys.stdout.write("Kill switch: off.\n\n")


def _names() -> list[str]:
    """Your profiles, and the simulator where a key of it is kept; else what most people mean."""
    names = list(profile_names(profile_files()))
    if "sim" not in names and _kept("sim") is not None:
        names.append("sim")
    return names or ["topstepx"]


def _kept(name: str) -> str | None:
    """Where a key is kept for that name."""
    try:
        return CredentialStore(config_folder()).where(name)
    except TopstepxError:
        return None


def _look(name: str, url: str | None, clock: Clock) -> ProfileStatus:
    profile = profile_of(name, url)
    reached = profile.environment
    status = ProfileStatus(name, profile.environment_name, reached.rest_url if reached else None)
    status.settings = {
        key: {"value": str(value.value), "origin": value.origin}
        for key, value in profile.values.items()
    }
    if reached is None:
        place = _kept(name)
        status.place, status.source = "nowhere", "the simulator inside a program needs no key"
        if place is not None:
            status.place = place
            status.source = (
                f"the {place} has a key for a running `topstepx sim`: add --url for more"
            )
        return status
    try:
        found = find_credentials(profile, take=False)
    except PassphraseRefused:
        status.place = CredentialStore(config_folder()).where(name)
        status.source = f"the {status.place} (profile {name}), which only its passphrase opens"
        return status
    except CredentialsMissing as error:
        status.problem = str(error)
        return status
    except ConfigurationError as error:
        status.place, status.problem = CredentialStore(config_folder()).where(name), str(error)
        return status
    status.place, status.source = found.place, found.credentials.source
    status.user_name = found.credentials.user_name
    status.warnings += found.warnings
    status.key_saved_on = found.saved_at or None
    _remind(status)
    _session(status, profile, found.credentials, clock)
    return status


def _remind(status: ProfileStatus) -> None:
    if status.key_saved_on is None:
        return
    age_days = (datetime.now(UTC).date() - date.fromisoformat(status.key_saved_on)).days
    if age_days >= _KEY_OLD_DAYS:
        status.warnings.append(
            f"The key has been kept for {age_days} days: replace it with topstepx login --rotate."
        )


def _session(
    status: ProfileStatus, profile: Profile, credentials: Credentials, clock: Clock
) -> None:
    reached = profile.environment
    if reached is None:
        return
    log = login_log(reached, credentials.user_name, clock)
    status.logins_in_ten_minutes = log.recent() if log is not None else None
    try:
        shared = shared_session(reached, credentials, clock).read()
    except TopstepxError:
        return  # no shared session can be read here, so there is nothing to say about one
    if shared is None:
        return
    now = clock.now()
    age_s = (clock.monotonic_ns() - shared.obtained_ns) / NANOSECONDS
    began = now - timedelta(seconds=age_s)
    status.shared_session = SessionStatus(
        shared.generation,
        round(age_s, 1),
        (began + timedelta(seconds=shared.life_s)).isoformat(timespec="seconds"),
        (began + timedelta(seconds=shared.life_s / 2)).isoformat(timespec="seconds"),
    )


def _write(status: ProfileStatus) -> None:
    lines = [f"{status.profile}  ({status.environment}, {status.rest_url or 'inside a program'})"]
    if status.problem is not None:
        lines.append(f"  problem      {status.problem}")
    if status.source is not None:
        lines.append(f"  credentials  {status.source}")
    if status.user_name is not None:
        lines.append(f"  user         {status.user_name}")
    if status.key_saved_on is not None:
        lines.append(f"  key kept on  {status.key_saved_on}")
    session = status.shared_session
    if session is not None:
        lines.append(
            f"  session      shared, {session.age_s / 3600:.1f} h old, ends {session.expires_at}, "
            f"renewed about {session.next_refresh_at}"
        )
    elif status.user_name is not None:
        lines.append("  session      none is shared; each program has its own, in memory")
    if status.environment == "sim":
        lines.append("  logins       without bound")
    elif status.logins_in_ten_minutes is not None:
        logins = f"{status.logins_in_ten_minutes} of {PER_WINDOW} in ten minutes"
        lines.append(f"  logins       {logins}")
    for key, value in status.settings.items():
        lines.append(f"  {key:<12} {value['value']}  from {value['origin']}")
    lines += [f"  warning      {warning}" for warning in status.warnings]
    sys.stdout.write("\n".join(lines) + "\n\n")
