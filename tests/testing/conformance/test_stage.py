from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.running import run
from topstepx.sim.fault_kinds import Answer, DropAnswer
from topstepx.testing.conformance.program import Failed
from topstepx.testing.conformance.stage import Stage
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from pathlib import Path

LIAR = (sys.executable, "-m", "tests.support.lying_client")


def bought(stage: Stage) -> int:
    """An order over the API, whoever sent it."""
    request = PlaceRequest(
        account_id=stage.account_id,
        contract_id=stage.contract_id,
        type=OrderType.LIMIT,
        side=Side.BUY,
        size=1,
        limit_price=stage.far_price(),
    )
    answer = stage.sim.gateway.venue.place(request, stage.now())
    assert answer.order_id is not None
    return answer.order_id


@pytest.mark.parametrize(
    ("said", "made", "expected", "reason"),
    [
        ({"result": "no"}, 1, 1, "says no, and the order exists"),
        ({"result": "unknown"}, 2, 1, "2 orders exist instead of 1"),
        ({"result": "accepted", "order_id": 7}, 0, 0, "accepted, and there is no order"),
        ({"result": "accepted", "order_id": 7}, 1, 1, "not 7"),
        ({"result": "accepted"}, 1, 1, "not None"),
        ({"result": "done"}, 1, 1, "place says done"),
    ],
)
def test_what_is_not_so_is_found(
    said: dict[str, Any], made: int, expected: int, reason: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Stage(LIAR, tmp_path) as stage:
            for _ in range(made):
                bought(stage)
            with pytest.raises(Failed, match=reason):
                stage.honest(said, expected)

    run(main())


def test_what_is_so_passes_and_unknown_is_never_a_lie(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(LIAR, tmp_path) as stage:
            stage.honest({"result": "no"}, 0)
            stage.honest({"result": "unknown"}, 0)
            order_id = bought(stage)
            stage.honest({"result": "unknown"}, 1)
            stage.honest({"result": "accepted", "order_id": order_id}, 1)
            stage.fill(stage.truth.order(order_id))
            assert len(await stage.trades(1)) == 1

    run(main())


def test_calls_are_counted_also_those_that_were_never_executed(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(LIAR, tmp_path) as stage:
            stage.fault("Order/place", Answer(502))
            stage.fault("Order/place", DropAnswer(), after=1)
            headers = {"Content-Type": "application/json"}
            for _ in range(3):
                stage.sim.gateway.request("POST", "/api/Order/place", headers, b"{}", stage.now())
            assert stage.asked("Order/place") == 3
            with pytest.raises(Failed, match="sent 3 times"):
                stage.sent_once()

    run(main())


def test_a_word_that_the_protocol_does_not_know(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage((*LIAR, "vague"), tmp_path) as stage:
            with pytest.raises(Failed, match="start: perhaps"):
                await stage.begin()
            with pytest.raises(Failed, match="its result is 'perhaps'"):
                await stage.place()

    run(main())


def test_a_fill_that_is_not_told_and_a_card_that_tested_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with Stage(LIAR, tmp_path) as stage:
            with pytest.raises(Failed, match="this card tested nothing"):
                await stage.told_once([])
            stage.fill(stage.truth.order(bought(stage)))
            stage.program.told.append({"event": "fill", "trade_id": [1]})
            stage.program.told.append({"event": "fill"})
            with pytest.raises(Failed, match="is not told within"):
                await stage.told_once(await stage.trades(1), 0.3)

    run(main())
