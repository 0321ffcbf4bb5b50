"""The pytest plugin: a client, a simulated gateway and virtual time, without any set-up.

pytest loads this module by itself because the package is installed, so it stands beside it and imports nothing of it until
a fixture is asked for: who does not use it does not notice it.

* an `async def` test that asks for one of these fixtures runs in virtual time;
* `sim`: the gateway with the client in front of it (`topstepx.testing.pair.Pair`), entered;
* `tsx`: its client, logged in; `faults`: what is to go wrong; `clock`: the client's clock.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.client import Client
    from topstepx.sim.faults import Faults
    from topstepx.testing.loop import LoopClock
    from topstepx.testing.pair import Pair

_LOOP = pytest.StashKey[Any]()


class _World:
    """One loop in virtual time with a pair in it."""

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415  only when a fixture is asked for

        from topstepx.testing.loop import VirtualLoop  # noqa: PLC0415  the same
        from topstepx.testing.pair import Pair  # noqa: PLC0415  the same

        self.loop = VirtualLoop()
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)
        self.pair = Pair()
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        await self.pair.__aenter__()

    def end(self) -> None:
        """Leave the client and close the loop."""
        try:
            self.runner.run(self.pair.__aexit__(None, None, None))
        finally:
            self.runner.close()


@pytest.fixture(name="_topstepx_world")
def _world(request: pytest.FixtureRequest) -> Iterator[_World]:
    world = _World()
    request.node.stash[_LOOP] = world.runner
    yield world
    world.end()


@pytest.fixture
def sim(_topstepx_world: _World) -> Pair:
    """The simulated gateway with a client in front of it: `sim.tsx`, `sim.truth`, `sim.gateway`."""
    return _topstepx_world.pair


@pytest.fixture
def tsx(_topstepx_world: _World) -> Client:
    """A client of the simulated gateway, logged in."""
    return _topstepx_world.pair.tsx


@pytest.fixture
def faults(_topstepx_world: _World) -> Faults:
    """What is to go wrong: `faults.add(Fault(where="Order/place", what=DropAnswer()))`."""
    return _topstepx_world.pair.faults


@pytest.fixture
def clock(_topstepx_world: _World) -> LoopClock:
    """The client's clock: `clock.suspend(600)` closes the lid, `clock.step_wall(-5)` sets it."""
    return _topstepx_world.pair.clock


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test that uses one of our fixtures; everything else is not ours."""
    runner = pyfuncitem.stash.get(_LOOP, None)
    if runner is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    runner.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True
