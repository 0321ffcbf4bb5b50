"""`topstepx login` and `logout` as real processes against a running simulator."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import PASSPHRASE, Home, running_sim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from topstepx.sim.server import SimServer


@pytest.fixture(scope="module")
def sim() -> Iterator[SimServer]:
    with running_sim() as one:
        yield one


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, {})


def at(sim: SimServer, *more: str) -> list[str]:
    return ["--environment", "sim", "--url", sim.url, *more]


def login(sim: SimServer, *more: str) -> list[str]:
    return ["login", *at(sim, "--user-name", sim.user_name, "--key-stdin", *more)]


def no_key_in(folder: Path, key: str) -> bool:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return not [path for path in files if key.encode() in path.read_bytes()]


def test_kept_encrypted_where_there_is_no_keychain(sim: SimServer, home: Home) -> None:
    home = home.passphrase()
    done = home.run(*login(sim), stdin=f"{sim.api_key}\n")
    assert done.returncode == 0, done.stderr
    assert f"Logged in to sim as {sim.user_name}; 4 accounts." in done.stdout
    assert "encrypted file" in done.stdout
    assert "no keychain" in done.stderr
    assert sim.api_key not in done.stdout + done.stderr
    assert no_key_in(home.folder, sim.api_key)


def test_plain_text_only_if_typed(sim: SimServer, home: Home) -> None:
    done = home.run(*login(sim), stdin=f"{sim.api_key}\n")
    assert done.returncode == 2
    assert "TOPSTEPX_PASSPHRASE_FILE" in done.stderr
    assert no_key_in(home.folder, sim.api_key)
    done = home.run(*login(sim, "--insecure-storage"), stdin=f"{sim.api_key}\n")
    assert done.returncode == 0
    assert "plain text" in done.stdout
    assert not no_key_in(home.folder, sim.api_key)


def test_a_wrong_key_is_not_kept(sim: SimServer, home: Home) -> None:
    done = home.run(*login(sim, "--insecure-storage"), stdin="wrong-key\n")
    assert done.returncode == 4
    assert "InvalidCredentials" in done.stderr
    assert "wrong-key" not in done.stderr
    assert no_key_in(home.folder, "wrong-key")


@pytest.mark.parametrize(
    ("key", "said"),
    [("", "is empty"), ("   ", "is empty"), ("two parts", "spaces"), ("k\u00e9y", "signs")],
)
def test_what_can_be_no_key(sim: SimServer, home: Home, key: str, said: str) -> None:
    done = home.run(*login(sim, "--insecure-storage"), stdin=f"{key}\n")
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["login"], "Which gateway?"),
        (["login", "--environment", "sim"], "--url"),
        (["login", "--environment", "topstep"], "Did you mean topstepx?"),
        (["login", "--profile", "nobody"], "neither an environment nor"),
        (["login", "--environment", "sim", "--url", "http://example.test"], "this machine"),
        (["login", "--environment", "topstepx", "--url", "http://127.0.0.1:1"], "has its own"),
        (["login", "--environment", "topstepx", "--insecure-storage"], "add --user-name"),
        (["login", "--environment", "topstepx", "--file", "--insecure-storage"], "only one"),
        (["login", "--environment", "topstepx", "--profile", "A B"], "small letters"),
        (["login", "--environment", "topstepx", "--rotate"], "Log in first"),
        (
            ["login", "--environment", "topstepx", "--insecure-storage", "--user-name", "me"],
            "--key-stdin",
        ),
    ],
)
def test_usage(home: Home, arguments: list[str], said: str) -> None:
    done = home.run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_there(home: Home) -> None:
    done = home.run(
        "login", "--environment", "sim", "--url", "http://127.0.0.1:9", "--user-name", "me",
        "--key-stdin", "--insecure-storage", stdin="key\n",
    )  # fmt: skip
    assert done.returncode == 8
    assert "Nothing listens on http://127.0.0.1:9. Is `topstepx sim` running" in done.stderr


def test_a_profile_of_your_own_and_its_rotation(sim: SimServer, home: Home) -> None:
    home = home.passphrase()
    done = home.run(*login(sim, "--profile", "mine"), stdin=f"{sim.api_key}\n")
    assert done.returncode == 0, done.stderr
    assert '[profiles.mine]\nenvironment = "sim"' in (home.folder / "home/config.toml").read_text()

    rotate = ["login", "--profile", "mine", "--rotate", "--key-stdin"]
    done = home.run(*rotate, stdin=f"{sim.api_key}\n")
    assert (done.returncode, "kept already" in done.stderr) == (2, True)
    done = home.run(*rotate, stdin="not-valid-at-all\n")
    assert done.returncode == 4
    assert "old one is kept" in done.stderr
    assert "ok    login" in home.run("doctor", "--profile", "mine").stdout

    user = sim.gateway.users[sim.user_name]
    old, user.api_key = user.api_key, "a-new-key-of-the-same-user"
    try:
        done = home.run(*rotate, stdin=f"{user.api_key}\n")
        assert done.returncode == 0, done.stderr
        assert "has replaced the old one" in done.stdout
        assert "ok    login" in home.run("doctor", "--profile", "mine").stdout
        assert len(list((home.folder / "home/credentials").iterdir())) == 1
    finally:
        user.api_key = old


def test_forgotten(sim: SimServer, home: Home) -> None:
    assert home.run(*login(sim, "--insecure-storage"), stdin=f"{sim.api_key}\n").returncode == 0
    done = home.run("logout", *at(sim))
    assert done.returncode == 0
    assert "No session is shared" in done.stdout
    done = home.run("logout", *at(sim), "--forget")
    assert "deleted from: plain text file" in done.stdout
    assert no_key_in(home.folder, sim.api_key)
    assert home.run("logout", *at(sim)).returncode == 2


def test_a_shared_session_is_ended(sim: SimServer, home: Home) -> None:
    assert home.run(*login(sim, "--insecure-storage"), stdin=f"{sim.api_key}\n").returncode == 0
    script = """
