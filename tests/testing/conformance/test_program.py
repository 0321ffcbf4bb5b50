from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.running import run
from topstepx.testing.conformance.program import Failed, Program

if TYPE_CHECKING:
    from pathlib import Path

LIAR = (sys.executable, "-m", "tests.support.lying_client")


def test_it_is_asked_and_heard_and_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        program = Program((*LIAR, "chatty"), tmp_path)
        await program.start()
        said = await program.ask("start", timeout_s=20)
        assert said == {"id": 1, "result": "done", "order_id": 5}
        assert program.told == [{"event": "fill", "trade_id": 1}]
        await program.leave()
        with pytest.raises(Failed, match="the program ended"):
            await program.ask("read", timeout_s=5)

    run(main())


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("ends", "start: the program ended; its standard error ends: out of luck"),
        ("silent", "start: no answer within"),
        ("garbled", "a line is no answer and no event: b'Traceback"),
        ("stranger", "a line is no answer and no event"),
        ("endless", "a line is longer than"),
    ],
)
def test_a_program_that_does_not_keep_to_the_protocol(
    how: str, reason: str, tmp_path: Path
) -> None:
    async def main() -> None:
        program = Program((*LIAR, how), tmp_path)
        await program.start()
        try:
            with pytest.raises(Failed, match=reason):
                await program.ask("start", timeout_s=0.5 if how == "silent" else 20)
        finally:
            await program.kill()

    run(main())


def test_no_such_program_and_one_that_was_killed(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(Failed, match="cannot be started: No such file"):
            await Program(("no-such-program",), tmp_path).start()
        program = Program((*LIAR, "silent"), tmp_path)
        await program.start()
        asking = asyncio.create_task(program.ask("start", timeout_s=20))
        await asyncio.sleep(0)
        await program.kill()
        with pytest.raises(Failed, match="the program ended"):
            await asking

    run(main())
