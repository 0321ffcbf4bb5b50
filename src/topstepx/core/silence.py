"""Whether a silent market stream is quiet or dead. Silence proves nothing; a trade it did not tell does.

Theory. Every stream (quotes, tape or depth of one contract) has its own pace: the longest silence it
kept lately, slowly forgotten. Four times that, and never less than ten seconds, it is *suspect*. Outside
the exchange's hours nobody is. The gateway is then asked for the contract's last bars, a budget's worth
of questions at a time. Trades in two seconds that lie well inside the silence prove the stream dead. No trades:
the product is quiet, and is asked again after twice the silence. Where bars cannot be had, neighbours
testify: a stream that was lively is dead when it keeps silent a minute while another stream of its
contract, or of its kind of contract, speaks.

A dead stream is asked for anew; three times in vain, and the connection is not trusted any more. Time in
which we ourselves stood still is nobody's silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from topstepx.core.link_effects import Subscription

LEAST_S: Final = 10.0
UNHEARD_S: Final = 30.0
"""The patience with a stream whose pace is not known yet."""
NEIGHBOURS_S: Final = 60.0
_PATIENCE: Final = 4
LIVELY_S: Final = 5.0
_MOST_S: Final = 600.0
_FORGETS: Final = 0.999
"""What is left of the longest silence after each second; half of it in twelve minutes."""
_AGAIN_S: Final = 30.0
_TRIES: Final = 3
_STALL_S: Final = 3.0
TRADED_SECONDS: Final = 2


@dataclass(slots=True)
class _Stream:
    since_ns: int
    patience_s: float
    longest_s: float = UNHEARD_S / _PATIENCE
    was_heard: bool = False
    dead_since_ns: int | None = None
    tries: int = 0

    def usual_s(self) -> float:
        """How long it may be silent before anybody wonders."""
        return min(_MOST_S, max(LEAST_S, _PATIENCE * self.longest_s))


@dataclass(frozen=True, slots=True)
class Suspect:
    """Ask for bars: a stream of the contract is silent longer than is its way, since `since_ns`."""

    contract_id: str
    since_ns: int


@dataclass(frozen=True, slots=True)
class Died:
    """The stream is dead; ask for it anew. `evidence` is what shows it."""

    subscription: Subscription
    silent_s: float
    evidence: str
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class Revived:
    """The stream speaks again."""

    subscription: Subscription
    silent_s: float


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Asked for anew again and again and still dead: end the connection."""

    reason: str


Verdict = Suspect | Died | Revived | Hopeless


