"""What every trading command asks: which gateway, which key, which account, which journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from topstepx.access import find_credentials
from topstepx.cli import terminal
from topstepx.cli.targets import Target, target_of
from topstepx.connecting import Connection, connect
from topstepx.errors import ConfigurationError
from topstepx.keeping import journal_path, leases_of
from topstepx.settings import Credentials
from topstepx.store.journal_memory import MemoryJournal
from topstepx.store.sealing import has_cryptography

if TYPE_CHECKING:
    from topstepx.client import Client
    from topstepx.desk.accounts import Account
    from topstepx.store.lease import Leases

_FLAG = Parameter(negative=())


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which gateway and which account.

    Args:
        environment: Which gateway: topstepx, another firm, or sim.
        profile: One of your profiles.
        url: The address of a running `topstepx sim`.
        account: The account's exact name or id; may be left out where there is only one.
        journal: The journal's file, if it is not in the usual place (a simulator's: one for each run).
        as_json: One JSON object per line.
    """

    environment: str | None = None
    profile: str | None = None
    url: str | None = None
    account: str | None = None
    journal: Path | None = None
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False

    def target(self) -> Target:
        """The gateway that is meant."""
        return target_of(self.environment, self.profile, self.url)

    def credentials(self, target: Target) -> Credentials:
        """Who logs in there; asks for a passphrase where one is needed and somebody is there."""
        ask = terminal.ask_passphrase if terminal.present() else None
        return find_credentials(target.profile, passphrase=ask).credentials

    def journal_file(self) -> Path:
        """The journal's file; needs a key only to find the usual place."""
        if self.journal is not None:
            return self.journal.expanduser().absolute()
        target = self.target()
        return self.journal_of(target, self.credentials(target).user_name)

    def journal_of(self, target: Target, user_name: str) -> Path:
        """The same, where it is known already who logs in."""
        if self.journal is not None:
            return self.journal.expanduser().absolute()
        return self._kept_in(target, user_name) or journal_path(target.reached, user_name)

    def _kept_in(self, target: Target, user_name: str) -> Path | None:
        """The journal's file, where it is not the usual one; also for a simulator it is on the disk."""
        if self.journal is not None or not target.reached.simulated:
            return self.journal
        from topstepx.cli.simulated_journal import simulated_journal

        return simulated_journal(target.reached, user_name)

    def leases(self, target: Target, credentials: Credentials) -> Leases:
        """The leases of whoever trades there from this computer."""
        return leases_of(target.reached, credentials.user_name)

    def connection(
        self,
        target: Target,
        credentials: Credentials,
        **options: Any,  # noqa: ANN401  passed through
    ) -> Connection:
        """A connection for one command.

        Commands share one session, where it can be kept encrypted: a command is soon over, and a login
        for each would use up the five in ten minutes.
        """
        if target.profile.get("share_session").value is None:
            options.setdefault("share_session", has_cryptography())
        reads = not options.get("trade", False)  # what only reads needs nothing on the disk
        return connect(
            target.profile.name,
            url=target.reached.rest_url if target.reached.simulated else None,
            user_name=credentials.user_name,
            api_key=credentials.api_key,
            journal=MemoryJournal() if reads else self._kept_in(target, credentials.user_name),
            sigterm=False,  # a command is soon over, and its exit codes are its own
            **options,
        )

    async def chosen(self, tsx: Client) -> Account:
        """The one account that is meant. Raises `ConfigurationError` where that is not clear."""
        if self.account is not None:
            return await tsx.accounts.exact(
                int(self.account) if self.account.isdigit() else self.account
            )
        accounts = await tsx.accounts.all()
        if len(accounts) == 1:
            return accounts[0]
        names = ", ".join(account.name for account in accounts) or "none"
        msg = f"Which account? There are {len(accounts)}: {names}."
        raise ConfigurationError(msg, next_step="Say --account with the exact name or id.")

    def say(self, text: str, facts: Mapping[str, object]) -> None:
        """One line: for people, or as JSON."""
        sys.stdout.write((json.dumps(facts, default=str) if self.as_json else text) + "\n")
        sys.stdout.flush()


def confirm(question: str, *, yes: bool) -> None:
    """Nothing, if a person agreed. Raises `ConfigurationError` where nobody did."""
    if yes:
        return
    if terminal.ask(f"{question} [y/N]", "add --yes").casefold() not in {"y", "yes"}:
        msg = "Nothing was done."
        raise ConfigurationError(msg, next_step="Answer y, or add --yes.")
