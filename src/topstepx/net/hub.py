"""A hub link's shell: it keeps one line up, and moves to a second one when there is a new token.

What the hub says is decoded in the socket's own callback and handed to one `sink`, in order, without a
task, lock or queue in between; the consumers' queues are further up.

Moving to a new token is make-before-break: a second line is opened and subscribed, what may have been
missed in between is looked up, and only then the first is let go. Until then both are listened to on
the user hub, where repetitions do no harm, and only the first on the market hub. Where the first line
is ended as soon as the second one opens, the venue allows one session only: from then on the first is
let go before the second is opened, and polling fills the gap.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.link import Link
from topstepx.core.link_effects import Changed, LinkState, Subscribed, Subscription
from topstepx.core.link_ends import EndKind, LinkEnd, Reconnecting
from topstepx.errors import DeadlinePassed, InvalidRequest, NotSent, TopstepxError, sanitised
from topstepx.net.hub_door import HubDoor, TokenPlace
from topstepx.net.hub_early import Early
from topstepx.net.hub_line import Line
from topstepx.net.hub_users import HubUsers
from topstepx.wire.codec import PayloadMalformed
from topstepx.wire.hub_events import Logout, decode_event
from topstepx.wire.market_records import read_market

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.clock import Clock
    from topstepx.core.signalr import Invocation
    from topstepx.core.token import Token
    from topstepx.net.auth import TokenKeeper
    from topstepx.net.transport import Hub, HubTransport
    from topstepx.wire.hub_models import Heard, MarketEvents

__all__ = ["HubLink", "TokenPlace"]

_LOG = logging.getLogger("topstepx.hub")
_MOVE_TRIES, _MOVE_PAUSE_S = 3, 20.0
_ONE_SESSION_S, _LET_FIRST_S, _SOON_S = 10.0, 10.0, 1.0


class HubLink:
    """One hub, kept connected. `run` it in a task group; `subscribe` may be called before or after."""

    def __init__(
        self,
        hub: Hub,
        transport: HubTransport,
        keeper: TokenKeeper,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        place: TokenPlace,
        rest_accepts: Callable[[], Awaitable[bool]],
        sink: Callable[[Heard], None],
        told: Callable[[Changed], None],
        malformed: Callable[[str, str], None],
        open_timeout_s: float = 10.0,
        record_bytes_max: int = 16 * 1024 * 1024,
        recovers: bool = False,
        reconnecting: Reconnecting | None = None,
        goes_after: HubLink | None = None,
    ) -> None:
        self.hub: Hub = hub
        self.one_session = False
        """Whether the venue was seen to end the first line when the second opened."""
        self._clock, self._jitter = clock, jitter
        self._record_bytes_max = record_bytes_max
        self._recovers = recovers
        self._reconnecting = reconnecting
        self._goes_after = goes_after
        self._sink, self._told, self._malformed = sink, told, malformed
        self._door = HubDoor(
            hub,
            transport,
            keeper,
            clock,
            place=place,
            rest_accepts=rest_accepts,
            open_timeout_s=open_timeout_s,
        )
        self._numbers = count(1)  # no two lives share one, whichever line they are of
        self._line = self._new_line()
        self._next: Line | None = None
        self._next_since_ns = 0
        self._early = Early()
        self._moves, self._moves_once_live = 0, False
        self._move_again: asyncio.TimerHandle | None = None
        self._ended: NotSent | None = None
        self._running: asyncio.TaskGroup | None = None
        self._closing = False
        self._moved = asyncio.Event()
        self._users = HubUsers()
        self._forget = keeper.listen(self._new_token)

    def _new_line(self) -> Line:
        link = Link(
            self.hub,
            self._jitter,
            record_bytes_max=self._record_bytes_max,
            recovers=self._recovers,
            reconnecting=self._reconnecting,
            numbers=self._numbers,
            quick=read_market if self.hub == "market" else None,
        )
        return Line(link, self._door, self._clock, self, first=self._let_first)

    # -- for callers

    @property
    def link(self) -> Link:
        """The machine of the line that counts."""
        return self._line.link

    async def subscribe(self, *subscriptions: Subscription, timeout_s: float) -> None:
        """Want streams and wait until the hub confirms all of them; if one fails, none stays wanted.

        They stay wanted, through every reconnect, until as many `unsubscribe` as `subscribe` came.
        Raises `InvalidRequest` when the hub refuses one, `DeadlinePassed` when the hub cannot be reached
        in time (they then stay wanted no longer), `NotSent` when this link is closed for good.
        """
        if self.link.state is LinkState.CLOSED:
            raise self._over()
        joined = self._users.join(subscriptions)
        try:
            for one in joined:
                if self._next is not None:
                    self._next.want(one)
                self._line.want(one)
            async with asyncio.timeout(timeout_s):
                await self._users.confirmed(joined)
        except TimeoutError:
            late = next((one for one, told in joined.items() if not told.done()), subscriptions[0])
            self.unsubscribe(*joined)
            msg = f"The {self.hub} hub did not confirm {late.method.subscribe} within {timeout_s:g} s."
            raise DeadlinePassed(msg, next_step="Look at health(): the hub may be down.") from None
        except BaseException:  # boundary: whatever ends the wait must give the streams up
            self.unsubscribe(*joined)
            raise
        finally:
            self._users.waits_no_longer(joined)

    def unsubscribe(self, *subscriptions: Subscription) -> None:
        """One user less for each; the last one of a stream ends it."""
        for one in subscriptions:
            if self._users.leave(one):
                if self._next is not None:
                    self._next.unwant(one)
                self._line.unwant(one)

    @property
    def state(self) -> LinkState:
        """Where the link is in its life."""
        return self.link.state

    @property
    def life(self) -> int | None:
        """The number of the life in which every wanted stream is heard; None while there is none."""
        return self.link.generation if self.link.state.hears else None

    @property
    def is_coming(self) -> bool:
        """Whether it opens now or within a second, so that another hub should let it go first."""
        if self.state in {LinkState.CONNECTING, LinkState.HANDSHAKING}:
            return True
        due_s = self.link.due_in_s(self._clock.monotonic_ns())
        return due_s is not None and due_s <= _SOON_S

    def recovered(self, generation: int) -> None:
        """What was missed before `generation` has been looked up: it may be LIVE."""
        for line in (self._line, self._next):
            if line is not None:
                line.recovered(generation)

    def resubscribe(self, subscription: Subscription, *, gently: bool = False) -> None:
        """Ask for a confirmed stream once more; refused, that ends the line, but not asked `gently`."""
        self._line.resubscribe(subscription, gently=gently)

    def distrust(self, generation: int, end: LinkEnd) -> None:
        """End this life; an older one is not meant."""
        if generation == self.link.generation:
            self._line.end(end)

    def look_again(self) -> None:
        """The computer slept: timers stood still, so look at the clock now."""
        self._line.look_again()

    def resume(self) -> None:
        """A person says: try again now, also where it gave up."""
        self._line.hurry()
        self._line.revive()

    # -- the loop

    async def run(self) -> None:
        """Keep the link alive until cancelled; closes the sockets at the end."""
        try:
            async with asyncio.TaskGroup() as group:
                self._running = group
                group.create_task(self._line.run(), name=f"{self.hub} hub line")
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    self._closing = True
        finally:
            self._running = None
            if self._move_again is not None:
                self._move_again.cancel()  # it would keep a client that is over alive
            self._forget()
            self._users.fail(self._over())

    def _over(self) -> NotSent:
        if self._ended is not None:
            return self._ended
        return NotSent(f"The {self.hub} hub is closed.", next_step="Open a new client.")

    async def _let_first(self) -> None:
        """One handshake at a time, the user hub's first: it is the one that money hangs on."""
        other = self._goes_after
        if other is None:
            return
        try:
            async with asyncio.timeout(_LET_FIRST_S):
                while other.is_coming:
                    await other.next_move()
        except TimeoutError:
            return

    async def next_move(self) -> None:
        """Until the link's state changes."""
        await self._moved.wait()

    # -- moving to a new token

    def _new_token(self, _token: Token) -> None:
        if self.link.state.is_down:
            self._line.hurry()
        elif self.link.state.hears:
            self._moves = 0
            self.move()

    def move(self) -> None:
        """Come back with the present token, without a gap where the venue allows it."""
        if self._running is None or self._closing or self._next is not None:
            return
        self._moves_once_live = self.link.state is LinkState.RECOVERING  # one recovery at a time
        if self.link.state is not LinkState.LIVE or not self.link.wanted:
            return
        if self.one_session:
            self._line.end(LinkEnd(EndKind.MOVING, "moving to a new token"))
            return
        self._moves += 1
        self._next_since_ns = self._clock.monotonic_ns()
        line = self._next = self._new_line()
        if not self._recovers:
            self._early.begin()
        self._running.create_task(line.run(), name=f"{self.hub} hub, next line")
        for subscription in self.link.wanted:
            line.want(subscription)

    def _switch(self, line: Line) -> None:
        old, self._line, self._next = self._line, line, None
        old.stop()

    def _catch_up(self) -> None:
        """Tell what the line that counts from now on told before."""
        for event in self._early.take():
            self._sink(event)

    def _give_up_move(self, line: Line) -> None:
        self._next = None
        self._early.end()
        line.stop()
        if self._moves < _MOVE_TRIES:
            loop = asyncio.get_running_loop()
            self._move_again = loop.call_later(_MOVE_PAUSE_S, self.move)

    def _saw_one_session(self) -> bool:
        """Whether the end of the first line, now, was the work of the second."""
        since_ns = self._clock.monotonic_ns() - self._next_since_ns
        return self._moves > 0 and since_ns <= _ONE_SESSION_S * NANOSECONDS

    # -- from the lines

    def line_changed(self, line: Line, change: Changed) -> None:
        """A line's link is in another state."""
        if line is self._next:
            self._next_changed(line, change)
        elif line is self._line:
            self._line_changed(change)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def _next_changed(self, line: Line, change: Changed) -> None:
        if change.state is LinkState.LIVE:
            self._switch(line)
            self._told(change)
            self._catch_up()
        elif change.state is LinkState.RECOVERING:
            self._told(change)
        elif change.state.is_down:
            self._give_up_move(line)

    def _line_changed(self, change: Changed) -> None:
        if change.state is LinkState.CLOSED and not self._closing:
            next_step = "Repair what it says, then release it with resume."
            self._ended = NotSent(
                f"The {self.hub} hub is closed: {change.reason}", next_step=next_step
            )
            self._users.fail(self._ended)
        elif change.state is LinkState.CONNECTING:
            self._ended, self._moves_once_live = None, False
        self._told(change)
        if change.state is LinkState.LIVE and self._moves_once_live:
            self.move()
        following = self._next
        if following is None or not change.state.is_down or self._closing:
            return
        self.one_session = self.one_session or self._saw_one_session()
        self._switch(following)
        state, generation = following.link.state, following.link.generation
        if state is not LinkState.IDLE:
            self._told(Changed(LinkState.CONNECTING, generation))
        if state is LinkState.RECOVERING:
            self._told(Changed(state, generation))
        self._catch_up()

    def line_heard(self, line: Line, events: MarketEvents) -> None:
        """Market events came."""
        if not self._counts(line):
            if line is self._next:
                self._early.keep(events.events)
        elif self._early.is_busy:
            for event in self._early.passing(events.events):
                self._sink(event)
        else:
            self._sink(events)

    def _counts(self, line: Line) -> bool:
        return not line.is_stopped and (line is self._line or self._recovers)

    def line_received(self, line: Line, invocation: Invocation) -> None:
        """The hub called one of our methods."""
        if not self._counts(line):
            if line is self._next:
                self._early.hear(invocation)
            return
        try:
            events = decode_event(invocation.target, invocation.arguments)
        except PayloadMalformed as error:
            self._malformed(f"{self.hub} hub, {sanitised(invocation.target, 60)}", error.reason)
            return
        for event in self._early.passing(events) if self._early.is_busy else events:
            if type(event) is Logout:
                self._logged_out(line, event)
            else:
                self._sink(event)

    def _logged_out(self, line: Line, event: Logout) -> None:
        if line is self._line and self._next is not None and self._saw_one_session():
            _LOG.info("this venue allows one session: the first line ended when the second opened")
        elif self._door.is_outdated:
            line.end(LinkEnd(EndKind.MOVING, "our own new login ended the old session"))
            return
        else:
            self._sink(event)
        line.end(LinkEnd(EndKind.EVICTED, f"GatewayLogout {event.reason or ''}".strip()))

    def line_malformed(self, line: Line, reason: str) -> None:
        """A record could not be read."""
        if line is self._line:
            self._malformed(f"{self.hub} hub", reason)
        else:
            self._early.end()

    def line_subscribed(self, line: Line, effect: Subscribed) -> None:
        """A subscription was confirmed or refused."""
        if line is not self._line:
            if line is self._next and effect.error is not None:
                self._give_up_move(line)  # the line that we have can do what this one may not
            return
        error: TopstepxError | None = None
        if effect.error is not None:
            method = effect.subscription.method.subscribe
            error = InvalidRequest(
                method,
                effect.subscription.key,
                f'the {self.hub} hub refused it: "{sanitised(effect.error)}".',
                "Check the account or contract.",
            )
        self._users.settle(effect.subscription, error)
