"""A program that does everything a session can do, well and badly, with every logger at DEBUG.

`tests/cards/test_leaks.py` runs it and searches all it leaves behind. It also shows the repr of every
object that can be reached from the client, and the name of every task.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import traceback
import types
from collections import deque
from typing import TYPE_CHECKING, Any

import topstepx
from topstepx.errors import TopstepxError
from topstepx.settings import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_CONTAINERS = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType, types.CellType)
_SHUT = (type, types.ModuleType)


def say(*parts: object) -> None:
    sys.stdout.write(" ".join(map(str, parts)) + "\n")
    sys.stdout.flush()


def show_reachable(root: object) -> int:
    """Show all that hangs on `root` through objects of this project; how much that was.

    Of other libraries' objects the repr is shown and not what is inside; a Secret's own slot is the
    one place where a value may be.
    """
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        ours = type(one).__module__.startswith("topstepx") and not isinstance(one, Secret)
        if ours or isinstance(one, _CONTAINERS):
            waiting += [each for each in gc.get_referents(one) if not isinstance(each, _SHUT)]
        elif isinstance(one, types.MethodType):
            waiting.append(one.__self__)
    shown = [repr(one)[:4000] for one in seen.values() if not isinstance(one, _CONTAINERS)]
    for text in shown:
        say(text)
    return len(shown)


async def flow(name: str, work: Callable[[], Awaitable[Any]]) -> None:
    """One flow; its errors are shown with their tracebacks, causes and attributes."""
    say("flow", name)
    try:
        say(await work())
    except (TopstepxError, TimeoutError) as error:
        traceback.print_exception(error)
        say(vars(error), error.args)
    logging.getLogger("flows").info("after %s", name)


async def arrange(act: str) -> None:
    """Ask the test, by standard output and input, to arrange something at the gateway."""
    say(f"@{act}")
    await asyncio.to_thread(sys.stdin.readline)


async def lived() -> None:
    """A client's life, with troubles."""
    async with topstepx.connect("mine", share_session=True) as tsx:
        account = await tsx.accounts.one("PRAC")
        contract = await tsx.contracts.front("MNQ")

        async def quotes() -> list[object]:
            found: list[object] = []
            async with asyncio.timeout(1.5):
                async for quote in tsx.market.quotes(contract):
                    found.append(quote)
                    if len(found) == 3:
                        break
            return found

        async def cancelled() -> str:
            task = asyncio.create_task(tsx.market.bars(contract, "1m", last=40_000))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return repr(task)

        async def read() -> object:
            return await tsx.accounts.all()

        await flow("accounts", read)
        await flow("ready", lambda: tsx.ready(account))
        await flow("quotes", quotes)
        await flow("cancelled", cancelled)
        for act in ("revoke", "html", "echo", "kick", "unauthorized", "handshake", "cut"):
            await arrange(act)
            await flow(act, read)
            await flow(act, quotes)
        await arrange("calm")
        await flow("calm", read)
        say("tasks", asyncio.all_tasks())
        say("shown", show_reachable(tsx))
        await arrange("look")
        await flow("logout", tsx.logout)
        await flow("after the logout", read)


async def refused() -> None:
    """Logins that fail, with words of the gateway that repeat the key."""

    async def enter() -> object:
        async with topstepx.connect("mine") as tsx:
            return await tsx.accounts.all()

    for act in ("wrong", "broken", "echoed"):
        await arrange(act)
        await flow(act, enter)
        await arrange("calm")


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    asyncio.run(lived(), debug=True)
    asyncio.run(refused(), debug=True)
    say("@end")
