"""Whether the market hub tells what it should, contract by contract, and what stands in for it.

`core.silence` decides; this asks the questions, carries out what follows, and while the hub is away
keeps the last bars at hand for `MarketData.newest`. All of it takes ten requests of the bars' budget in
half a minute at most, and none that would have to wait for room.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.link_effects import LinkState, Subscription
from topstepx.core.link_ends import EndKind, LinkEnd
from topstepx.core.silence import Died, Hopeless, Revived, Silences, Suspect, Verdict
from topstepx.core.trading_hours import are_neighbours, traded_throughout, trades_at
from topstepx.desk.broken_books import BrokenBooks
from topstepx.desk.stale_contracts import StaleContracts
from topstepx.errors import TopstepxError
from topstepx.events import MarketGapped, StreamHeard, StreamSilenced
from topstepx.wire import routes

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from topstepx.desk.bars import BarReader
    from topstepx.desk.market import MarketData
    from topstepx.desk.record import Record
    from topstepx.net.hub import HubLink
    from topstepx.wire.models import BarModel

_LOG = logging.getLogger("topstepx.hub")
_LOOK_S: Final = 1.0
QUESTION_EVERY_S: Final = 3.0
KEPT: Final = 5
"""Bars requests of each 30 s that other downloads leave to our questions while anything is streamed."""
_CLOSED_EVERY_S: Final = 60.0
_MARGIN: Final = timedelta(seconds=3)
_SECOND: Final = timedelta(seconds=1)
_LOOK_BACK: Final = timedelta(minutes=5)
_LAST_BARS: Final = (("1s", timedelta(minutes=15)), ("1m", timedelta(days=4)))
_MISSED_ROWS: Final = 5000
_DISTRUST_EVERY_S: Final = 300.0


class MarketWatch:
    """`run` it."""

    def __init__(
        self,
        hub: HubLink,
        market: MarketData,
        bars: BarReader,
        record: Record,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._hub = hub
        self._market = market
        self._bars = bars
        self._record = record
        self._spawn = spawn
        self._keeps = False
        self._silences = Silences(are_neighbours)
        self._stale = StaleContracts(record)
        self._books = BrokenBooks()
        self._life: int | None = None
        self._suspects: dict[str, Suspect] = {}
        self._is_asking = False
        self._asked_ns: int | None = None
        self._distrusted_ns: int | None = None
        self._turn = 0
        market.measure = self._measure

    @property
    def problems(self) -> tuple[str, ...]:
        """The streams that are dead, in words."""
        return tuple(
            f"{one.key}: {_what(one)} have not come for {silent_s:.0f} s although it trades"
            for one, silent_s in self._silences.dead_s(self._record.now_ns()).items()
        )

    async def run(self) -> None:
        """Look once a second while anybody streams, until cancelled."""
        while True:
            if self._hub.link.state is LinkState.IDLE:
                await self._hub.next_move()
            await asyncio.sleep(_LOOK_S)
            link = self._hub.link
            if self._keeps != bool(link.wanted):
                self._keeps = bool(link.wanted)
                self._bars.keep(KEPT if self._keeps else 0)
            life = link.generation if link.state is LinkState.LIVE else None
            if life != self._life:
                self._life = life
                self._silences.restart()
                self._suspects.clear()
                self._market.spoke()
            if life is not None:
                self._look()
            elif link.wanted and link.state is not LinkState.IDLE:
                self._stand_in()
            self._stale.tell(self._stale_now())

    def _stale_now(self) -> dict[str, str]:
        """The contracts that somebody streams and nobody hears, and why."""
        wanted = self._hub.link.wanted
        if self._life is None:
            return {str(one.key): "the market hub is not connected" for one in wanted}
        dead = self._silences.dead_s(self._record.now_ns())
        return {str(one.key): f"its {_what(one)} do not come" for one in dead if one in wanted}

    def _look(self) -> None:
        now = self._bars.server_now()
        for verdict in self._silences.look(
            self._hub.link.wanted,
            self._market.spoke(),
            lambda contract_id, seconds: traded_throughout(contract_id, now, seconds),
            self._record.now_ns(),
        ):
            self._follow(verdict)
        for contract_id in self._books.due(self._market.broken_books(), self._record.now_ns()):
            depth = Subscription(routes.SUBSCRIBE_DEPTH, contract_id)
            self._hub.resubscribe(depth, gently=True)  # quotes and tape come, whatever it answers
        self._market.still_silent(self._silences.dead_s(self._record.now_ns()))
        if self._suspects and self._may_ask():
            suspect = self._suspects.pop(next(iter(self._suspects)))
            self._ask(self._examine(suspect))

    def _follow(self, verdict: Verdict) -> None:
        at = self._record.stamp()
        match verdict:
            case Suspect(contract_id):
                self._suspects.setdefault(contract_id, verdict)
            case Died(one, silent_s, evidence, is_news):
                if is_news:
                    _LOG.warning("%s of %s do not come: %s", _what(one), one.key, evidence)
                    self._record.commit(
                        StreamSilenced(
                            at=at,
                            contract_id=str(one.key),
                            method=one.method.subscribe,
                            silent_s=silent_s,
                            evidence=evidence,
                        )
                    )
                self._market.silenced(one, at - timedelta(seconds=silent_s))
                self._hub.resubscribe(one)
            case Revived(one, silent_s):
                self._record.commit(
                    StreamHeard(
                        at=at,
                        contract_id=str(one.key),
                        method=one.method.subscribe,
                        silent_s=silent_s,
                    )
                )
            case Hopeless(reason):
                self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        now_ns, before_ns = self._record.now_ns(), self._distrusted_ns
        if before_ns is not None and now_ns - before_ns < _DISTRUST_EVERY_S * NANOSECONDS:
            return
        if self._life is not None:
            self._distrusted_ns = now_ns
            self._hub.distrust(self._life, LinkEnd(EndKind.DEAF, reason))

    # -- questions

    def _may_ask(self) -> bool:
        now_ns = self._record.now_ns()
        return not self._is_asking and (
            self._asked_ns is None or now_ns - self._asked_ns >= QUESTION_EVERY_S * NANOSECONDS
        )

    def _ask(self, question: Coroutine[Any, Any, None]) -> None:
        self._is_asking, self._asked_ns = True, self._record.now_ns()
        self._spawn(self._answer(question), "asking for bars beside the market hub")

    async def _answer(self, question: Coroutine[Any, Any, None]) -> None:
        try:
            await question
        finally:
            self._is_asking = False

    async def _examine(self, suspect: Suspect) -> None:
        life, asked_ns = self._life, self._record.now_ns()
        traded: Callable[[float], int] | None = None
        since = self._bars.server_now() - _LOOK_BACK
        try:
            asked_at, bars = await self._bars.newest(suspect.contract_id, "1s", since, 400)
        except TopstepxError as error:
            _LOG.info("no bars of %s to compare with: %s", suspect.contract_id, error)
        else:

            def traded(silent_s: float) -> int:
                return traded_seconds(bars, asked_at, silent_s)

        if life == self._life:
            for verdict in self._silences.answered(suspect.contract_id, traded, asked_ns):
                self._follow(verdict)

    # -- what was missed

    def _measure(
        self, contract_ids: tuple[str, ...], since: datetime, until: datetime, reason: str
    ) -> None:
        self._spawn(
            self._tell_missed(contract_ids, since, until, reason),
            "how much of the market was missed",
        )

    async def _tell_missed(
        self, contract_ids: tuple[str, ...], since: datetime, until: datetime, reason: str
    ) -> None:
        for number, contract_id in enumerate(contract_ids):
            if number:
                await asyncio.sleep(QUESTION_EVERY_S)
            volume = await self._volume(contract_id, since, until)
            self._record.commit(
                MarketGapped(
                    at=self._record.stamp(),
                    contract_id=contract_id,
                    since=since,
                    until=until,
                    reason=reason,
                    volume_missed=volume,
                )
            )

    async def _volume(self, contract_id: str, since: datetime, until: datetime) -> int | None:
        """What its bars say traded between the two."""
        short = until - since <= _LOOK_BACK
        interval, one = ("1s", _SECOND) if short else ("1m", timedelta(minutes=1))
        try:
            _, bars = await self._bars.newest(contract_id, interval, since - one, _MISSED_ROWS)
        except TopstepxError as error:
            _LOG.info("it is not known how much of %s was missed: %s", contract_id, error)
            return None
        return sum(bar.v for bar in bars if since - one < bar.t < until)

    # -- while the hub is away

    def _stand_in(self) -> None:
        quoted = [
            str(one.key)
            for one in self._hub.link.wanted
            if one.method is routes.SUBSCRIBE_QUOTES and self._wants_bar(str(one.key))
        ]
        if quoted and self._may_ask():
            self._turn += 1
            self._ask(self._last_bar(quoted[self._turn % len(quoted)]))

    def _wants_bar(self, contract_id: str) -> bool:
        """Whether it trades, or was not asked about for a while."""
        if trades_at(contract_id, self._bars.server_now()):
            return True
        now_ns, asked_ns = self._record.now_ns(), self._asked_ns
        return asked_ns is None or now_ns - asked_ns >= _CLOSED_EVERY_S * NANOSECONDS

    async def _last_bar(self, contract_id: str) -> None:
        for interval, back in _LAST_BARS:
            since = self._bars.server_now() - back
            try:
                asked_at, bars = await self._bars.newest(contract_id, interval, since, 1)
            except TopstepxError as error:
                _LOG.info("no last bar of %s: %s", contract_id, error)
                return
            if bars:
                if self._life is None:
                    newest = max(bars, key=lambda bar: bar.t)
                    age_s = max(0.0, (asked_at - newest.t).total_seconds())
                    self._market.on_bar(contract_id, newest, age_s)
                return


def traded_seconds(bars: list[BarModel], asked_at: datetime, silent_s: float) -> int:
    """In how many seconds well inside the last `silent_s` before `asked_at` it traded."""
    begin = asked_at - timedelta(seconds=silent_s) + _MARGIN
    end = asked_at - _MARGIN - _SECOND
    return sum(bar.v > 0 and begin <= bar.t <= end for bar in bars)


def _what(one: Subscription) -> str:
    words = {routes.SUBSCRIBE_QUOTES: "quotes", routes.SUBSCRIBE_TAPE: "trades of the tape"}
    return words.get(one.method, "depth messages")
