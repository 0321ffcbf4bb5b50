"""Which gateway and which key a command is about: --environment, --profile, --url."""

from __future__ import annotations

from dataclasses import dataclass, replace

from topstepx.access import PASSWORD, profile_of
from topstepx.errors import ConfigurationError, ProfileUnknown
from topstepx.profiles import USER_FILE, Profile, Value, profile_names, read_profile
from topstepx.settings import Environment, Proxy
from topstepx.store.credentials import check_profile
from topstepx.store.places import config_folder


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway, and the name under which its key is kept."""

    profile: Profile
    reached: Environment


def target_of(
    environment: str | None, profile: str | None, url: str | None, proxy: str | None = None
) -> Target:
    """What the options mean; a profile that does not exist yet needs an environment as well.

    Raises `ConfigurationError` when they name nothing, or a simulator without its address.
    """
    name = profile or environment
    if name is None:
        msg = "Which gateway?"
        step = "Say --environment topstepx, another firm, or --profile NAME."
        if url is not None:
            step = (
                "Say --environment sim as well: --url is the address of a running `topstepx sim`."
            )
        raise ConfigurationError(msg, next_step=step)
    try:
        found = profile_of(name, url)
    except ProfileUnknown:
        if profile is None or environment is None:
            raise
        check_profile(profile)
        base = read_profile(environment, url=url)
        found = Profile(profile, base.environment, {})
    if environment is not None and environment != found.environment_name:
        raise ConfigurationError(
            f"--environment {environment}: the profile {name!r} is for {found.environment_name!r}.",
            next_step="Leave one of the two out, or take another profile name.",
        )
    if found.environment is None:
        raise ConfigurationError(
            "The simulator inside a program needs no key.",
            next_step="For a running `topstepx sim` add --url with the address it printed.",
        )
    reached = found.environment
    if proxy is not None:
        if Proxy.parse(proxy).password is not None:
            msg = "--proxy: every user of this computer can read a password on a command line."
            raise ConfigurationError(
                msg, next_step=f"Write http://user@host:port, and set {PASSWORD}."
            )
        found = replace(found, values={**found.values, "proxy": Value(proxy, "--proxy")})
    return Target(found, reached)


def remember(target: Target) -> None:
    """Write a new profile down in the settings file, without its key; nothing if it is there."""
    name, path = target.profile.name, config_folder() / USER_FILE
    if name == "sim" or name in profile_names([path]):
        return
    lines = [f"[profiles.{name}]", f'environment = "{target.reached.name}"']
    proxy = target.profile.get("proxy")
    if proxy.value is not None:
        lines.append(f'proxy = "{Proxy.parse(proxy.value).shown}"')
    if target.reached.simulated:
        lines.append(f'url = "{target.reached.rest_url}"')
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    gap = "\n" if before else ""
    with path.open("a", encoding="utf-8") as file:
        file.write(gap + "\n".join(lines) + "\n")
