"""The page on market data: its examples of streams run, against a market that moves."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from tests.support.trading import mnq
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

PAGE = Path(__file__).parents[2] / "docs" / "market-data.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_BLOCKS = [
    block for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if "async for" in block
]
_RUNS_S = 20


@virtual
async def test_the_examples_of_streams_run_until_they_are_stopped() -> None:
    assert len(_BLOCKS) >= 2
    for block in _BLOCKS:
        assert len(await _said(block)) > 1, block


async def _said(block: str) -> list[Any]:
    """What an example printed or saved until it was stopped."""
    said: list[Any] = []
    names: dict[str, Any] = {"asyncio": asyncio, "save": said.extend}
    names["print"] = lambda *parts: said.append(parts)
    lines = "\n".join(f"    {line}" for line in block.splitlines())
    exec(compile(f"async def story(tsx, mnq):\n{lines}\n", str(PAGE), "exec"), names)  # noqa: S102  the page's own code
    async with Pair() as pair:
        running = asyncio.create_task(names["story"](pair.tsx, await mnq(pair)))
        await asyncio.sleep(_RUNS_S)
        assert not running.done(), block
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return said
