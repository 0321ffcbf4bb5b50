"""The simulated gateway on a real TCP port: REST, negotiate and both hubs, by aiohttp.

`SimServer` owns the sockets, the simulated clock and the pump that lets the market move; all thinking
is the `Gateway`'s.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import ipaddress
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Self

from aiohttp import web

from topstepx.clock import Clock, SystemClock
from topstepx.errors import ConfigurationError
from topstepx.sim.gateway import Gateway
from topstepx.sim.server_clock import SimClock
from topstepx.sim.server_connections import Door, Socket, wants_websocket

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from topstepx.sim.bar_file import RealBars
    from topstepx.sim.scenarios import Scenario
    from topstepx.sim.switches import Switches

# Between two looks at the market: long enough to batch, short enough not to be felt.
_STEP_MIN_S = 0.002
_STEP_MAX_S = 0.5
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
    they mean in `Gateway.build`.

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
    ) -> None:
        if not public:
            _must_be_loopback(host)
        if gateway is not None:
            at = at or gateway.now
        elif real is not None:
            at = real.start_moment(at)
        elif scenario is not None:
            at = at or scenario.at
        self._clock = SimClock(clock or SystemClock(), at, speed)
        self._host, self._wanted_port = host, port
        self.gateway = gateway or Gateway.build(
            at=self._clock.now(),
            seed=seed,
            hours=hours,
            real=real,
            switches=switches,
            user_name=user_name,
            api_key=api_key or base64.b64encode(secrets.token_bytes(32)).decode("ascii"),
            signing_key=secrets.token_bytes(32),
            rate=rate,
            catch_up=timedelta(seconds=_CATCH_UP_S * max(1.0, speed)),
            limited=limited,
            scenario=scenario,
        )
        self._hubs_in_real_time()
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
            raise _cannot_listen(self._host, self._wanted_port, error) from error
        self.port = self._runner.addresses[0][1]
        self.gateway.on_change = self._news.set
        self._pump = asyncio.create_task(self._run(), name="simulated market")

    async def close(self) -> None:
        """Say goodbye to every hub session and let go of the port. Raises what broke the market."""
        self._stopping.set()
        self._news.set()
        if self._pump is not None:
            await asyncio.wait({self._pump})
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

    def _hubs_in_real_time(self) -> None:
        """Clients keep real time: pings and time-outs stay what they are at any speed."""
        policy = self.gateway.hubs.policy
        policy.keep_alive_s *= self.speed
        policy.client_timeout_s *= self.speed
        policy.handshake_timeout_s *= self.speed

    async def _run(self) -> None:
        """The pump: advances the gateway whenever something is due."""
        while not self._stopping.is_set():
            self._news.clear()
            self.gateway.advance(self.now())
            due = self.gateway.next_event_at()
            wait_s = _STEP_MAX_S
            if due is not None:
                wait_s = (due - self.now()).total_seconds() / self.speed
            await asyncio.sleep(_STEP_MIN_S)
            rest_s = min(wait_s, _STEP_MAX_S) - _STEP_MIN_S
            if rest_s > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest_s):
                        await self._news.wait()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
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


def _must_be_loopback(host: str) -> None:
    try:
        inside = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise ConfigurationError(
            f"host={host!r}: the simulator listens on this machine only.",
            next_step="Use 127.0.0.1, or allow others on purpose (--public, public=True).",
        )


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"port={port}: another program on this machine listens there already.",
            next_step="Choose another one, or 0 for a free one.",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ConfigurationError(
            f"port={port}: this user may not listen there.",
            next_step="Choose one above 1023, or 0 for a free one.",
        )
    return ConfigurationError(
        f"host={host!r}, port={port}: cannot listen ({error.strerror}).",
        next_step="Use 127.0.0.1 and a free port.",
    )
