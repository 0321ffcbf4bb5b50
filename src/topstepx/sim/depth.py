"""The displayed book of one contract: ten levels a side, in whole ticks.

Every change returns the rows that tell it, so that whoever applies the rows to an empty book holds the
same book. Sizes are near the product's usual displayed size and grow a little away from the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from topstepx.wire.enums import DomType, Side

if TYPE_CHECKING:
    from topstepx.sim.chance import Chance

LEVELS = 10
_DEEPER = 0.12  # each level away from the top shows that much more


class LevelRow(NamedTuple):
    """One changed level: size 0 when it is gone."""

    type: DomType
    ticks: int
    size: int


class _Ladder:
    """One side: `best`, then each price one tick further `away` (-1 for bids, 1 for asks)."""

    def __init__(self, away: int, kinds: tuple[DomType, DomType], usual_size: int) -> None:
        self.best = 0
        self.sizes: dict[int, int] = {}
        self._away = away
        self._kind, self._best_kind = kinds
        self._usual = [usual_size * (1 + _DEEPER * offset) for offset in range(LEVELS)]

    def draw(self, offset: int, chance: Chance) -> int:
        draw = chance.random()
        return 1 + int(self._usual[offset] * (0.3 + draw + 0.7 * draw * draw))

    def redraw(self, best: int, chance: Chance) -> list[LevelRow]:
        before, old_best = self.sizes, self.best
        self.best = best
        self.sizes = {
            best + self._away * offset: self.draw(offset, chance) for offset in range(LEVELS)
        }
        rows = [LevelRow(self._kind, ticks, 0) for ticks in before if ticks not in self.sizes]
        rows += [
            self.row(ticks)
            for ticks, size in self.sizes.items()
            if before.get(ticks) != size or (ticks == best != old_best)
        ]
        return rows

    def move(self, best: int, chance: Chance) -> list[LevelRow]:
        """Levels that stay on display keep their size."""
        away, sizes, old_best = self._away, self.sizes, self.best
        shift = (best - old_best) * away
        if not shift:
            return []
        count = min(abs(shift), LEVELS)
        near, far = range(count), range(LEVELS - count, LEVELS)
        gone, new = (near, far) if shift > 0 else (far, near)
        self.best = best
        rows = []
        for offset in gone:
            ticks = old_best + away * offset
            del sizes[ticks]
            rows.append(LevelRow(self._kind, ticks, 0))
        if shift > 0 and count < LEVELS:
            rows.append(self.row(best))
        for offset in new:
            ticks = best + away * offset
            sizes[ticks] = self.draw(offset, chance)
            rows.append(self.row(ticks))
        return rows

    def row(self, ticks: int) -> LevelRow:
        kind = self._best_kind if ticks == self.best else self._kind
        return LevelRow(kind, ticks, self.sizes[ticks])

    def everything(self) -> list[LevelRow]:
        return [self.row(self.best + self._away * offset) for offset in range(LEVELS)]

    def set(self, offset: int, size: int) -> list[LevelRow]:
        ticks = self.best + self._away * offset
        self.sizes[ticks] = size
        return [self.row(ticks)]


class DisplayedBook:
    """Both sides. Every method that changes something returns the rows that tell it."""

    def __init__(self, usual_size: int) -> None:
        self._bids = _Ladder(-1, (DomType.BID, DomType.BEST_BID), usual_size)
        self._asks = _Ladder(1, (DomType.ASK, DomType.BEST_ASK), usual_size)

    @property
    def best_bid(self) -> int:
        """The highest bid, in ticks."""
        return self._bids.best

    @property
    def best_ask(self) -> int:
        """The lowest ask, in ticks."""
        return self._asks.best

    @property
    def bid_size(self) -> int:
        """Contracts shown at the best bid."""
        return self._bids.sizes[self._bids.best]

    @property
    def ask_size(self) -> int:
        """Contracts shown at the best ask."""
        return self._asks.sizes[self._asks.best]

    def bids(self) -> list[LevelRow]:
        """Every bid, best first."""
        return self._bids.everything()

    def asks(self) -> list[LevelRow]:
        """Every ask, best first."""
        return self._asks.everything()

    def everything(self) -> list[LevelRow]:
        """A RESET row and then every level."""
        return [LevelRow(DomType.RESET, 0, 0), *self.bids(), *self.asks()]

    def redraw(self, bid: int, ask: int, chance: Chance) -> list[LevelRow]:
        """Every size anew around these prices."""
        return self._bids.redraw(bid, chance) + self._asks.redraw(ask, chance)

    def move(self, bid: int, ask: int, chance: Chance) -> list[LevelRow]:
        """New best prices; levels that stay on their side keep their size."""
        return self._bids.move(bid, chance) + self._asks.move(ask, chance)

    def take(self, side: Side, size: int) -> list[LevelRow]:
        """An aggressor on `side` took that many from the other side's best level; one stays shown."""
        ladder = self._asks if side is Side.BUY else self._bids
        return ladder.set(0, max(1, ladder.sizes[ladder.best] - size))

    def flutter(self, chance: Chance) -> list[LevelRow]:
        """Somebody adds or removes an order: one level, mostly near the top, gets another size."""
        draw = chance.random()
        offset = int(LEVELS * draw * draw)
        ladder = self._bids if chance.random() < 0.5 else self._asks  # noqa: PLR2004  either side as likely
        return ladder.set(offset, ladder.draw(offset, chance))
