"""The page over HTTP, and in a real browser where this machine has one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.sim_line import NOON
from topstepx.sim.page import POLICY
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = os.environ.get("TOPSTEPX_TEST_BROWSER") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)


def test_the_page_its_parts_and_what_a_browser_may_do_with_them() -> None:
    async def main() -> None:
        async with SimServer(at=NOON) as sim, aiohttp.ClientSession() as session:
            for path, kind in (
                ("/", "text/html"),
                ("/page/live", "text/html"),
                ("/page.css", "text/css"),
                ("/page.js", "text/javascript"),
            ):
                async with session.get(sim.url + path) as answer:
                    text = await answer.text()
                    assert (answer.status, answer.content_type) == (200, kind)
                    assert answer.headers["Content-Security-Policy"] == POLICY
                    assert sim.api_key not in text
                    assert sim.control_token not in text
                    assert "http://" not in text.replace(sim.url, "")
                    assert "https://" not in text
            async with session.get(sim.url, headers={"Host": "evil.test"}) as answer:
                assert answer.status == 403

    asyncio.run(main())


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here; set TOPSTEPX_TEST_BROWSER")
def test_a_real_browser_renews_the_page_by_itself(tmp_path: Path) -> None:
    async def main() -> None:
        async with SimServer(at=NOON) as sim:
            sim.gateway.log.note(NOON, "control", "<b>seen at the start</b>")
            command = [
                str(BROWSER),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={tmp_path}",
                "--virtual-time-budget=4000",
                "--dump-dom",
                sim.url,
            ]
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, timeout=60, check=True
            )
            assert "Renewed every second." in done.stdout, done.stderr[-2000:]
            assert "&lt;b&gt;seen at the start&lt;/b&gt;" in done.stdout
            assert "Refused to" not in done.stderr

    asyncio.run(main())
