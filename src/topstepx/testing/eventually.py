"""Wait until something holds, and say what was missing when it never does."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, TypeVar, cast, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


@overload
async def eventually(
    check: Callable[[], Awaitable[T]], *, timeout_s: float = ..., every_s: float = ...
) -> T: ...


@overload
async def eventually(
    check: Callable[[], T], *, timeout_s: float = ..., every_s: float = ...
) -> T: ...


async def eventually(
    check: Callable[[], T | Awaitable[T]], *, timeout_s: float = 10.0, every_s: float = 0.05
) -> T:
    """What `check` returned once it held; it is asked every `every_s` seconds of loop time.

    A function annotated `-> None` is an assertion and holds when it does not raise; any other is a
    predicate and holds when its result is truthy. AssertionError and LookupError mean "not yet",
    everything else is raised at once. `check` may be async. Raises AssertionError with the last
    failure after `timeout_s`.
    """
    asserts = getattr(check, "__annotations__", {}).get("return", ...) in {None, "None"}
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + timeout_s
    while True:
        cause: Exception | None = None
        try:
            found = check()
            if inspect.isawaitable(found):
                found = await found
            if asserts or found:
                return cast("T", found)
            last = f"it returned {found!r}"
        except (AssertionError, LookupError) as error:
            cause, last = error, f"{type(error).__name__}: {error}"
        if loop.time() >= give_up_at:
            name = getattr(check, "__qualname__", repr(check))
            raise AssertionError(
                f"{name} did not hold within {timeout_s:g} s; at last {last}"
            ) from cause
        await asyncio.sleep(min(every_s, max(give_up_at - loop.time(), 0.0)))
