"""`topstepx doctor`: each part that must work, tried once; each line is fine or names its fix."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from topstepx import __version__
from topstepx.access import find_credentials, login_log, proxy_of, shared_budget, wires_of
from topstepx.cli import terminal
from topstepx.cli.exit_codes import ExitCode, exit_code_of
from topstepx.cli.targets import Target, target_of
from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.core.logins import PER_WINDOW
from topstepx.errors import AuthBroken, TopstepxError
from topstepx.net.hub_probe import probe_hub
from topstepx.net.login_probe import prove_login
from topstepx.net.renewal import server_time
from topstepx.profiles import pins_of
from topstepx.settings import Secret
from topstepx.store.credentials_keychain import Keychain
from topstepx.store.places import state_folder
from topstepx.store.private_file import make_private_folder
from topstepx.wire import routes

if TYPE_CHECKING:
    from topstepx.net.transport import RestTransport

_SKEW_MAX_S, _SPACE_LEAST = 2.0, 200 * 1024 * 1024
_WAIT_S = 15.0
_UNTRIED = "not tried, because something before it failed"

Level = Literal["ok", "note", "bad"]


@dataclass(slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do if it is not well."""

    name: str
    level: Level
    detail: str
    fix: str | None = None


@dataclass(slots=True)
class Visit:
    """One examination: what was found, and what later steps need from earlier ones."""

    target: Target
    clock: SystemClock
    found: list[Finding] = field(default_factory=list)
    code: int = ExitCode.DONE
    token: Secret | None = None

    def note(self, name: str, detail: str, *, level: Level = "ok", fix: str | None = None) -> None:
        """Write a line."""
        self.found.append(Finding(name, level, detail, fix))
        if level == "bad" and self.code == ExitCode.DONE:
            self.code = ExitCode.FAILED

    def failed(self, name: str, error: TopstepxError) -> None:
        """Write a line about an error; the first one decides the exit code."""
        fix = error.next_step
        text = str(error).removesuffix(fix or "").strip()
        if self.code in {ExitCode.DONE, ExitCode.FAILED}:
            self.code = exit_code_of(error)
        self.found.append(Finding(name, "bad", text, fix))


