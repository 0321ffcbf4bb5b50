"""One login and one look at the accounts: proof that a key works, without a whole client."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.outcome import Verdict
from topstepx.core.token import Renewal, Token, TokenMachine
from topstepx.errors import AnswerUnusable, AuthBroken, TopstepxError
from topstepx.net.renewal import Renewer, bearer, judge_answer
from topstepx.wire import codec, models, routes

if TYPE_CHECKING:
    from topstepx.clock import Clock
    from topstepx.core.logins import LoginLog
    from topstepx.net.transport import RestTransport
    from topstepx.settings import Credentials

_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Proof:
    """A login that worked."""

    token: Token
    accounts: int


async def prove_login(
    transport: RestTransport,
    credentials: Credentials,
    clock: Clock,
    *,
    logins: LoginLog | None = None,
    timeout_s: float = 10.0,
) -> Proof:
    """Log in once, and read the list of accounts; nothing else is asked and nothing is repeated.

    Raises `LoginRefused`, `NotSent`, `AnswerLost`, or `DeadlinePassed` when the logins of the last ten
    minutes are used up. Whatever it raises, nothing has changed.
    """
    machine = TokenMachine(random.SystemRandom().random)
    renewer = Renewer(machine, transport, credentials, clock, timeout_s=timeout_s, logins=logins)
    try:
        await renewer.renew(Renewal.LOGIN)
        if machine.token is None:
            raise _harmless(renewer.error)
        return Proof(machine.token, await _count(transport, machine.token, timeout_s))
    finally:
        renewer.close()


async def _count(transport: RestTransport, token: Token, timeout_s: float) -> int:
    route, request = routes.ACCOUNT_SEARCH, models.AccountSearchRequest(only_active_accounts=True)
    try:
        answer = await transport.send(
            route.method,
            route.path,
            headers=bearer(token),
            body=codec.encode(request),
            timeout_s=timeout_s,
        )
    except TopstepxError as error:
        raise _harmless(error) from None
    if answer.status == _UNAUTHORIZED:
        msg = "The gateway refused a token that it had just given out."
        raise AuthBroken(msg, next_step="Log in on the website once, then try again.")
    outcome = judge_answer(route, answer)
    found = outcome.answer
    if outcome.verdict is Verdict.ACCEPTED and isinstance(found, models.AccountsAnswer):
        return len(found.accounts) if isinstance(found.accounts, list) else 0
    msg = f"{route.name}: {outcome.reason}."
    raise AnswerUnusable(msg, route=route.name, status=answer.status, did_it_happen="no")


def _harmless(error: TopstepxError | None) -> TopstepxError:
    """A login that failed changes nothing."""
    if error is None:
        return AuthBroken("The login gave no token.")
    error.did_it_happen = "no"
    return error
