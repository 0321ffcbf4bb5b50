"""The watch finds a planted secret wherever one may be left."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.leak_watch import WATCH, found, reprs
from topstepx.settings import Secret
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KEY = "canary+key/of=a&test"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@dataclass
class Careless:
    """An object that keeps a token as it came."""

    header: str
    good: Secret


Careless.__module__ = "topstepx.desk.careless"


def planted(place: str) -> bool:
    return any(one[0].startswith(place) for one in WATCH.shown)


def test_every_spelling_is_found() -> None:
    assert found([KEY], [("x", "see canary%2Bkey%2Fof%3Da%26test here")])
    assert found([], [("x", f"Bearer {TOKEN}")])
    assert found([TOKEN], [("x", "nothing")]) == []
    assert found([KEY], [("x", "Secret(…)")]) == []


def test_logs_arguments_tracebacks_and_command_lines_are_seen(tmp_path: Path) -> None:
    logger = logging.getLogger("topstepx.careless")
    logger.debug("key %s", KEY)
    try:
        int(KEY)
    except ValueError:
        logger.exception("failed")
    subprocess.run(  # noqa: S603  this interpreter, doing nothing
        [sys.executable, "-c", "pass", KEY], check=True
    )
    (tmp_path / "journal").write_text(KEY)
    WATCH.saw_files(tmp_path)
    hits = found([KEY], WATCH.shown)
    assert {hit.partition(":")[0] for hit in hits} == {
        "log topstepx.careless",
        "a command line",
        "file journal",
    }
    assert len(hits) == 4


def test_what_a_child_prints_is_seen() -> None:
    for text in (True, False):
        WATCH.shown.clear()
        subprocess.run(
            [sys.executable, "-c", "import sys; sys.stderr.write(sys.stdin.read())"],
            input=KEY if text else KEY.encode(),
            capture_output=True,
            text=text,
            check=True,
        )
        hits = found([KEY], WATCH.shown)
        assert [hit.partition(":")[0] for hit in hits] == ["a child's output"]

    async def later() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"print('{KEY}')", stdout=asyncio.subprocess.PIPE
        )
        await process.communicate()

    WATCH.shown.clear()
    asyncio.run(later())
    assert [one[0] for one in WATCH.shown if KEY in one[1]] == [
        "a command line",
        "a child's output",
    ]


def test_what_is_printed_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    sys.stdout.write(KEY)
    capsys.readouterr()
    assert found([KEY], WATCH.shown) == [f"stdout: {KEY[:12]!r}"]


def test_reprs_are_walked_and_a_secret_keeps_its_slot() -> None:
    assert found([KEY], [("r", "\n".join(reprs(Careless("x", Secret(KEY)))))]) == []
    assert found([KEY], [("r", "\n".join(reprs([Careless(f"Bearer {KEY}", Secret("x"))])))])


@virtual
async def test_a_pairs_client_is_looked_at_and_its_gateways_tokens_are_known() -> None:
    async with Pair() as pair:
        token = pair.tsx._keeper.machine.token
        assert token is not None
        assert token.value.reveal() in WATCH.secrets
        assert pair.gateway.api_key in WATCH.secrets
        pair.tsx.left_open = (token.value.reveal(),)
    assert found(WATCH.secrets, WATCH.shown)[0].startswith("a repr")
