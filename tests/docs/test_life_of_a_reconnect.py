"""The page on the life of a reconnect: its examples run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.cards.test_hubs import elsewhere
from tests.support.trading import practice
from topstepx.core.link_ends import EndKind, LinkEnd, Reaction, classify
from topstepx.sim.fault_kinds import CutHub
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side

PAGE = Path(__file__).parents[2] / "docs" / "life-of-a-reconnect.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@virtual(seeds=[None, 1, 2])
async def test_the_examples_run() -> None:
    body = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    given = "tsx, account, gateway, elsewhere, drained"
    story = f"async def story({given}):\n{lines}\n"
    names: dict[str, Any] = {"Fault": Fault, "CutHub": CutHub, "eventually": eventually}
    exec(compile(story, str(PAGE), "exec"), names)  # noqa: S102  the page's own code
    async with Pair() as pair:

        async def drained(facts: Any) -> list[Any]:  # noqa: ANN401  a stream of facts
            return [await anext(facts) for _ in range(len(facts._queue))]

        await names["story"](
            pair.tsx,
            await practice(pair),
            pair.gateway,
            lambda side, size: elsewhere(pair, Side[side.upper()], size),
            drained,
        )


def test_the_table_says_what_the_code_does() -> None:
    rows = {
        line.split("|")[1]: line.split("|")[2]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    }
    retry = next(row for row, then in rows.items() if then.strip() == "retry")
    for code in re.findall(r"\b(1\d{3})\b", retry):
        assert classify(LinkEnd(EndKind.SOCKET, "", int(code))) is Reaction.RETRY
    renew = next(row for row, then in rows.items() if "renew the token" in then)
    assert "401" in renew
    assert classify(LinkEnd(EndKind.UPGRADE, "", 401)) is Reaction.REFRESH
    assert "1008" in renew
    assert classify(LinkEnd(EndKind.SOCKET, "", 1008)) is Reaction.REFRESH
    assert classify(LinkEnd(EndKind.NO_SESSION, "")) is Reaction.STOP
