"""The page on the life of an order: its examples run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.cards.world import world
from topstepx.core.order_life import Stage
from topstepx.testing.loop import virtual

PAGE = Path(__file__).parents[2] / "docs" / "life-of-an-order.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@virtual
async def test_the_examples_run() -> None:
    body = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    story = f"async def story(tsx, account, mnq, desk, gateway, far_below, fill):\n{lines}\n"
    names: dict[str, Any] = {}
    exec(compile(story, str(PAGE), "exec"), names)  # noqa: S102  the page's own code
    async with world() as w:
        await names["story"](
            w.tsx,
            w.account,
            w.contract,
            w.desk,
            w.pair.gateway,
            w.far_below().price,
            lambda order, size: w.fill(order.id, size, order.limit_price),
        )
        assert w.net == 0
        assert not w.working


def test_the_table_names_every_stage() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Every stage")[1]
    named = set(re.findall(r"`([A-Z_]+)`", table))
    assert named == {stage.name for stage in Stage} - {Stage.UNSEEN.name}
