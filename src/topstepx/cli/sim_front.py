"""A plan for a simulator that is started here, and the proxy that stands before it where bytes go wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.cli.sim import SimOptions
    from topstepx.sim.fault_plans import FaultPlan
    from topstepx.sim.server import SimServer
    from topstepx.testing.proxy import FaultProxy

_LOCAL = "127.0.0.1"


class Front:
    """Where clients connect: at the simulator, or at a proxy before it when the plan has wire faults.

    `behind` is what the simulator itself is asked for. Raises `ConfigurationError` for a plan that
    cannot be read, and `InvalidRequest` with the path of a slip in it.
    """

    def __init__(self, options: SimOptions) -> None:
        self.plan = None if options.plan is None else read_plan(options.plan)
        self._options, self._proxy = options, _proxy_for(options, self.plan)
        self.behind = options
        if self._proxy is not None:
            self.behind = replace(options, host=_LOCAL, port=0, public=False)
        self.url = ""
        self.port = 0

    async def start(self, sim: SimServer) -> None:
        """Stand before a simulator that listens. Raises `ConfigurationError` when the port is taken."""
        self.url, self.port = sim.url, sim.port
        proxy = self._proxy
        if proxy is None:
            return
        from topstepx.sim.server_ports import cannot_listen
        from topstepx.testing.proxy_hand import ProxyHand

        proxy.target = sim.port
        try:
            await proxy.__aenter__()
        except OSError as error:
            self._proxy = None
            raise cannot_listen(proxy.host, proxy.port, error) from error
        host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
        self.url, self.port = f"http://{host}:{proxy.port}", proxy.port
        sim.machine.where = lambda: self.url
        sim.outside.wire = ProxyHand(proxy, lambda: sim.speed)

    def begin(self, sim: SimServer) -> None:
        """Let the plan begin. Raises `InvalidRequest` with the path of what cannot act here."""
        if self.plan is not None:
            self.plan.add_to(sim.gateway.faults, sim.now())

    async def close(self) -> None:
        """Let go of the port."""
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            await proxy.__aexit__()


def read_plan(path: Path) -> FaultPlan:
    """A plan from a file. Raises `ConfigurationError` when there is none."""
    from topstepx.sim.fault_plans import FaultPlan

    try:
        return FaultPlan.from_toml(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"--plan {path}: {error.strerror}.", next_step="Name a TOML file."
        ) from None


def _proxy_for(options: SimOptions, plan: FaultPlan | None) -> FaultProxy | None:
    from topstepx.sim.fault_kinds import WIRE_FAULTS

    if plan is None or not any(isinstance(one.what, WIRE_FAULTS) for one in plan.faults):
        return None
    from topstepx.sim.server_ports import must_be_loopback
    from topstepx.testing.proxy import FaultProxy

    if options.state is not None:
        raise ConfigurationError(
            f"--state {options.state}: a state cannot hold faults on the wire, and --plan has some.",
            next_step="Leave one of the two out.",
        )
    if not options.public:
        must_be_loopback(options.host)
    return FaultProxy(0, seed=options.seed, host=options.host, port=options.port)
