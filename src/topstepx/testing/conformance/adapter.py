"""This library behind the line protocol: `python -m topstepx.testing.conformance.adapter`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topstepx.connecting import connect
from topstepx.core.terms import Bracket, Limit, Market, Stop
from topstepx.errors import TopstepxError
from topstepx.events import TradeObserved, TradeVoided
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from topstepx.client import Client
    from topstepx.desk.accounts import Account
    from topstepx.desk.contracts import Contract

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class Adapter:
    """Carries out the judge's commands with an open client, and tells what the client hears."""

    def __init__(self, tsx: Client, account: Account, contract: Contract) -> None:
        self._tsx, self._account, self._contract = tsx, account, contract
        self._desk = tsx.desk(account, contract)

    async def carry_out(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to one command."""
        verbs = {
            "place": self._place,
            "cancel": self._cancel,
            "close": self._close,
            "read": self._read,
            "report": self._report,
        }
        try:
            return await verbs[asked["do"]](asked)
        except TopstepxError as error:
            return {"result": error.did_it_happen, "why": f"{type(error).__name__}: {error}"}

    async def tell(self) -> None:
        """Every trade and every void, as an event."""
        async for event in self._tsx.events(TradeObserved, TradeVoided):
            if not isinstance(event, TradeObserved | TradeVoided) or event.origin == "replayed":
                continue
            trade = event.trade
            say(
                {
                    "event": "void" if isinstance(event, TradeVoided) else "fill",
                    "trade_id": trade.id,
                    "order_id": trade.order_id,
                    "size": trade.size,
                    "price": str(trade.price),
                }
            )

    async def _place(self, asked: dict[str, Any]) -> dict[str, Any]:
        kind, price = asked["type"], asked.get("price", "")
        at = Market() if kind == "market" else Limit(price) if kind == "limit" else Stop(price)
        stop, target = asked.get("stop_ticks"), asked.get("target_ticks")
        bracket = Bracket(stop_ticks=stop, target_ticks=target) if stop or target else None
        order = await self._tsx.orders.place(
            self._account,
            asked.get("contract_id") or self._contract,
            _SIDES[asked["side"]],
            asked["size"],
            at=at,
            bracket=bracket,
            key=asked["key"],
        )
        return {"result": "accepted", "order_id": order.id}

    async def _cancel(self, asked: dict[str, Any]) -> dict[str, Any]:
        order = self._tsx.orders.get(self._account, order_id=asked["order_id"])
        if order is None:
            return {"result": "no", "why": "this order is not known here"}
        await order.cancel()
        return {"result": "done"}

    async def _close(self, _: dict[str, Any]) -> dict[str, Any]:
        await self._desk.close()
        return {"result": "done"}

    async def _read(self, _: dict[str, Any]) -> dict[str, Any]:
        await self._tsx.orders.open(self._account)
        return {"result": "done"}

    async def _report(self, _: dict[str, Any]) -> dict[str, Any]:
        position = self._desk.position
        working = [order.id for order in self._desk.working]
        return {
            "result": "done",
            "position": None if position is None else position.net,
            "working": [one for one in working if one is not None],
        }


async def serve() -> None:
    """Read commands until standard input ends."""
    start = await _asked()
    if start is None:
        return
    async with connect(
        "sim",
        url=start["url"],
        user_name=start["user_name"],
        api_key=start["api_key"],
        trade=True,
        on_exit="keep",
        journal=Path(start["folder"]) / "journal.sqlite",
    ) as tsx:
        account = await tsx.accounts.one(start["account_id"])
        contract = await tsx.contracts.one(start["contract_id"])
        adapter = Adapter(tsx, account, contract)
        telling = asyncio.create_task(adapter.tell(), name="adapter telling")
        await asyncio.sleep(0)
        await tsx.ready(account)
        say({"id": start["id"], "result": "done"})
        while (asked := await _asked()) is not None:
            say({"id": asked["id"], **await adapter.carry_out(asked)})
        telling.cancel()


def say(line: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


async def _asked() -> dict[str, Any] | None:
    line = await asyncio.to_thread(sys.stdin.readline)
    return dict(json.loads(line)) if line.strip() else None


if __name__ == "__main__":
    asyncio.run(serve())
