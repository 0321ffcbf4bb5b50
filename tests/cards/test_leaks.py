"""No secret anywhere: a canary key and every token of a run, searched in all that the run leaves.

The run is `tests/support/leak_flows.py`: every logger at DEBUG, asyncio in debug mode, flows that work
and flows that fail in every way the gateway can make them fail.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import Home, running_sim
from topstepx.redaction import spellings
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.server import SimServer

CANARY = "c4nary+Key/with=signs-that-are-quoted"
FLOWS = Path(__file__).parents[1] / "support" / "leak_flows.py"
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")


class Watched:
    """A simulator that remembers every token it gave out."""

    def __init__(self, sim: SimServer) -> None:
        self.sim = sim
        self.tokens: list[str] = []
        mint = sim.gateway.tokens._mint

        def minted(*arguments: Any) -> str:  # noqa: ANN401  passed on
            token = mint(*arguments)
            self.tokens.append(token)
            return token

        sim.gateway.tokens._mint = minted  # type: ignore[method-assign, assignment]  # a test's ear

    def break_(self, where: str, what: Any, times: int | None = 1) -> None:  # noqa: ANN401  any fault
        self.sim.gateway.faults.add(Fault(where=where, what=what, times=times))

    def act(self, name: str) -> None:
        """What the program under test asked for."""
        tokens, faults = self.sim.gateway.tokens, self.sim.gateway.faults
        last = self.tokens[-1] if self.tokens else ""
        acts: dict[str, Callable[[], object]] = {
            "revoke": tokens.revoke_all,
            "html": lambda: self.break_("*", f.Answer(200, f"<html>{last}"), 2),
            "echo": lambda: self.break_("Account/search", f.Answer(400, f'{{"title":"x {last}"}}')),
            "kick": lambda: self.break_("hub/*", f.Kick((f"bye {last}",))),
            "unauthorized": lambda: self.break_("hub/*", f.RefuseUpgrade(401), 2),
            "handshake": lambda: self.break_("hub/*", f.RefuseHandshake(f"no {last}"), 2),
            "cut": lambda: self.break_("*", f.Cut(10), 2),
            "wrong": lambda: self.break_("Auth/loginKey", f.Answer(200, _refused("no"))),
            "broken": lambda: self.break_("Auth/loginKey", f.Answer(200, f"{{{CANARY}"), 3),
            "echoed": lambda: self.break_(
                "Auth/loginKey", f.Answer(200, _refused(f"bad {CANARY}"))
            ),
            "calm": faults.clear,
        }
        if name in acts:
            acts[name]()


def _refused(text: str) -> str:
    return f'{{"success":false,"errorCode":3,"errorMessage":"{text}","token":null}}'


def hits(secrets: list[str], places: dict[str, bytes]) -> list[str]:
    found = []
    for place, content in places.items():
        for secret in secrets:
            for spelling in spellings(secret):
                if spelling.encode() in content:
                    at = content.index(spelling.encode())
                    line = content[max(0, at - 120) : at + 20]
                    found.append(f"{place}: {line!r}")
                    break
        if (jwt := JWT.search(content)) is not None:
            found.append(f"{place}: {content[max(0, jwt.start() - 120) : jwt.start() + 20]!r}")
    return found


def test_the_search_finds() -> None:
    places = {"x": b"quoted c4nary%2BKey%2Fwith%3Dsigns-that-are-quoted"}
    assert hits([CANARY], places)
    assert hits([], {"x": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"})
    assert not hits([CANARY, "token-of-some-length"], {"x": b"Secret(...)"})


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to look at processes")
def test_no_secret_is_left_anywhere(tmp_path: Path) -> None:
    home = Home(tmp_path, {}).passphrase()
    with running_sim(api_key=CANARY, limited=False) as sim:
        watched = Watched(sim)
        kept = home.run(
            "login", "--environment", "sim", "--url", sim.url, "--profile", "mine",
            "--user-name", sim.user_name, "--key-stdin", stdin=f"{CANARY}\n",
            PYTHONASYNCIODEBUG="1",
        )  # fmt: skip
        assert kept.returncode == 0, kept.stderr
        places: dict[str, bytes] = {
            "login's output": (kept.stdout + kept.stderr).encode(),
        }
        out = _run_flows(home, watched, places)
        for command in ("status", "doctor"):
            done = home.run(command, "--profile", "mine", PYTHONASYNCIODEBUG="1")
            places[command] = (done.stdout + done.stderr).encode()
    assert len(watched.tokens) >= 4
    assert "shown" in out
    assert int(re.findall(r"shown (\d+)", out)[0]) > 500
    for path in tmp_path.rglob("*"):
        if path.is_file():
            places[str(path.relative_to(tmp_path))] = path.read_bytes()
    assert any(name.endswith(".sealed") for name in places)
    found = hits([CANARY, *watched.tokens], places)
    assert not found, "\n".join(found)


def _run_flows(home: Home, watched: Watched, places: dict[str, bytes]) -> str:
    with subprocess.Popen(  # noqa: S603  this interpreter on our own program
        [sys.executable, str(FLOWS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home.folder,
        env=home.variables(),
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()))
        reader.start()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if not line.startswith("@"):
                continue
            act = line[1:].strip()
            watched.act(act)
            proc = Path("/proc") / str(process.pid)
            for part in ("cmdline", "environ"):
                places[f"{part} at {act}"] = (proc / part).read_bytes()
            if act == "end":
                break
            process.stdin.write("go\n")
            process.stdin.flush()
        process.stdin.close()
        rest = process.stdout.read()
        reader.join(30)
        assert process.wait(30) == 0, "".join(errors)[-3000:]
    out = "".join(lines) + rest
    places["stdout"], places["stderr"] = out.encode(), "".join(errors).encode()
    assert "@end" in out
    return out
