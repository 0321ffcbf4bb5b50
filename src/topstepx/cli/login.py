"""`topstepx login` and `topstepx logout`: a key is proven before it is kept, and never shown."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated, TextIO

from cyclopts import Parameter

from topstepx.access import login_log, profile_of, rest_transport, shared_session
from topstepx.cli import terminal
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.targets import Target, remember, target_of
from topstepx.clock import SystemClock
from topstepx.errors import ConfigurationError, CredentialsMissing, ExtraMissing, TopstepxError
from topstepx.net.login_probe import prove_login
from topstepx.net.renewal import end_session
from topstepx.settings import Credentials, Secret
from topstepx.store.credentials import CredentialStore, Keeping, Stored
from topstepx.store.credentials_file import Ask, passphrase_from_file
from topstepx.store.places import config_folder
from topstepx.store.sealing import require_cryptography

_FLAG = Parameter(negative=())


def login_command(
    *,
    environment: str | None = None,
    profile: str | None = None,
    url: str | None = None,
    proxy: str | None = None,
    user_name: str | None = None,
    key_stdin: Annotated[bool, _FLAG] = False,
    rotate: Annotated[bool, _FLAG] = False,
    file: Annotated[bool, _FLAG] = False,
    insecure_storage: Annotated[bool, _FLAG] = False,
) -> int:
    """Prove an API key at the gateway and keep it where it is safest.

    The key is asked for without being shown. It is kept in the system's keychain, or, where there is
    none, in a file encrypted under a passphrase.

    Args:
        environment: Whose key it is: topstepx, another firm, or sim.
        profile: A name of your own for it, to keep several keys of one firm.
        url: The address of a running `topstepx sim`.
        proxy: An HTTP proxy to go through, as http://host:port; kept in the profile.
        user_name: The name you log in with; asked for if left out.
        key_stdin: Read the key from standard input instead of asking.
        rotate: Replace the key kept so far: the new one is proven first, and until then the old one stays.
        file: Use the encrypted file even where there is a keychain.
        insecure_storage: Keep the key in plain text, readable by every program that runs as you.
    """
    if file and insecure_storage:
        msg = "--file and --insecure-storage: only one of them."
        raise ConfigurationError(msg, next_step="--file encrypts, --insecure-storage does not.")
    target = target_of(environment, profile, url, proxy)
    store = CredentialStore(config_folder(), ask=_asker(rotate=rotate))
    if rotate:
        return _rotate(target, store, key_stdin=key_stdin)
    place = _place(store, file=file, plain=insecure_storage)
    user_name = user_name or target.profile.get("user_name").value
    user_name = user_name or terminal.ask("User name", "add --user-name")
    key = terminal.check_key(_key(key_stdin=key_stdin))
    stored = Stored(target.reached.name, user_name, key, _today())
    accounts = _prove(target, Credentials(user_name, key, "you"))
    remember(target)
    store.keep(place, target.profile.name, stored)
    _say(f"Logged in to {target.reached.name} as {user_name}; {_accounts(accounts)}.")
    _say(f"The key is kept in the {place.name}, profile {target.profile.name!r}.")
    if proxy is not None and profile_of(target.profile.name).get("proxy").value is None:
        _say(f"Write proxy = {proxy!r} under [profiles.{target.profile.name}] to go on using it.")
    if place is store.plain:
        _say("It stands there in plain text: every program that runs as you can read it.")
    return ExitCode.DONE


def _rotate(target: Target, store: CredentialStore, *, key_stdin: bool) -> int:
    name = target.profile.name
    place, old = _kept(store, name)
    if old.environment != target.reached.name:
        msg = (
            f"The key of profile {name!r} is for {old.environment!r}, not {target.reached.name!r}."
        )
        raise ConfigurationError(msg, next_step="Choose another --profile name.")
    key = terminal.check_key(_key(key_stdin=key_stdin))
    if key.reveal() == old.api_key.reveal():
        msg = "That is the key kept already."
        raise ConfigurationError(msg, next_step="Create a new one on the website first.")
    stored = Stored(old.environment, old.user_name, key, _today())
    store.park(place, name, stored)
    try:
        accounts = _prove(target, stored.credentials("you"))
    except TopstepxError:
        store.discard(place, name)
        _say("The new key was not accepted. The old one is kept as it was.", sys.stderr)
        raise
    store.promote(place, name, stored)
    _say(
        f"The new key of {old.user_name} works: {_accounts(accounts)}. It has replaced the old one."
    )
    _say("Restart your programs, delete the old key on the website, and see that it is refused.")
    return ExitCode.DONE


def _kept(store: CredentialStore, name: str) -> tuple[Keeping, Stored]:
    for place in store.places():
        text = place.read(name)
        if text is not None and (stored := Stored.read(text)) is not None:
            return place, stored
    msg = f"No key is kept for the profile {name!r}."
    raise ConfigurationError(msg, next_step="Log in first, without --rotate.")


def _asker(*, rotate: bool) -> Ask | None:
    """How the passphrase of the key file is got: an old one for a rotation, else a new one."""
    if not terminal.present():
        return None
    return terminal.ask_passphrase if rotate else terminal.ask_new_passphrase


def _place(store: CredentialStore, *, file: bool, plain: bool) -> Keeping:
    """Where the key will be kept; settled before anything is asked or sent."""
    if plain:
        return store.plain
    if not file and store.keychain is not None:
        return store.keychain
    if not file and store.keychain_trouble is not None:
        _say(f"{store.keychain_trouble}", sys.stderr)
        _say("So the key goes into a file under a passphrase.", sys.stderr)
    require_cryptography("The encrypted key file")
    if passphrase_from_file() is None and not terminal.present():
        msg = "The key file needs a passphrase, and there is no terminal to ask on."
        raise ConfigurationError(
            msg, next_step="Name a private file that holds one in TOPSTEPX_PASSPHRASE_FILE."
        )
    return store.encrypted


def _key(*, key_stdin: bool) -> Secret:
    if key_stdin:
        return terminal.key_from_stdin()
    return terminal.ask_hidden("API key", "pipe it in with --key-stdin")


def _prove(target: Target, credentials: Credentials) -> int:
    """Log in with it and count the accounts; nothing else is asked, and nothing changes."""

    async def look() -> int:
        clock = SystemClock()
        transport = rest_transport(target.profile, clock)
        log = login_log(target.reached, credentials.user_name, clock)
        try:
            proof = await prove_login(transport, credentials, clock, logins=log)
        finally:
            await transport.close()
        return proof.accounts

    return asyncio.run(look())


def logout_command(
    *,
    environment: str | None = None,
    profile: str | None = None,
    url: str | None = None,
    forget: Annotated[bool, _FLAG] = False,
) -> int:
    """End the session that your programs share, and forget the key if asked to.

    Programs that did not share their session keep it until they end. Whether the gateway ends other
    sessions of the same user along with this one is not known.

    Args:
        environment: Whose session: topstepx, another firm, or sim.
        profile: The name it was kept under.
        url: The address of a running `topstepx sim`.
        forget: Delete the key from every place of this computer as well.
    """
    target = target_of(environment, profile, url)
    ask = terminal.ask_passphrase if terminal.present() and not forget else None
    store = CredentialStore(config_folder(), ask=ask)
    ended = False
    try:
        found = store.find(target.profile.name, target.reached.name, take=False)
    except CredentialsMissing:
        if not forget:
            raise
    except ConfigurationError as error:
        if not forget:
            raise
        _say(f"Its session, if there is one, stays: {error}", sys.stderr)
    else:
        ended = asyncio.run(_end_shared(target, found.credentials))
    _say("The shared session is ended." if ended else "No session is shared on this computer.")
    if forget:
        had = store.forget(target.profile.name)
        _say(f"The key is deleted from: {', '.join(had)}." if had else "No key was kept.")
        _say("It still works until you delete it on the website.")
    return ExitCode.DONE


async def _end_shared(target: Target, credentials: Credentials) -> bool:
    clock = SystemClock()
    try:
        session = shared_session(target.reached, credentials, clock)
    except ExtraMissing:
        return False  # then nobody here can have shared one
    found = session.read()
    if found is None:
        return False
    session.forget()
    transport = rest_transport(target.profile, clock)
    try:
        await end_session(transport, found.value)
    finally:
        await transport.close()
    return True


def _accounts(count: int) -> str:
    return "one account" if count == 1 else f"{count} accounts"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _say(text: str, stream: TextIO | None = None) -> None:
    (stream or sys.stdout).write(f"{text}\n")
