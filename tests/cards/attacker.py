"""A trader who does anything at any moment, while anything goes wrong; the venue's own books judge.

Only the public words of the client are used. Two accounts share it, calls are abandoned half way, and the
program crashes and begins again on what its disk had. What is checked, at each step that the venue takes:
our orders never let a position pass the limit, no key makes two orders, an exit takes no more than was asked
and turns nothing; and in the calm at the end every word that was said agrees with the books.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.cards.world import CANCEL, CLOSE, MODIFY, PARTIAL, PLACE, world
from topstepx import Bracket, CancelRest, Market, Stop
from topstepx.core.exposure import exposure
from topstepx.errors import TopstepxError
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.cards.world import World

MOST = 3
READS = ("orders", "open_orders", "query", "by_id", "trades", "positions")
EVENTS = ("GatewayUserPosition", "GatewayUserTrade", "GatewayUserOrder", "*")
HELD_S, CALM_S, DECIDED_S = 45.0, 10.0, 140.0
"""The longest a request is held, the promise, and when what never came is presumed absent."""


class Attacker:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.found: list[str] = []
        self.counts: Counter[str] = Counter()
        self.w: World
        self.accounts: list[Any] = []
        self._seed = seed
        self._terms: dict[str, dict[str, Any]] = {}
        self._said: dict[tuple[int, str], list[str]] = {}
        self._handles: list[Any] = []
        self._acts: set[asyncio.Task[None]] = set()
        self._exits_under_way = self._exits = 0
        self._watched = False

    # -- the judge

    def _watch(self) -> None:
        """Be told of each step of the venue's books; they outlive the client."""
        if self._watched:
            return
        self._watched = True
        truth: Any = self.w.pair.truth
        requested, positioned = truth.note_request, truth.note_position

        def note_request(verb: str, request: Any, answer: Any, origin: str, at: Any) -> None:  # noqa: ANN401  the venue's own
            requested(verb, request, answer, origin, at)
            if answer.success and verb in {"place", "modify"}:
                self._check_reach(verb, request)

        def note_position(model: Any, at: Any) -> None:  # noqa: ANN401  the venue's own
            positioned(model, at)
            net = truth.net_size(model.account_id, model.contract_id)
            if abs(net) > MOST and not self._exits_under_way:
                self.found.append(f"the position is {net}")

        truth.note_request, truth.note_position = note_request, note_position

    def _check_reach(self, verb: str, request: Any) -> None:  # noqa: ANN401  a place or a modify
        truth = self.w.pair.truth
        order = request if verb == "place" else truth.order(request.order_id)
        reach = exposure(
            truth.net_size(order.account_id, order.contract_id),
            truth.working(order.account_id),
            [],
        )
        if reach.reach(order.side) > MOST and not self._exits_under_way:
            self.found.append(f"after a {verb} the position may reach {reach}")

    def _check_words(self) -> None:
        """What was said of each key, and what each handle says, against the books."""
        truth, ledger = self.w.pair.truth, self.w.ledger
        for (account_id, key), said in self._said.items():
            intent = ledger.intent_by_key(account_id, key)
            recorded = intent.recorded if intent is not None else None
            if intent is None or recorded is None or recorded.tag is None:
                continue
            count = truth.executions(account_id, recorded.tag)
            wrong = {
                "made two orders": count > 1,
                "was called accepted and made none": "accepted" in said and not count,
                "was called dead and was made": set(said) == {"no"} and count,
                "is still open": intent.is_open,
                "is presumed absent and was made": intent.state == "presumed_absent" and count,
            }
            self.found += [f"{key} {what}" for what, is_so in wrong.items() if is_so]
        self.found += [f"not level: {told}" for told in self._differences()]

    def _differences(self) -> list[str]:
        truth, told = self.w.pair.truth, []
        for account in self.accounts:
            working = self.w.ledger.working(account.id)
            ours = {one.id: (one.status, one.order.size, one.filled) for one in working}
            theirs = {
                one.id: (one.status, one.size, one.fill_volume) for one in truth.working(account.id)
            }
            position = self.w.ledger.position(account.id, self.w.contract.id)
            net = truth.net_size(account.id, self.w.contract.id)
            if ours != theirs:
                told.append(f"{ours} are believed to work, and {theirs} do")
            if position is not None and (position.net, position.unshown) != (net, 0):
                told.append(f"{position} is believed, and it is {net}")
        for order in self._handles:
            real = truth.order(order.id)
            if (order.status, order.filled_size) != (real.status, real.fill_volume):
                told.append(f"{order} is {real.status.name} with {real.fill_volume}")
        return told

    # -- the trader

    def _do(self, name: str, act: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[None]:
        async def done() -> None:
            try:
                await act()
                self.counts[f"{name} done"] += 1
            except TopstepxError as error:
                self.counts[f"{name} {type(error).__name__}"] += 1

        task = asyncio.create_task(done())
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)
        return task

    def _wish(self) -> str:
        """A key, most often a new one."""
        chance = self.chance
        if self._terms and chance.random() < 0.12:
            return chance.choice(list(self._terms))
        key = f"key {len(self._terms)}"
        side, away = chance.choice([Side.BUY, Side.SELL]), chance.randint(100, 300)
        below, above = self.w.far_below(away), self.w.far_above(away)
        rests, breaks = (below, above) if side is Side.BUY else (above, below)
        at = chance.choice([Market(), Market(), rests, rests, Stop(breaks.price)])
        legs = chance.choice(
            [Bracket(400, 400), Bracket(stop_ticks=400), Bracket(target_ticks=400)]
        )
        self._terms[key] = {
            "side": side,
            "size": chance.randint(1, MOST),
            "at": at,
            "bracket": legs if chance.random() < 0.35 else None,
            "remainder": CancelRest(after_s=1) if chance.random() < 0.2 else None,
        }
        return key

    async def _place(self, account: Any, key: str) -> None:  # noqa: ANN401  an Account
        said = self._said.setdefault((account.id, key), [])
        number = len(said)
        said.append("nothing")
        try:
            order = await self.w.tsx.orders.place(
                account, self.w.contract, key=key, allow_duplicate=True, **self._terms[key]
            )
        except TopstepxError as error:
            said[number] = error.did_it_happen
            raise
        said[number] = "accepted"
        self._handles.append(order)

    async def _cancel(self, order: Any) -> None:  # noqa: ANN401  an Order
        await order.cancel()
        if order.id is not None and not self.w.pair.truth.order(order.id).status.is_terminal:
            self.found.append(f"{order} was called cancelled and works")

    async def _exit(self, account: Any, name: str, size: int) -> None:  # noqa: ANN401  an Account
        """One way out, and whether it took more than was asked, where nothing else moved the position."""
        truth, desk = self.w.pair.truth, self.w.tsx.desk(account, self.w.contract)
        ways: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "close": desk.close,
            "close part": lambda: desk.close(size),
            "reduce": lambda: desk.reduce_to(size),
            "flatten": lambda: self.w.tsx.flatten(account),
        }
        self._exits += 1
        self._exits_under_way += 1
        alone, number, trades = self._exits_under_way == 1, self._exits, len(truth.all_trades)
        before = truth.net_size(account.id, self.w.contract.id)
        try:
            await ways[name]()
            after = truth.net_size(account.id, self.w.contract.id)
            meanwhile = [one for one in truth.all_trades[trades:] if one.account_id == account.id]
            tagged = any(truth.order(one.order_id).custom_tag for one in meanwhile)
            if not alone or number != self._exits or tagged:
                return
            least = {"close part": abs(before) - size, "reduce": min(size, abs(before))}.get(
                name, 0
            )
            if before * after < 0 or abs(after) < least:
                self.found.append(f"{name} {size} made {after} of {before}")
            if name != "close part" and abs(after) > least:
                self.found.append(f"{name} {size} is over and left {after} of {before}")
        finally:
            await asyncio.sleep(0.1)
            self._exits_under_way -= 1

    async def act(self) -> None:
        """One thing; often not waited for, now and then abandoned."""
        chance, account = self.chance, self.chance.choice(self.accounts)
        working = self.w.tsx.orders.working(account)
        order = chance.choice(working) if working else None
        dice = chance.random()
        if dice < 0.45 or (order is None and dice < 0.7):
            task = self._do("place", partial(self._place, account, self._wish()))
        elif order is not None and dice < 0.55:
            task = self._do("modify", partial(order.modify, size=chance.randint(1, MOST + 1)))
        elif order is not None and dice < 0.7:
            task = self._do("cancel", partial(self._cancel, order))
        elif dice < 0.92:
            name = chance.choice(["close", "close part", "close part", "reduce", "flatten"])
            task = self._do(name, partial(self._exit, account, name, chance.randint(1, 2)))
        else:
            self._fill(account.id)
            return
        if chance.random() < 0.6:
            await asyncio.wait({task}, timeout=chance.choice([0.05, 1, 15]))
        if not task.done() and chance.random() < 0.2:
            task.cancel()

    def _fill(self, account_id: int) -> None:
        """The market fills something, but not while an exit is under way: see the known gaps."""
        open_now = [
            one
            for one in self.w.pair.truth.working(account_id)
            if one.status is OrderStatus.OPEN and not self._exits_under_way
        ]
        if open_now:
            one = self.chance.choice(open_now)
            size = self.chance.randint(1, one.size - one.fill_volume)
            self.w.fill(one.id, size, one.limit_price or one.stop_price or self.w.market())

    # -- the troubles

    def trouble(self) -> None:
        """One more thing that goes wrong."""
        chance, venue = self.chance, self.w.pair.gateway.venue.faults
        about, dice = chance.choice(EVENTS), chance.random()
        if dice < 0.3:
            hub = [
                f.DropEvents(about),
                f.DelayEvents(chance.choice([0.3, 2.0, 6.0]), about),
                f.ReorderEvents(about),
                f.DuplicateEvents(about),
            ]
            self.w.break_("hub/user", chance.choice(hub), times=chance.choice([1, 3, 10, None]))
        elif dice < 0.6:
            calls = [
                f.DropAnswer(),
                f.DropAnswer(cut=False),
                f.Hold(chance.choice([1, 8, 30])),
                f.Answer(503, "", when=chance.choice(["before", "after"])),
                f.LoseRequest(),
                f.Delay(chance.choice([1, 7])),
                f.Cut(3),
            ]
            self.w.break_(
                chance.choice([PLACE, PLACE, CANCEL, MODIFY, CLOSE, PARTIAL]), chance.choice(calls)
            )
        elif dice < 0.75:
            lag = timedelta(seconds=chance.choice([0, 1, 4, 8]))
            setattr(venue, f"visibility_{chance.choice(READS)}", lag)
        elif dice < 0.82:
            hub_acts = [f.CutHub(), f.CloseHub(), f.ReplayEvents(last=10), f.Mute()]
            self.w.break_("hub/user", chance.choice(hub_acts))
        elif dice < 0.9:
            venue.max_fill_size = chance.choice([None, 1])
            venue.hide_legs = chance.random() < 0.3
        else:
            self._clear()

    def _clear(self) -> None:
        self.w.pair.faults.clear()
        venue = self.w.pair.gateway.venue.faults
        for read in READS:
            setattr(venue, f"visibility_{read}", timedelta(0))
        venue.max_fill_size, venue.hide_legs = None, False

    # -- runs

    async def run(self, *, runs: int = 2, steps: int = 25) -> Attacker:
        """Attack, crash, attack again, and look at it all in the calm."""
        journal = MemoryJournal(write_s=self.chance.choice([0.0, 0.0, 0.3]))
        parts: dict[str, Any] = {}
        for number in range(runs):
            parts |= {"limits": Limits(contracts_max=MOST), "seed": self._seed * 10 + number}
            disk = journal
            try:
                async with world(journal=journal, **parts) as w:
                    parts["gateway"] = w.pair.gateway
                    await self._one_run(w, steps, last=number == runs - 1)
                    disk = journal.crash()
                    self._handles.clear()
            except TopstepxError as error:  # what was open is told when it is left
                self.counts[f"left by {type(error).__name__}"] += 1
            parts["gateway"].faults.clear()
            journal = disk
        return self

    async def _one_run(self, w: World, steps: int, *, last: bool) -> None:
        self.w, w.audited = w, False
        self._watch()
        others = [one for one in await w.tsx.accounts.all() if one.can_trade and one.simulated]
        self.accounts = [w.account, *[one for one in others if one.id != w.account.id][:1]]
        for account in self.accounts:
            await w.tsx.ready(account)
        for _ in range(steps):
            if self.chance.random() < 0.35:
                self.trouble()
            await self.act()
            await asyncio.sleep(self.chance.choice([0, 0, 0.05, 0.2, 1, 4, 9]))
        if last:
            self._clear()
            await asyncio.sleep(HELD_S + CALM_S)
            self.found += [f"after {CALM_S:.0f} s: {told}" for told in self._differences()]
            await asyncio.sleep(DECIDED_S)
            self._check_words()
        for task in list(self._acts):
            task.cancel()
        if self._acts:
            await asyncio.wait(set(self._acts))
