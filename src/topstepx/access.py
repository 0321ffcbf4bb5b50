"""From a name to a gateway and to who logs in there: profiles, credentials, and what is shared."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from topstepx.errors import ConfigurationError
from topstepx.profiles import PROJECT_FILE, USER_FILE, Profile, pins_of, read_profile
from topstepx.settings import Credentials, Proxy, Secret, Settings
from topstepx.store.budget import SqliteBudget, budget_path
from topstepx.store.credentials import CredentialStore, Found
from topstepx.store.login_log import SqliteLoginLog, login_log_path
from topstepx.store.places import config_folder, state_folder
from topstepx.store.shared_session import FileSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.clock import Clock
    from topstepx.net.transport import RestTransport
    from topstepx.settings import Environment
    from topstepx.wires import Wires

PASSWORD: Final = "TOPSTEPX_PROXY_PASSWORD"  # noqa: S105  a variable's name


def profile_files() -> tuple[Path, Path]:
    """The settings files, the stronger one first."""
    return Path.cwd() / PROJECT_FILE, config_folder() / USER_FILE


def profile_of(name: str, url: str | None = None) -> Profile:
    """The profile or environment of that name; see `topstepx.profiles`."""
    return read_profile(name, profile_files(), url=url)


def given_credentials(user_name: str | None, api_key: str | Secret | None) -> Credentials | None:
    """The pair that the program was given; None: look for it.

    Raises `ConfigurationError` for a key without a name, and for empty ones.
    """
    if api_key is None:
        return None
    if user_name is None:
        msg = "api_key= was given without user_name=."
        raise ConfigurationError(msg, next_step="Give both, or neither and `topstepx login` once.")
    return Credentials(user_name, api_key if isinstance(api_key, Secret) else Secret(api_key))


def find_credentials(
    profile: Profile,
    *,
    user_name: str | None = None,
    passphrase: Callable[[], str | Secret] | None = None,
    take: bool = True,
) -> Found:
    """Who logs in, from the keychain, a file or the environment; blocks, so call it on a thread.

    Raises `CredentialsMissing` when nobody said who, and whatever is wrong with the place that knows.
    """

    def ask() -> Secret:
        said = passphrase() if passphrase is not None else ""
        return said if isinstance(said, Secret) else Secret(said)

    store = CredentialStore(config_folder(), ask=None if passphrase is None else ask)
    found = store.find(profile.name, profile.environment_name, take=take)
    wanted = profile.get("user_name", user_name)
    stored = found.credentials.user_name
    if wanted.value is not None and wanted.value.lower() != stored.lower():
        raise ConfigurationError(
            f"user_name={wanted.value!r} ({wanted.origin}), but the key from "
            f"{found.credentials.source} is that of {stored!r}.",
            next_step="Log in as the one you mean: topstepx login.",
        )
    return found


def proxy_of(profile: Profile, given: str | Secret | Proxy | None = None) -> Proxy | None:
    """The proxy that was set by name; None: none was, and none of the environment's is used.

    A password never stands in a settings file: it comes with what the program gave, or from
    TOPSTEPX_PROXY_PASSWORD. Raises `ConfigurationError`.
    """
    value = profile.get("proxy", given)
    if value.value is None or isinstance(value.value, Proxy):
        found: Proxy | None = value.value
        return found
    proxy = Proxy.parse(value.value)
    if given is None and proxy.password is not None:
        msg = f"{value.origin}: proxy: a password does not belong into a file."
        raise ConfigurationError(msg, next_step=f"Write http://user@host:port, and set {PASSWORD}.")
    password = os.environ.get(PASSWORD)
    if proxy.user is not None and proxy.password is None and password:
        proxy = replace(proxy, password=Secret(password))
    return proxy


def wire_options(profile: Profile, proxy: str | Secret | Proxy | None = None) -> dict[str, Any]:
    """The settings about sockets that a profile may hold."""
    return {
        "hub_token": profile.get("hub_token", default="auto").value,
        "hub_socket": profile.get("hub_socket", default="picows").value,
        "ca_file": profile.get("ca_file").value,
        "pins": pins_of(profile.get("pins")),
        "proxy": proxy_of(profile, proxy),
    }


def wires_of(profile: Profile, clock: Clock) -> Wires:
    """The sockets of a profile, for the commands that need no whole client."""
    from topstepx.wires import Wires  # noqa: PLC0415  opened only when connecting

    target = profile.environment
    if target is None:
        msg = "The simulator inside a program has no address."
        raise ConfigurationError(msg, next_step="Give the url of a running `topstepx sim`.")
    return Wires.of(Settings(environment=target, **wire_options(profile)), clock)


def rest_transport(profile: Profile, clock: Clock) -> RestTransport:
    """A REST transport of a profile's own."""
    return wires_of(profile, clock).rest()


def host_of(target: Environment) -> str:
    """The name by which sessions and budgets of one gateway are told apart."""
    return urlsplit(target.rest_url).netloc


def login_log(target: Environment, user_name: str, clock: Clock) -> SqliteLoginLog | None:
    """The bounds on logins over restarts; None in the simulator, which is there to be restarted."""
    if target.simulated:
        return None
    return SqliteLoginLog(login_log_path(state_folder(), host_of(target), user_name), clock)


def shares_budget(target: Environment, choice: bool | None) -> bool:  # noqa: FBT001  a setting, as read
    """Whether this program keeps the request limit together with others: by default where it is real."""
    return not target.simulated if choice is None else choice


def shared_budget(target: Environment, user_name: str, clock: Clock) -> SqliteBudget:
    """The request log that all programs of this user on this computer share."""
    path = budget_path(state_folder(), host_of(target), user_name)
    return SqliteBudget(path, clock, f"{os.getpid()}-{secrets.token_hex(4)}")


def shared_session(target: Environment, credentials: Credentials, clock: Clock) -> FileSession:
    """One session for all programs of this user. Raises `ExtraMissing` without `cryptography`."""
    return FileSession(state_folder(), host_of(target), credentials, clock)
