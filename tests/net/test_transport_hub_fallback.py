"""What is special to the aiohttp hub sockets; what both have in common is in `test_transport_hub`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support import websocket as ws
from tests.support.callers import Deaf
from tests.support.running import run, until
from tests.support.scripted import Scripted, Wire
from topstepx.errors import UpgradeRefused
from topstepx.net.transport_hub_fallback import AiohttpHubTransport

if TYPE_CHECKING:
    from topstepx.net.transport import HubSocket


async def open_one(transport: AiohttpHubTransport) -> HubSocket:
    return await transport.open("user", headers={}, query={}, listener=Deaf(), timeout_s=5)


def test_a_refused_upgrade_keeps_no_connection_for_the_next() -> None:
    def script(wire: Wire) -> None:
        wire.request()
        if len(server.connections) == 1:
            wire.answer(b"no", status="503 X", headers={"Connection": "keep-alive"})
            wire.wait_for_end()
        else:
            wire.answer(b"no", status="401 X")

    async def main() -> list[int]:
        transport, statuses = AiohttpHubTransport(server.hub_url), []
        for _ in range(2):
            with pytest.raises(UpgradeRefused) as caught:
                await open_one(transport)
            statuses.append(caught.value.status)
        await transport.close()
        return statuses

    with Scripted(script) as server:
        assert run(main()) == [503, 401]
        assert len(server.connections) == 2


def test_many_sockets_leave_no_task_behind() -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.serve_until_close(wire)

    async def main() -> None:
        transport = AiohttpHubTransport(server.hub_url)
        for _ in range(10):
            (await open_one(transport)).close()
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert not transport._open
        await transport.close()

    with Scripted(script) as server:
        run(main())


def test_tasks_are_named_after_the_hub_and_nothing_else() -> None:
    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.serve_until_close(wire)

    async def main() -> set[str]:
        transport = AiohttpHubTransport(server.hub_url)
        await open_one(transport)
        names = {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}
        await transport.close()
        return names

    with Scripted(script) as server:
        assert run(main()) == {"user hub socket", "user hub socket writer"}