def doctor_command(
    *,
    environment: str | None = None,
    profile: str | None = None,
    url: str | None = None,
    proxy: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Try every part once: Python, keys, clock, gateway, login, both hubs, folders. Trades nothing.

    It logs in once, which counts as one of the five logins in ten minutes.

    Args:
        environment: Which gateway: topstepx, another firm, or sim.
        profile: One of your profiles instead.
        url: The address of a running `topstepx sim`.
        proxy: An HTTP proxy to go through, as http://host:port.
        as_json: One JSON object per line instead of text.
    """
    visit = Visit(target_of(environment, profile, url, proxy), SystemClock())
    _program(visit)
    _folders(visit)
    _keychain(visit)
    asyncio.run(_gateway(visit))
    for one in visit.found:
        sys.stdout.write(_line(one, as_json=as_json))
    return visit.code


def _line(finding: Finding, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(asdict(finding), separators=(",", ":")) + "\n"
    mark = {"ok": "ok  ", "note": "note", "bad": "BAD "}[finding.level]
    fix = f"\n                        {finding.fix}" if finding.fix else ""
    return f"{mark}  {finding.name:<16}  {finding.detail}{fix}\n"


def _program(visit: Visit) -> None:
    version = platform.python_version()
    visit.note("program", f"topstepx {__version__} on Python {version}, {platform.system()}")
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("America/Chicago")
    except ZoneInfoNotFoundError:
        visit.note(
            "time zones",
            "there is no time-zone data, so session hours cannot be known",
            level="bad",
            fix="Install the system's tzdata package, or: pip install tzdata.",
        )
    else:
        visit.note("time zones", "known")


def _folders(visit: Visit) -> None:
    folder = state_folder()
    try:
        make_private_folder(folder)
        probe = folder / ".doctor"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except TopstepxError as error:
        visit.failed("journal folder", error)
        return
    except OSError as error:
        visit.note(
            "journal folder",
            f"{folder} cannot be written ({error.strerror})",
            level="bad",
            fix="Without a journal nothing is traded: make it writable for you.",
        )
        return
    if free < _SPACE_LEAST:
        visit.note(
            "journal folder",
            f"{folder}: only {free // 2**20} MiB are free",
            level="bad",
            fix="Free some space: when the journal cannot be written, nothing new is traded.",
        )
    else:
        visit.note("journal folder", f"{folder}, {free / 2**30:.1f} GiB free")


def _keychain(visit: Visit) -> None:
    try:
        visit.note("keychain", Keychain().name)
    except TopstepxError as error:
        visit.note(
            "keychain",
            str(error).removesuffix(error.next_step or "").strip(),
            level="note",
            fix=error.next_step,
        )


async def _gateway(visit: Visit) -> None:
    """Everything that needs the network, each step on the shoulders of the one before."""
    try:
        transport = wires_of(visit.target.profile, visit.clock).rest()
    except TopstepxError as error:
        visit.failed("certificates", error)
        return
    visit.note("certificates", _scheme(visit))
    steps: tuple[tuple[str, Callable[[Visit, RestTransport], Awaitable[None]]], ...] = (
        ("gateway", _ping),
        ("login", _login),
        ("user hub", _user_hub),
        ("market hub", _market_hub),
    )
    broken = False
    try:
        for name, step in steps:
            if broken:
                visit.note(name, _UNTRIED, level="note")
                continue
            try:
                await step(visit, transport)
            except TopstepxError as error:
                visit.failed(name, error)
                broken = name in {"gateway", "login"}
    finally:
        await transport.close()


def _scheme(visit: Visit) -> str:
    """How the gateway is reached and recognised."""
    if visit.target.reached.simulated:
        return "plain, this machine only"
    profile = visit.target.profile
    said = "TLS, system roots"
    if (ca_file := profile.get("ca_file").value) is not None:
        said += f" and {ca_file}"
    if (pins := pins_of(profile.get("pins"))) is not None:
        what = "reported only" if pins.report_only else "required"
        said += f"; {len(pins.spki_sha256)} pins, {what} until {pins.until:%Y-%m-%d}"
    proxy = proxy_of(profile)
    return said if proxy is None else f"{said}; through the proxy {proxy.url}"


async def _ping(visit: Visit, transport: RestTransport) -> None:
    began_ns, began = visit.clock.monotonic_ns(), visit.clock.now()
    answer = await transport.send("GET", routes.PING_PATH, headers={}, body=b"", timeout_s=_WAIT_S)
    took_s = (visit.clock.monotonic_ns() - began_ns) / NANOSECONDS
    host = visit.target.reached.rest_url
    if answer.status != 200:  # noqa: PLR2004  anything but OK
        visit.note(
            "gateway",
            f"{host} answers HTTP {answer.status}",
            level="bad",
            fix="It may be in maintenance: wait, and look at the firm's status page.",
        )
    else:
        visit.note("gateway", f"{host} answers in {took_s * 1000:.0f} ms")
    theirs = server_time(answer.headers)
    if theirs is None:
        visit.note("clock", "the gateway does not say what time it has", level="note")
        return
    # Their clock is told in whole seconds.
    off_s = (theirs - began).total_seconds() + 0.5 - took_s / 2
    if abs(off_s) <= _SKEW_MAX_S:
        visit.note("clock", f"agrees with the gateway's within {_SKEW_MAX_S:g} s")
    elif visit.target.reached.simulated:
        visit.note("clock", f"the simulator's time is {theirs:%Y-%m-%d %H:%M} UTC", level="note")
    else:
        visit.note(
            "clock",
            f"differs from the gateway's by {off_s:+.1f} s",
            level="bad",
            fix="Let the system set its clock by NTP. Tokens do not depend on it; your logs do.",
        )


async def _login(visit: Visit, transport: RestTransport) -> None:
    target, clock = visit.target, visit.clock
    passphrase = terminal.ask_passphrase if terminal.present() else None
    found = find_credentials(target.profile, passphrase=passphrase, take=False)
    visit.note("credentials", found.credentials.source)
    for warning in found.warnings:
        visit.note("credentials", warning, level="note")
    log = login_log(target.reached, found.credentials.user_name, clock)
    logins = None if log is None else log.recent()
    visit.note("quota", _quota(visit, found.credentials.user_name, logins))
    proof = await prove_login(transport, found.credentials, clock, logins=log)
    visit.token = proof.token.value
    visit.note(
        "login",
        f"{found.credentials.user_name}, {proof.accounts} accounts; the token lives "
        f"{proof.token.life_s / 3600:.1f} h",
    )


def _quota(visit: Visit, user_name: str, logins: int | None) -> str:
    """What the programs of this user on this computer have used up of the gateway's limits."""
    profile, now_ns = visit.target.profile, visit.clock.monotonic_ns()
    sent = shared_budget(visit.target.reached, user_name, visit.clock).recent()
    parts = [
        "logins without bound" if logins is None else f"{logins} of {PER_WINDOW} logins in 600 s"
    ]
    for bucket, window_s, field_, most in (
        ("general", 60, "general_limit_per_60s", 200),
        ("bars", 30, "bars_limit_per_30s", 50),
    ):
        since_ns = now_ns - window_s * NANOSECONDS
        used = sum(one.bucket == bucket and one.at_ns >= since_ns for one in sent)
        limit = profile.get(field_, default=most).value
        parts.append(f"{used} of {limit} {bucket} requests in {window_s} s")
    return ", ".join(parts) + ", by programs on this computer"


async def _user_hub(visit: Visit, _transport: RestTransport) -> None:
    await _hub(visit, "user")


async def _market_hub(visit: Visit, _transport: RestTransport) -> None:
    await _hub(visit, "market")


async def _hub(visit: Visit, hub: Literal["user", "market"]) -> None:
    if visit.token is None:
        msg = "There is no token to try it with."
        raise AuthBroken(msg)
    hubs = wires_of(visit.target.profile, visit.clock).hubs()
    try:
        placement = await probe_hub(hub, hubs, visit.token, timeout_s=_WAIT_S)
    finally:
        await hubs.close()
    if placement == "header":
        visit.note(f"{hub} hub", "shakes hands; the token travels in a header")
    else:
        visit.note(
            f"{hub} hub",
            "shakes hands, but takes the token in the address only",
            level="note",
            fix="That works. Tell the maintainers: this gateway was expected to take the header.",
        )
