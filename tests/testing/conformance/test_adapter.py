from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.support.running import run
from topstepx.testing.conformance.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

OURS = (sys.executable, "-m", "topstepx.testing.conformance.adapter")


def test_every_command_and_what_it_says_of_an_order_that_it_does_not_know(tmp_path: Path) -> None:
    keys: list[str] = []

    async def main() -> None:
        async with Stage(OURS, tmp_path) as stage:
            keys.append(stage.sim.api_key)
            await stage.begin()
            order = await stage.resting()
            assert (await stage.say("read"))["result"] == "done"
            assert (await stage.say("cancel", order_id=order.id))["result"] == "done"
            assert (await stage.say("cancel", order_id=5))["result"] == "no"
            refused = await stage.place("off", type="stop", price="25000.1")
            assert refused["result"] == "no"
            assert refused["why"].startswith("PriceOffGrid")
            assert (await stage.say("close"))["result"] == "done"
            await stage.level()

    run(main())
    kept = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert kept
    assert not any(key.encode() in one for key in keys for one in kept)
