"""Whether a connected user hub still tells what happens. Silence proves nothing; two things do.

The canary: every order of ours that the gateway accepted must be told by the hub within five seconds.
The comparison: every half minute, every five seconds with something at stake, the gateway is asked by
REST; a step or trade that is older than three seconds and that the hub has not told is one it will not
tell. Then the hub is *deaf*: polling begins, its streams are asked for again, and if it is found deaf
once more within a minute, or the streams do not come back, the connection is given up.

A hub that was found deaf is not proven to hear because lists agree again (see `core.doubts`): until each
stream that was silent has told something, it goes on being compared, and `note` says so.

A balance has no time of its own, so nobody can see that an older one came late: what the hub told of
one is read again at the next comparison, and a reading that fails is tried again until it comes. Nor does a lock of the account show in orders or trades, so
accounts are read again when their list is twenty seconds old.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.asked import denied_lately
from topstepx.core.doubts import Doubts
from topstepx.core.link_ends import EndKind, LinkEnd
from topstepx.desk.complaint import Complaint
from topstepx.desk.lookout import RECENT
from topstepx.desk.owed import Debt, Owed
from topstepx.errors import TopstepxError
from topstepx.events import AccountObserved, GapSuspected, IntentAnswered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import datetime

    from topstepx.core.doubts import Stream
    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.intake import Intake
    from topstepx.desk.lookout import Seen
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.events import Event, Source
    from topstepx.net.hub import HubLink

_LOG = logging.getLogger("topstepx.hub")
CANARY_S: Final = 5.0
EXPOSED_EVERY_S: Final = 5.0
FLAT_EVERY_S: Final = 30.0
DOUBTED_EVERY_S: Final = 15.0
"""How often a hub that is not proven to hear is compared while nothing is at stake."""

ACCOUNTS_EVERY_S: Final = 20.0
MONEY_AGAIN_S: Final = 5.0
"""When a reading of balances that failed is tried again; it then waits for its place in the budget."""

YOUNG_S: Final = 4.0
_MOMENT_NS: Final = 2 * NANOSECONDS
_AGAIN_S: Final = 60.0
_SETTLES_S: Final = 6.0
_CALLS_PER_MINUTE: Final = 60
_LOOKS: Final = 2
"""So many looks in a row at each account must agree before a deaf hub is used again."""


class HubWatch:
    """Watches one life of the user hub after the other; `deaf` is called when it is found to be."""

    def __init__(
        self,
        hub: HubLink,
        record: Record,
        recovery: Recovery,
        intake: Intake,
        *,
        deaf: Callable[[str], None],
        hears: Callable[[], None],
        read_accounts: Callable[[Source], Awaitable[object]],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        """`hears`: after `deaf`, two looks agreed again."""
        self._hub = hub
        self._record = record
        self._recovery = recovery
        self._intake = intake
        self._deaf = deaf
        self._hears = hears
        self._read_accounts = read_accounts
        self._spawn = spawn
        self._generation: int | None = None
        self._trusted_since: datetime | None = None
        self._deaf_ns: int | None = None
        self._doubts = Doubts()
        self._agreed: Counter[int] = Counter()
        """How many looks in a row agreed since the hub was found deaf, by account."""
        self._is_deaf = False
        self._suspected: set[int] = set()
        """Accounts of which something may have been missed, and that no look has shown since."""
        self._money_at: dict[int, datetime] = {}
        """Accounts whose balance the hub told, and when, as long as no answer has said the same."""
        self._accounts_read_s = 0.0
        self._money_unread = False
        """Whether the last reading of balances failed."""
        self._wake = asyncio.Event()
        self._comparing = Complaint(_LOG, "comparing the user hub with REST")
        self._balances = Complaint(_LOG, "reading balances again")
        self._owed = Owed(self._due)
        record.listen(self._on_fact, IntentAnswered, AccountObserved)

    @property
    def is_deaf(self) -> bool:
        """Whether the hub is connected and does not tell what happens."""
        return self._is_deaf

    @property
    def is_proven(self) -> bool:
        """Whether it hears as far as anybody can tell: not deaf, nor deaf before and silent since."""
        return not self._is_deaf and not self._is_doubted()

    @property
    def note(self) -> str | None:
        """Why it is not proven to hear, for people; None while it is, or while it is away or deaf."""
        if self._generation is None or self._is_deaf or not self._is_doubted():
            return None
        return (
            f"the user hub: {self._doubts.note}; REST is compared every {DOUBTED_EVERY_S:.0f} s, every "
            f"{EXPOSED_EVERY_S:.0f} s with something at stake"
        )

    def _is_doubted(self) -> bool:
        return self._doubts.hear(self._intake.last_ns)

    def resume(self) -> None:
        """A person looked, and says that it hears."""
        self._doubts.drop()

    @property
    def trusted_since(self) -> datetime | None:
        """Since when the hub is trusted, by the gateway's clock; None: it is not, or that is not known."""
        return None if self._generation is None else self._trusted_since

    def begin(self, generation: int) -> None:
        """A life of the hub is trusted from now on; one that takes over from a deaf one: after two looks."""
        self._generation = generation
        self._accounts_read_s = asyncio.get_running_loop().time()
        self._trusted_since = self._recovery.server_told()
        # A line that was left for a new token while it was deaf: until two looks agree, so is this one.
        self._agreed.clear()
        self._doubts.asked_again(self._record.now_ns())
        self._spawn(self._run(generation), "compare the user hub with REST")
        if self._money_unread:
            self._spawn(self._read_money_until(generation), "read balances again")

    def end(self) -> None:
        """That life is over."""
        self._generation = None
        self._is_deaf = False
        self._suspected.clear()
        self._owed.drop()

    def suspect(self, reason: str) -> None:
        """Something may have been missed: look at once."""
        if self._generation is None:
            return  # a recovery looks anyway
        self._trusted_since = self._recovery.server_told()  # what was before may be our own loss
        at = self._record.stamp()
        self._record.commit(GapSuspected(at=at, hub="user", reason=reason))
        self._wake.set()

    def look(self) -> None:
        """Look at once; what is found says nothing about the hub yet."""
        if self._generation is not None:
            self._wake.set()

    # -- the comparison

    async def _run(self, generation: int) -> None:
        self._wake.clear()
        while self._generation == generation:
            if await self._pause():
                self._suspected.update(self._recovery.accounts)
            if self._is_deaf:
                continue  # polling looks already, and hands what it saw to `looked`
            for account_id in self._recovery.accounts:
                if self._generation != generation:
                    return
                try:
                    seen = await self._recovery.snapshot(
                        account_id, origin="reconciled", back=RECENT
                    )
                except TopstepxError as error:
                    self._comparing.failed(error, account_id)
                    continue
                self._comparing.worked(account_id)
                if self._generation != generation:
                    return
                if account_id in self._suspected:
                    self._suspected.discard(account_id)  # what it shows may be our own loss
                else:
                    self.looked(account_id, seen)
            if self._money_at and self._generation == generation:
                await self._read_money()

    async def _read_money(self) -> None:
        self._accounts_read_s = asyncio.get_running_loop().time()
        try:
            await self._read_accounts("reconciled")
        except TopstepxError as error:
            self._balances.failed(error)
            self.money_unread()
        else:
            self._money_unread = False
            self._balances.worked()

    def money_unread(self) -> None:
        """Balances could not be read: nobody tells them again, so they are asked for until they come."""
        was, self._money_unread = self._money_unread, True
        if not was and self._generation is not None:
            self._spawn(self._read_money_until(self._generation), "read balances again")

    async def _read_money_until(self, generation: int) -> None:
        while self._money_unread:
            await asyncio.sleep(MONEY_AGAIN_S)
            if self._generation != generation:
                return
            await self._read_money()

    async def _pause(self) -> bool:
        """Wait for the next look; True if something is suspected to be missing."""
        accounts = self._recovery.accounts
        calls = len(accounts) * 4 + 1
        least_s = max(EXPOSED_EVERY_S, calls * 60 / _CALLS_PER_MINUTE)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while True:
            try:
                async with asyncio.timeout(self._recovery.pause_s(calls, least_s)):
                    await self._wake.wait()
            except TimeoutError:
                if loop.time() - self._accounts_read_s >= ACCOUNTS_EVERY_S:
                    await self._read_money()
                every_s = DOUBTED_EVERY_S if self._is_doubted() else FLAT_EVERY_S
                urgent = self._exposed() or self._suspected
                if urgent or loop.time() - began_s >= every_s:
                    return False
            else:
                self._wake.clear()
                return True

    def _exposed(self) -> bool:
        ledger = self._record.ledger
        return any(
            ledger.positions(account_id)
            or ledger.working(account_id)
            or any(self._may_yet_show(one) for one in ledger.unsettled_intents(account_id))
            or any(ledger.netting.unsettled(account_id))
            or account_id in self._money_at
            for account_id in self._recovery.accounts
        )

    def _may_yet_show(self, intent: IntentBelief) -> bool:
        """Whether its order may be seen any moment: what is presumed absent is looked for elsewhere."""
        if intent.state == "not_sent":
            return denied_lately(self._record.ledger, intent, self._record.stamp())
        return intent.state != "presumed_absent"

    def looked(self, account_id: int, seen: Seen) -> None:
        """A look at an account showed this: judge the hub by it."""
        if self._generation is None or self._is_settling():
            return
        for order_id in seen.young:
            self._expect(order_id, YOUNG_S, "what REST told of order {}")
        if seen.untold:
            reason = "it did not tell " + ", ".join(seen.untold[:3])
            streams: set[Stream] = {
                "trade" if one.startswith("trade") else "order" for one in seen.untold
            }
            self._found_deaf(reason, *sorted(streams))
        elif self._is_deaf:
            self._agreed[account_id] = self._agreed[account_id] + 1 if seen.agrees else 0
            if all(self._agreed[one] >= _LOOKS for one in self._recovery.accounts):
                self._is_deaf = False
                self._hears()

    def _is_settling(self) -> bool:
        """Whether what is untold may be from before the streams were asked for again."""
        since_ns = None if self._deaf_ns is None else self._record.now_ns() - self._deaf_ns
        return self._is_deaf and since_ns is not None and since_ns < _SETTLES_S * NANOSECONDS

    # -- the canary

    def _on_fact(self, event: Event, _changes: tuple[Change, ...]) -> None:
        if isinstance(event, AccountObserved):
            self._note_money(event)
        if not isinstance(event, IntentAnswered) or self._generation is None:
            return
        intent = self._record.ledger.intent(event.intent_id)
        recorded = intent.recorded if intent is not None else None
        is_placed = recorded is not None and recorded.action == "place"
        if is_placed and event.outcome == "accepted" and event.order_id is not None:
            self._expect(event.order_id, CANARY_S, "our order {}")

    def _note_money(self, event: AccountObserved) -> None:
        account_id, told_at = event.account_model.id, self._money_at.get(event.account_model.id)
        if event.source == "hub":
            if event.origin != "replayed" and account_id in self._recovery.accounts:
                self._money_at[account_id] = event.at
        elif told_at is not None and event.at >= told_at:
            del self._money_at[account_id]

    def _expect(self, order_id: int, within_s: float, what: str) -> None:
        """The hub must speak of the order by then, or have spoken of it a moment ago."""
        self.expect(
            lambda: self._intake.heard_ns(order_id), what.format(order_id), within_s, _MOMENT_NS
        )

    def expect(
        self,
        heard_ns: Callable[[], int | None],
        what: str,
        within_s: float,
        early_ns: int,
        stream: Stream = "order",
    ) -> None:
        """The hub must tell `what` within `within_s`, or have told it up to `early_ns` ago; else it is deaf.

        `stream` is where it should be told.
        """
        if self._generation is not None:
            since_ns = self._record.now_ns() - early_ns
            debt = Debt(what, self._generation, since_ns, heard_ns, stream)
            self._owed.expect(debt, within_s)

    def _due(self, debt: Debt, within_s: float) -> None:
        if self._generation != debt.generation or debt.is_paid or self._is_settling():
            return
        self._found_deaf(f"it did not tell {debt.what} within {within_s:g} s", debt.stream)

    # -- deaf

    def _found_deaf(self, reason: str, *streams: Stream) -> None:
        generation, now_ns = self._generation, self._record.now_ns()
        if generation is None:
            return
        for stream in streams:
            self._doubts.add(stream, reason, now_ns)
        before_ns, self._deaf_ns = self._deaf_ns, now_ns
        self._agreed.clear()
        first = not self._is_deaf
        self._is_deaf = True
        if first:
            self._deaf(reason)
        if before_ns is not None and now_ns - before_ns < _AGAIN_S * NANOSECONDS:
            self._deaf_ns = None
            self._hub.distrust(generation, LinkEnd(EndKind.DEAF, f"the hub is deaf: {reason}"))
            return
        for subscription in self._hub.link.wanted:
            self._hub.resubscribe(subscription)
        self._wake.set()
