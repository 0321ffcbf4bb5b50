"""One run of a client in a storm, from its start to its end or crash."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from topstepx.client import Client
from topstepx.ports import Ports
from topstepx.settings import Credentials, Limits, Secret, Settings, simulator_environment
from topstepx.testing.memory import MemoryRest
from topstepx.testing.memory_hubs import MemoryHubs

if TYPE_CHECKING:
    from topstepx.core.ledger import Change, Ledger
    from topstepx.desk.accounts import Account
    from topstepx.desk.contracts import Contract
    from topstepx.events import Event
    from topstepx.store.journal_memory import MemoryJournal
    from topstepx.testing.storm.computer import Computer
    from topstepx.testing.storm.notebook import Notebook
    from topstepx.testing.storm.world import World

ROOT = "MNQ"


class Life:
    """A client like the one a trader would make, on the world's network and clock, with its own journal.

    `number` tells the runs apart; `book` is where its trader writes down what he is told.
    """

    def __init__(
        self,
        world: World,
        number: int,
        computer: Computer,
        journal: MemoryJournal,
        book: Notebook,
        *,
        exits_only: bool = False,
    ) -> None:
        self.world, self.number, self.computer, self.book = world, number, computer, book
        self.rest = MemoryRest(world.memory)
        self.hubs = MemoryHubs(world.memory)
        self.journal = journal
        self.client = self._made(exits_only=exits_only)
        self.accounts: list[Account] = []
        self.contract: Contract
        self.over = False
        self.entered = False
        self.began = asyncio.Event()
        """Set when it is ready to trade."""
        self.began_s = world.now_s()
        self.facts = 0
        self.client._record.listen(self._heard)  # noqa: SLF001  the auditors look inside on purpose

    def _made(self, *, exits_only: bool) -> Client:
        gateway, options = self.world.gateway, self.world.options
        credentials = Credentials(
            gateway.user_name, Secret(gateway.api_key), "the simulated gateway"
        )
        chance = random.Random(f"client {options.seed} {self.number}")  # noqa: S311  repeatable chance
        budget = self.computer.budget
        ports = Ports(
            self.rest,
            self.hubs,
            clock=self.world.clock,
            journal=self.journal,
            installation=self.computer.installation,
            jitter=chance.random,
            chance=chance.randbytes,
            logins=self.computer.logins,
            budget=budget.of(self.number) if budget is not None else None,
        )
        settings = Settings(
            environment=simulator_environment("http://127.0.0.1:1"),
            limits=Limits(contracts_max=options.contracts_max),
            exits_only=exits_only,
        )
        return Client(settings, credentials, ports)

    @property
    def is_beside(self) -> bool:
        """Whether it is a run of the second client."""
        return self.book is self.world.beside_book

    @property
    def account(self) -> Account:
        """The first account."""
        return self.accounts[0]

    @property
    def ledger(self) -> Ledger:
        """What this run believes."""
        return self.client._record.ledger  # noqa: SLF001  the auditors look inside on purpose

    def _heard(self, event: Event, changes: tuple[Change, ...]) -> None:
        if self.over:
            return
        self.facts += 1
        self.world.trace.note(f"client{self.number}", event, count=event.kind)
        for listener in self.world.listeners:
            listener(self, event, changes)

    async def begin(self) -> None:
        """Log in, and open the accounts for orders."""
        await self.client.__aenter__()
        self.entered = True
        for listing in self.world.accounts:
            self.accounts.append(await self.client.accounts.exact(listing.name))
        self.contract = await self.client.contracts.front(ROOT)
        for account in self.accounts:
            await self.client.ready(account)
        self.began.set()

    async def end(self) -> None:
        """Leave in order."""
        if self.entered:
            await self.client.__aexit__(None, None, None)

    def hub_spoke_of(self, order_id: int) -> bool:
        """Whether the user hub told of an order lately, be it news or not."""
        intake = self.client._intake  # noqa: SLF001  the auditors look inside on purpose
        return intake.heard_ns(order_id) is not None

    def sent(self, *routes: str) -> list[float]:
        """When requests of these routes left, in seconds of the gateway's clock."""
        return [at.timestamp() for at, path, _ in self.rest.sent if path.endswith(routes)]

    def pending_rows(self) -> int:
        """How many rows wait for the disk."""
        commits = self.journal._commits  # noqa: SLF001  the auditors look inside on purpose
        return len(commits._pending) if commits is not None else 0  # noqa: SLF001  the same

    def die(self) -> int:
        """The process is gone; gives the number of rows that never reached the disk."""
        lost = self.pending_rows()
        self.over = True
        self.rest.die()
        self.hubs.die()
        return lost
