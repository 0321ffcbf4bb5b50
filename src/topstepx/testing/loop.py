"""Virtual time: an event loop whose clock jumps, so that an hour of waiting takes no time at all.

How it works. The stock loop asks its selector to wait until the next timer is due. Here the selector
does not wait: when nothing is ready it moves the clock to the next timer. Everything else is the
stock loop. Four rules follow.

* **No sockets.** Bytes from outside arrive in real time, which is not the time kept here; use the
  in-memory transports. Registering a socket or resolving a name raises `NotVirtual`.
* **Threads stop the clock.** While work handed to `run_in_executor` (or `asyncio.to_thread`) is
  outstanding, virtual time stands still; results are delivered when nothing else is ready, oldest
  first, so a run repeats itself exactly. Threads started in any other way are not seen: reach
  them through an executor.
* **A stall is an error.** With nothing ready, no timer and no outstanding thread, the run can never
  go on; `Stalled` says which tasks wait and where.
* **Order is a seed.** Without a seed ready callbacks run first in, first out, as asyncio does. With
  one they run in a random order that the seed repeats: stricter than asyncio, so a failure that
  appears only with a seed means "relies on order".
"""

from __future__ import annotations

import asyncio
import collections
import functools
import math
import random
import selectors
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar, overload

from topstepx.clock import NANOSECONDS
from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor, Future

T = TypeVar("T")
P = ParamSpec("P")
A = TypeVar("A")

WEEK_S = 7 * 24 * 3600.0


class NotVirtual(TopstepxError, RuntimeError):
    """The code under test did something that virtual time cannot carry, such as open a socket."""


class Stalled(TopstepxError, AssertionError):
    """Nothing is ready and nothing ever will be; the message lists the waiting tasks."""


class OverTime(TopstepxError, AssertionError):
    """The run went past its limit: of virtual time, of turns in one moment of it, or of a thread's real time."""


class UnhandledInLoop(TopstepxError, AssertionError):
    """A callback or a forgotten task raised; nobody else would have told you."""


class _Job(NamedTuple):
    """Work on a thread: what it becomes, who wants it, and since when (real seconds)."""

    work: Future[Any]
    answer: asyncio.Future[Any]
    name: str
    given_at_s: float


class _Counted(collections.deque[A]):
    """A queue that knows how many of its members were taken out."""

    taken = 0

    def popleft(self) -> A:
        self.taken += 1
        return super().popleft()


