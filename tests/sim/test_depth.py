from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.chance import stream
from topstepx.sim.depth import LEVELS, DisplayedBook, LevelRow
from topstepx.wire.enums import DomType, Side

BIDS = {DomType.BID, DomType.BEST_BID}


class Reader:
    """A client's book, made of the rows alone."""

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best: dict[DomType, int] = {}

    def read(self, rows: list[LevelRow]) -> None:
        for row in rows:
            if row.type is DomType.RESET:
                self.bids.clear()
                self.asks.clear()
                continue
            side = self.bids if row.type in BIDS else self.asks
            if row.size:
                side[row.ticks] = row.size
            else:
                del side[row.ticks]
            if row.type in {DomType.BEST_BID, DomType.BEST_ASK}:
                self.best[row.type] = row.ticks


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(-25, 25), st.integers(1, 4)),
        st.tuples(st.just("redraw"), st.integers(-25, 25), st.integers(1, 4)),
        st.tuples(st.just("take"), st.integers(0, 1), st.integers(1, 50)),
        st.tuples(st.just("flutter"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(acts=ACTS, seed=st.integers(0, 2**32))
def test_whoever_applies_the_rows_holds_the_same_book(
    acts: list[tuple[str, int, int]], seed: int
) -> None:
    chance, book, reader = stream(seed), DisplayedBook(9), Reader()
    reader.read(book.redraw(100, 101, chance))
    for act, first, second in acts:
        if act == "take":
            reader.read(book.take(Side(first), second))
        elif act == "flutter":
            reader.read(book.flutter(chance))
        else:
            bid = book.best_bid + first
            change = book.move if act == "move" else book.redraw
            reader.read(change(bid, bid + second, chance))
        assert reader.bids == {row.ticks: row.size for row in book.bids()}
        assert reader.asks == {row.ticks: row.size for row in book.asks()}
        assert len(reader.bids) == len(reader.asks) == LEVELS
        assert max(reader.bids) == reader.best[DomType.BEST_BID] == book.best_bid
        assert min(reader.asks) == reader.best[DomType.BEST_ASK] == book.best_ask
        assert book.best_bid < book.best_ask
        assert min([*reader.bids.values(), *reader.asks.values()]) >= 1
        assert (reader.bids[book.best_bid], reader.asks[book.best_ask]) == (
            book.bid_size,
            book.ask_size,
        )
    fresh = Reader()
    fresh.read(book.everything())
    assert (fresh.bids, fresh.asks) == (reader.bids, reader.asks)


def test_levels_that_stay_keep_their_size() -> None:
    book, chance = DisplayedBook(9), stream(1)
    book.redraw(100, 101, chance)
    kept = {row.ticks: row.size for row in book.bids()}
    rows = book.move(99, 101, chance)
    assert [(row.type, row.ticks, row.size) for row in rows] == [
        (DomType.BID, 100, 0),
        (DomType.BEST_BID, 99, kept[99]),
        (DomType.BID, 90, book.bids()[-1].size),
    ]
    assert book.move(99, 101, chance) == []


def test_a_buyer_takes_from_the_asks_and_one_contract_stays_shown() -> None:
    book, chance = DisplayedBook(50), stream(3)
    book.redraw(100, 101, chance)
    before = (book.bid_size, book.ask_size)
    assert book.take(Side.BUY, 4) == [LevelRow(DomType.BEST_ASK, 101, before[1] - 4)]
    assert book.take(Side.SELL, 10_000) == [LevelRow(DomType.BEST_BID, 100, 1)]