import asyncio, sys
from topstepx.access import find_credentials, profile_of, rest_transport, shared_session
from topstepx.clock import SystemClock
from topstepx.net.auth import TokenKeeper

async def main():
    profile, clock = profile_of("sim", sys.argv[1]), SystemClock()
    credentials = find_credentials(profile).credentials
    transport = rest_transport(profile, clock)
    keeper = TokenKeeper(transport, credentials, clock, jitter=lambda: 0.5,
                         shared=shared_session(profile.environment, credentials, clock))
    task = asyncio.create_task(keeper.run())
    await keeper.token(deadline_ns=clock.monotonic_ns() + 10 ** 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await transport.close()

asyncio.run(main())
"""
    subprocess.run(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-c", script, sim.url], env=home.variables(), cwd=home.folder, check=True
    )
    before = len(sim.gateway.tokens.live(sim.now()))
    assert "shared, 0.0 h old" in home.run("status", *at(sim)).stdout
    assert "is ended" in home.run("logout", *at(sim)).stdout
    assert len(sim.gateway.tokens.live(sim.now())) == before - 1
    assert "none is shared" in home.run("status", *at(sim)).stdout


def test_asked_on_a_terminal_and_never_shown(sim: SimServer, home: Home) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-m", "topstepx", "login", *at(sim)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=home.variables(),
        cwd=home.folder,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = ""
        for question, answer in (
            ("User name:", sim.user_name),
            ("API key (hidden):", sim.api_key),
            ("New passphrase", PASSPHRASE),
            ("The same once more", PASSPHRASE),
        ):
            shown += _until(ours, question)
            if "User name" not in question:
                _until_hidden(ours)
            os.write(ours, f"{answer}\n".encode())
        shown += _until(ours, "profile 'sim'")
        assert process.wait(30) == 0
    os.close(ours)
    assert sim.api_key not in shown
    assert PASSPHRASE not in shown
    assert no_key_in(home.folder, sim.api_key)
    assert "ok    login" in home.passphrase().run("doctor", *at(sim)).stdout


def _until_hidden(descriptor: int) -> None:
    """Until the terminal echoes no more: what is typed before is shown, and then thrown away."""
    end = time.monotonic() + 60
    while termios.tcgetattr(descriptor)[3] & termios.ECHO:
        assert time.monotonic() < end, "what is typed would be shown"
        time.sleep(0.01)


def _until(descriptor: int, text: str) -> str:
    read = ""
    while text not in read:
        try:
            read += os.read(descriptor, 4096).decode(errors="replace")
        except OSError as error:
            raise AssertionError(read) from error
    return read