class _Shuffled(_Counted[A]):
    """A queue that gives out its members in a random order that the seed repeats."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311  repeatable order is the point

    def popleft(self) -> A:
        self.rotate(-self._random.randrange(len(self)))
        return super().popleft()


class _Selector(selectors.DefaultSelector):
    """Asks the loop what to do instead of waiting, and admits the loop's own wake-up pipe only."""

    loop: VirtualLoop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401  the base class takes anything with a file number
        if self.get_map():
            raise _refusal("A socket or pipe was opened")
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Never an event: whether a thread's wake-up came a turn sooner or later must change nothing."""
        if timeout == 0:
            self.loop.turns()
        wait_s = 0 if timeout == 0 else self.loop.real_wait_s()
        if super().select(wait_s):
            self.loop.empty_pipe()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The stock selector loop with a clock that jumps; see the module for the rules.

    `now_ns` is the virtual time in nanoseconds since the start. The private names of the stock loop that
    this touches (`_ready`, `_scheduled`, `_clock_resolution`, `_read_from_self`, `_write_to_self`) are the
    same in Python 3.11 to 3.14; the tests run on each.
    """

    now_ns: int

    def __init__(
        self,
        *,
        seed: int | None = None,
        limit_s: float = WEEK_S,
        thread_limit_s: float = 30.0,
        turns_max: int = 300_000,
    ) -> None:
        self.now_ns, self._turns, self._turns_at_ns = 0, 0, 0
        self.problems: list[dict[str, Any]] = []
        self._limit_s, self._thread_limit_s = limit_s, thread_limit_s
        self._turns_max = turns_max
        self._jobs: collections.deque[_Job] = collections.deque()
        self._threads: ThreadPoolExecutor | None = None
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-9
        self._ready: _Counted[Any] = _Counted() if seed is None else _Shuffled(seed)
        self.set_exception_handler(lambda _loop, context: self.problems.append(context))

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self.now_ns / NANOSECONDS

    @property
    def callbacks(self) -> int:
        """How many callbacks were run so far: the work a run is made of."""
        return self._ready.taken

    def turns(self) -> None:
        """Another turn of the loop; raises when time has stood still for too many of them."""
        if self.now_ns != self._turns_at_ns:
            self._turns, self._turns_at_ns = 0, self.now_ns
        self._turns += 1
        if self._turns > self._turns_max:
            self._turns = 0  # what is left is cancelled, which takes turns too
            raise OverTime(
                f"Virtual time stands still at {self.time():g} s, {self._turns_max} turns of the loop long;"
                f" {_who_waits(self)}.",
                next_step="Somebody tries again and again without a pause.",
            )

    def empty_pipe(self) -> None:
        """Take what woke the loop, outside its callbacks."""
        self._read_from_self()  # type: ignore[attr-defined]  # private in the stock loop

    def real_wait_s(self) -> float:
        """Nothing is ready: deliver a thread's result, or jump; then how long to really wait."""
        if self._jobs:
            return self._thread_wait_s()
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # private in the stock loop
        if not timers:
            raise Stalled(
                f"At {self.time():g} s of virtual time nothing is ready and no timer is set; {_who_waits(self)}"
            )
        when = timers[0].when()
        if when > self._limit_s:
            raise OverTime(
                f"The run reached {self._limit_s:g} s of virtual time; {_who_waits(self)}.",
                next_step="End what repeats for ever, or give a larger limit_s.",
            )
        # Far from zero neighbouring floats are more than a nanosecond apart; without this the stock
        # loop would never find the timer due.
        self._clock_resolution = max(1e-9, 2 * math.ulp(when))
        self.now_ns = max(self.now_ns, round(when * NANOSECONDS))
        return 0

    def _thread_wait_s(self) -> float:
        work, answer, name, given_at = self._jobs[0]
        if work.done():
            self._jobs.popleft()
            self.call_soon(_pass_on, work, answer)
            return 0
        patience_s = given_at + self._thread_limit_s - time.monotonic()
        if patience_s <= 0:
            raise OverTime(
                f"Thread work {name} took over {self._thread_limit_s:g} s of real time.",
                next_step="Threads stop virtual time, so they must end by themselves.",
            )
        return patience_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> asyncio.Future[T]:
        """Work on a thread; virtual time stands still until it is done, even if you stop waiting."""
        if executor is None:
            self._threads = self._threads or ThreadPoolExecutor(4, thread_name_prefix="virtual")
            executor = self._threads
        work = executor.submit(func, *args)
        answer: asyncio.Future[T] = self.create_future()
        answer.add_done_callback(lambda done: work.cancel() if done.cancelled() else None)
        name = getattr(func, "__qualname__", repr(func))
        self._jobs.append(_Job(work, answer, name, time.monotonic()))
        work.add_done_callback(self._wake)
        return answer

    def _wake(self, _: Future[Any]) -> None:
        if not self.is_closed():
            self._write_to_self()  # type: ignore[attr-defined]  # private in the stock loop

    async def getaddrinfo(self, *_: object, **__: object) -> Any:  # noqa: ANN401  the stock signature
        """Refused: name resolution is real input."""
        raise _refusal("A host name was resolved")

    async def create_connection(self, *_: object, **__: object) -> Any:  # noqa: ANN401  the stock signature
        """Refused: bytes from outside arrive in real time."""
        raise _refusal("A connection was opened")

    async def create_server(self, *_: object, **__: object) -> Any:  # noqa: ANN401  the stock signature
        """Refused: bytes from outside arrive in real time."""
        raise _refusal("A server was started")

    def close(self) -> None:
        """Close the loop and end its threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._threads = None
        super().close()


def _refusal(deed: str) -> NotVirtual:
    return NotVirtual(
        f"{deed} under virtual time.",
        next_step="Use the in-memory transports, or run this test with asyncio.run().",
    )


def _pass_on(work: Future[Any], answer: asyncio.Future[Any]) -> None:
    if answer.done():
        return
    if work.cancelled():
        answer.cancel()
    elif (error := work.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(work.result())


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    lines = ["waiting tasks:"]
    for task in sorted(asyncio.all_tasks(loop), key=asyncio.Task.get_name):
        where: list[str] = []
        step: Any = task.get_coro()
        while step is not None and (frame := getattr(step, "cr_frame", None)) is not None:
            where.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
            step = step.cr_await
        lines.append(f"  {task.get_name()}: {' > '.join(where) or 'not a coroutine'}")
    return "\n".join(lines)


def run_virtual(
    main: Callable[[], Coroutine[Any, Any, T]] | Coroutine[Any, Any, T],
    *,
    seed: int | None = None,
    limit_s: float = WEEK_S,
) -> T:
    """The result of `main`, run in virtual time; `seed` shuffles what is ready (None: in order).

    Raises what `main` raises; `Stalled` when it can never end; `OverTime` after `limit_s` virtual
    seconds; `UnhandledInLoop` when a callback or forgotten task failed without anybody noticing.
    """
    loop = VirtualLoop(seed=seed, limit_s=limit_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            coroutine = main if isinstance(main, Coroutine) else main()
            result = runner.run(coroutine)
        except BaseException as error:
            if seed is not None:
                error.add_note(f"with seed={seed}")
            raise
    if loop.problems:
        first = loop.problems[0]
        raise UnhandledInLoop(
            f"{len(loop.problems)} unhandled, first: {first.get('message')} {first.get('exception')!r}"
        ) from first.get("exception")
    return result


@overload
def virtual(test: Callable[P, Coroutine[Any, Any, None]], /) -> Callable[P, None]: ...


@overload
def virtual(
    *, seeds: Iterable[int | None] = ..., limit_s: float = ...
) -> Callable[[Callable[P, Coroutine[Any, Any, None]]], Callable[P, None]]: ...


def virtual(
    test: Callable[..., Coroutine[Any, Any, None]] | None = None,
    /,
    *,
    seeds: Iterable[int | None] = (None,),
    limit_s: float = WEEK_S,
) -> Any:
    """Decorator that runs an `async def` test in virtual time, once for each of `seeds`."""
    chosen = tuple(seeds)

    def decorated(body: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
        @functools.wraps(body)
        def wrapper(*args: P.args, **options: P.kwargs) -> None:
            for seed in chosen:
                run_virtual(body(*args, **options), seed=seed, limit_s=limit_s)

        return wrapper

    return decorated if test is None else decorated(test)


class LoopClock:
    """A `Clock` that runs on the loop's time, with a wall clock that can step and a lid to close.

    `loop` defaults to the running one; `start` is the wall time at the loop's zero. `monotonic_ns`
    starts at `boot_ns`, as if the computer had been on for a while.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None = None,
        start: datetime | None = None,
        *,
        boot_ns: int = 1000 * NANOSECONDS,
    ) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._start = (start or datetime(2026, 1, 5, 15, 0, tzinfo=UTC)).astimezone(UTC)
        self._boot_ns = boot_ns
        self._asleep_ns = 0
        self._step = timedelta()
        self._rate, self._rate_since_ns = 1.0, 0

    def monotonic_ns(self) -> int:
        """Nanoseconds since boot; counts what `suspend` added."""
        return self._boot_ns + self._asleep_ns + round(self._loop.time() * NANOSECONDS)

    def now(self) -> datetime:
        """The wall time, suspended time and steps included."""
        passed_ns = self.monotonic_ns() - self._boot_ns
        gained = self._gained(passed_ns)
        return self._start + timedelta(microseconds=passed_ns / 1000) + self._step + gained

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock by a step; `monotonic_ns` and timers do not notice."""
        self._step += timedelta(seconds=seconds)

    def drift(self, rate: float) -> None:
        """Let the wall clock run so fast from now on (1: as it should); `monotonic_ns` stays right."""
        passed_ns = self.monotonic_ns() - self._boot_ns
        self._step += self._gained(passed_ns)
        self._rate, self._rate_since_ns = rate, passed_ns

    def _gained(self, passed_ns: int) -> timedelta:
        if self._rate == 1.0:
            return timedelta()
        since_us = (passed_ns - self._rate_since_ns) / 1000
        return timedelta(microseconds=since_us * (self._rate - 1.0))

    def suspend(self, seconds: float) -> None:
        """Close the lid for a while: both clocks move at once, and no timer has moved or fired."""
        self._asleep_ns += round(seconds * NANOSECONDS)
