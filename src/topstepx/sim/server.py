"""The simulated gateway on a real TCP port: REST, negotiate and both hubs, by aiohttp.

`SimServer` owns the sockets, the simulated clock and the pump that lets the market move; all thinking
is the `Gateway`'s.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Self

from aiohttp import web

from topstepx.clock import Clock, SystemClock
from topstepx.errors import ConfigurationError
from topstepx.sim.gateway import Gateway
from topstepx.sim.outside import Outside
from topstepx.sim.saved import Recipe
from topstepx.sim.scenarios import SCENARIOS
from topstepx.sim.server_clock import SimClock
from topstepx.sim.server_connections import Door, Socket, wants_websocket
from topstepx.sim.server_control import PREFIX, ControlDoor
from topstepx.sim.server_machine import ServedMachine, in_real_time
from topstepx.sim.server_page import PATHS, page_answer
from topstepx.sim.server_ports import cannot_listen, must_be_loopback
from topstepx.sim.server_state import check_place
from topstepx.sim.switches import Switches, changed

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from topstepx.sim.bar_file import RealBars
    from topstepx.sim.scenarios import Scenario

# Between two looks at the market: long enough to batch, short enough not to be felt.
_STEP_MIN_S = 0.002
_STEP_MAX_S = 0.5
_GIVEN_BARS = "the bars that were given"
"""What a recipe calls real bars that came without their file."""
_CATCH_UP_S = 60.0
_SHUTDOWN_S = 1.0


class SimServer:
    """A simulated gateway to use as a context manager.

    ::

        async with SimServer(seed=7) as sim:
            print(sim.url, sim.user_name, sim.api_key)

    `port` 0 takes a free one. `host` must be of this machine unless `public`. `at` starts the
    simulated clock elsewhere than now, `speed` runs it faster. `gateway` takes one that was built
    already, whose time then goes on from where it is; the other arguments build one and mean what
    they mean in `Gateway.build`. `scenario` stands for accounts, rules and hours together, `source` is the
    file and contract that `real` was read from, `state` is loaded when it is there and saved at the end.

    Raises `ConfigurationError` when the port is in use or the host is refused.
    """

    def __init__(
        self,
        *,
        gateway: Gateway | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        public: bool = False,
        clock: Clock | None = None,
        at: datetime | None = None,
        speed: float = 1.0,
        seed: int = 1,
        hours: Literal["always", "true"] = "always",
        real: RealBars | None = None,
        switches: Switches | None = None,
        user_name: str = "trader01",
        api_key: str | None = None,
        rate: float = 1.0,
        limited: bool = True,
        scenario: Scenario | None = None,
        source: tuple[str, str] | None = None,
        state: Path | None = None,
        control_token: str | None = None,
    ) -> None:
        if not public:
            must_be_loopback(host)
        self._real, self._scenario = real, scenario
        given = _GIVEN_BARS if real is not None else None
        recipe = Recipe(
            seed=seed,
            scenario=scenario.name if scenario is not None else None,
            hours=hours,
            rate=rate,
            speed=speed,
            bars=source[0] if source else given,
            contract=source[1] if source else None,
            limited=limited,
            user_name=user_name,
            switches=changed(switches or Switches()),
        )
        at = _begins(at, gateway, real, scenario)
        self._real_clock, self._at = clock or SystemClock(), at
        self._clock = SimClock(self._real_clock, at, speed)
        self._host, self._wanted_port = host, port
        key = api_key or base64.b64encode(secrets.token_bytes(32)).decode("ascii")
        self.outside = Outside()
        """What a plan can reach besides the gateway; give a program's hands before `start`."""
        made = gateway or self._build(recipe, self._clock.now(), key, secrets.token_bytes(32))
        in_real_time(made, speed)
        self.machine = ServedMachine(
            made, self._clock, None if gateway is not None else recipe, self._build, state
        )
        self.machine.where = lambda: self.url
        self.outside.gateway_clock = self.machine
        made.acts.outside = self.outside
        if state is not None:
            check_place(state)
        if state is not None and state.exists():
            self.machine.load(None)
            if api_key is not None:  # who names a key means it, whatever was saved
                next(iter(self.gateway.users.values())).api_key = api_key
        self.control_token = control_token or secrets.token_urlsafe(32)
        """What the control interface wants as a bearer token."""
        self._control = ControlDoor(self.machine, self.control_token, host)
        self.port = 0
        self._runner: web.ServerRunner | None = None
        self._pump: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._sockets: set[Socket] = set()

    # ------------------------------------------------------------ what people ask

    @property
    def url(self) -> str:
        """The base address for REST; the hubs are at `/hubs/user` and `/hubs/market` below it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    @property
    def gateway(self) -> Gateway:
        """The gateway that runs now; another one after a load or a reset."""
        return self.machine.gateway

    @property
    def control_url(self) -> str:
        """The base address of the control interface."""
        return f"{self.url}{PREFIX}"

    @property
    def user_name(self) -> str:
        """Whom to log in as."""
        return self.gateway.user_name

    @property
    def api_key(self) -> str:
        """The key to log in with."""
        return self.gateway.api_key

    @property
    def speed(self) -> float:
        """How many simulated seconds pass in a real one."""
        return self._clock.speed

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the server is on its way down."""
        return self._stopping

    def now(self) -> datetime:
        """The simulated time as aware UTC."""
        return self._clock.now()

    # ------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen, and let the market run."""
        server = web.Server(self._answer, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._wanted_port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise cannot_listen(self._host, self._wanted_port, error) from error
        self.port = self._runner.addresses[0][1]
        self.machine.adopt = self._adopt
        self._adopt(self.gateway)
        self._pump = asyncio.create_task(self._run(), name="simulated market")

    async def close(self) -> None:
        """Say goodbye to every hub session and let go of the port. Raises what broke the market."""
        self._stopping.set()
        self._news.set()
        if self._pump is not None:
            await asyncio.wait({self._pump})
        if self.machine.state is not None:
            self.machine.save(None)
        for session in self.gateway.sessions:
            session.close(allow_reconnect=True, now=self.now())
        if self._sockets:
            await asyncio.wait({one.task for one in self._sockets}, timeout=_SHUTDOWN_S)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._pump is not None:
            await self._pump

    async def wait_broken(self) -> None:
        """Returns only when the market stopped: by `close`, or by raising what broke it."""
        if self._pump is not None:
            await asyncio.shield(self._pump)

    # ------------------------------------------------------------ inside

    def _build(
        self, recipe: Recipe, at: datetime | None, api_key: str, signing_key: bytes
    ) -> Gateway:
        """A gateway by a recipe; None begins where this server began."""
        if (recipe.bars is None) != (self._real is None):
            raise ConfigurationError(
                f"the saved state plays bars of {recipe.bars}, this simulator does not."
                if recipe.bars
                else "the saved state plays no bars, this simulator does.",
                next_step="End it and start it with that --state file.",
            )
        world = SCENARIOS.get(recipe.scenario or "", self._scenario)
        if at is None:
            first = self._real.start_moment(self._at) if self._real is not None else self._at
            at = (world.at if world is not None else None) or first or self._real_clock.now()
        built = Gateway.build(
            at=at,
            seed=recipe.seed,
            hours=recipe.hours,
            real=self._real,
            switches=Switches.from_pairs(f"{name}={one}" for name, one in recipe.switches.items()),
            user_name=recipe.user_name,
            api_key=api_key,
            signing_key=signing_key,
            rate=recipe.rate,
            catch_up=timedelta(seconds=_CATCH_UP_S * max(1.0, recipe.speed)),
            limited=recipe.limited,
            scenario=world,
        )
        built.acts.outside = self.outside
        return built

    def _adopt(self, gateway: Gateway) -> None:
        gateway.on_change = self._news.set
        self._news.set()

    async def _run(self) -> None:
        """The pump: advances the gateway whenever something is due."""
        breath_s = 0.0
        while not self._stopping.is_set():
            self._news.clear()
            gateway = self.gateway
            gateway.advance(self.now())
            due = gateway.next_event_at()
            wait_s = _STEP_MAX_S
            if self.machine.paused:
                # Simulated time stands still, clients do not: their hubs must not seem dead.
                breath_s += _STEP_MAX_S
                if breath_s * self.speed >= gateway.hubs.policy.keep_alive_s:
                    breath_s = 0.0
                    gateway.hubs.breathe(self.now())
            elif due is not None:
                wait_s = (due - self.now()).total_seconds() / self.speed
            await asyncio.sleep(_STEP_MIN_S)
            rest_s = min(wait_s, _STEP_MAX_S) - _STEP_MIN_S
            if rest_s > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest_s):
                        await self._news.wait()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in PATHS and request.method in {"GET", "HEAD"}:
            strange = self._control.stranger(request)
            return strange or page_answer(self.machine, request.path)
        if request.path.startswith(PREFIX):
            return await self._control.answer(request)
        door = Door(self.gateway, self.now, self.speed, self._stopping)
        if wants_websocket(request):
            opened = self.gateway.upgrade(
                request.path, dict(request.headers), dict(request.query), self.now()
            )
            if isinstance(opened, int):
                return web.Response(status=opened)
            socket = Socket(opened, self.now)
            self._sockets.add(socket)
            try:
                return await socket.serve(request)
            finally:
                self._sockets.discard(socket)
        return await door.answer(request)


def _begins(
    at: datetime | None, gateway: Gateway | None, real: RealBars | None, scenario: Scenario | None
) -> datetime | None:
    """Where simulated time starts; None: now."""
    if gateway is not None:
        return at or gateway.now
    if real is not None:
        return real.start_moment(at)
    return at or (scenario.at if scenario is not None else None)