class Silences:
    """`look` once a second; `answered` with what the bars said about a suspect."""

    def __init__(self, neighbours: Callable[[str, str], bool]) -> None:
        """`neighbours`: whether two contracts keep the same hours and move alike."""
        self._neighbours = neighbours
        self._streams: dict[Subscription, _Stream] = {}
        self._looked_ns: int | None = None

    def dead_s(self, now_ns: int) -> dict[Subscription, float]:
        """For how long each dead stream has said nothing."""
        return {
            key: (now_ns - one.since_ns) / NANOSECONDS
            for key, one in self._streams.items()
            if one.dead_since_ns is not None
        }

    def restart(self) -> None:
        """A new connection: nobody owes anything yet."""
        self._looked_ns = None
        self._streams.clear()

    def look(
        self,
        wanted: Collection[Subscription],
        heard: Collection[Subscription],
        trades: Callable[[str, float], bool],
        now_ns: int,
    ) -> tuple[Verdict, ...]:
        """What follows from who spoke since the last look.

        `trades(contract_id, seconds)`: whether the exchange traded it all that time until now.
        """
        self._keep(wanted, now_ns)
        verdicts: list[Verdict] = []
        suspects: dict[str, int] = {}
        for key, stream in self._streams.items():
            if key in heard:
                verdicts += self._heard(key, stream, now_ns)
                continue
            silent_s = (now_ns - stream.since_ns) / NANOSECONDS
            if silent_s < stream.patience_s:
                continue
            contract_id = str(key.key)
            if not trades(contract_id, silent_s):
                self._excuse(stream, now_ns)
            else:
                since_ns = max(stream.since_ns, suspects.get(contract_id, 0))
                suspects[contract_id] = since_ns
        verdicts += [Suspect(contract_id, since_ns) for contract_id, since_ns in suspects.items()]
        return tuple(verdicts)

    def _keep(self, wanted: Collection[Subscription], now_ns: int) -> None:
        for key in [key for key in self._streams if key not in wanted]:
            del self._streams[key]
        for key in wanted:
            if key not in self._streams:
                self._streams[key] = _Stream(now_ns, UNHEARD_S)
        looked_ns, self._looked_ns = self._looked_ns, now_ns
        if looked_ns is not None and now_ns - looked_ns > _STALL_S * NANOSECONDS:
            for stream in self._streams.values():  # we stood still, not they
                stream.since_ns += now_ns - looked_ns

    def _heard(self, key: Subscription, stream: _Stream, now_ns: int) -> Iterable[Verdict]:
        silent_s = (now_ns - stream.since_ns) / NANOSECONDS
        was_dead = stream.dead_since_ns is not None
        if not was_dead:
            stream.longest_s = max(silent_s, stream.longest_s * _FORGETS**silent_s)
        stream.since_ns, stream.was_heard, stream.tries = now_ns, True, 0
        stream.dead_since_ns = None
        stream.patience_s = stream.usual_s()
        return [Revived(key, silent_s)] if was_dead else []

    def _excuse(self, stream: _Stream, now_ns: int) -> None:
        """The exchange rests: silence begins anew when it does not."""
        stream.since_ns = now_ns
        stream.patience_s = max(UNHEARD_S, stream.usual_s())

    # -- evidence

    def answered(
        self, contract_id: str, traded_s: Callable[[float], int] | None, asked_ns: int
    ) -> tuple[Verdict, ...]:
        """What the bars that were asked for at `asked_ns` say about a suspect's streams.

        `traded_s(silent_s)`: in how many seconds of the silence before the question it traded; None: the
        bars could not be had.
        """
        verdicts: list[Verdict] = []
        for key, stream in self._streams.items():
            silent_s = (asked_ns - stream.since_ns) / NANOSECONDS
            if key.key != contract_id or silent_s < stream.patience_s:
                continue
            evidence = None
            if traded_s is None:
                if silent_s >= NEIGHBOURS_S and stream.was_heard and stream.longest_s <= LIVELY_S:
                    evidence = self._testimony(key, asked_ns)
            elif (seconds := traded_s(silent_s)) >= TRADED_SECONDS:
                evidence = f"its bars show trades in {seconds} of those seconds"
            if evidence is None:
                stream.patience_s = min(_MOST_S, 2 * silent_s)
            else:
                verdicts.append(_died(key, stream, silent_s, evidence, asked_ns))
        return tuple(verdicts)

    def _testimony(self, silent: Subscription, now_ns: int) -> str | None:
        for key, stream in self._streams.items():
            if key == silent or not stream.was_heard:
                continue
            if (now_ns - stream.since_ns) / NANOSECONDS > LIVELY_S:
                continue
            if self._neighbours(str(key.key), str(silent.key)):
                return f"{key.method.subscribe}({key.key}) speaks meanwhile"
        return None


def _died(
    key: Subscription, stream: _Stream, silent_s: float, evidence: str, now_ns: int
) -> Verdict:
    stream.patience_s = silent_s + _AGAIN_S
    is_news = stream.dead_since_ns is None
    stream.dead_since_ns = stream.dead_since_ns or now_ns
    stream.tries += 1
    if stream.tries > _TRIES:
        return Hopeless(f"{key.method.subscribe}({key.key}) stays silent: {evidence}")
    return Died(key, silent_s, evidence, is_news)
