"""`Account/search`, `Contract/*` and `History/retrieveBars`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topstepx.sim.periods import bar_ends
from topstepx.wire.enums import BarUnit
from topstepx.wire.models import (
    AccountsAnswer,
    AccountSearchRequest,
    BarsAnswer,
    ContractAnswer,
    ContractsAnswer,
    Envelope,
)

if TYPE_CHECKING:
    from topstepx.sim.calls import Call
    from topstepx.sim.gateway import Gateway


def account_search(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """The user's accounts."""
    request = AccountSearchRequest(only_active_accounts=body["onlyActiveAccounts"])
    answer = gateway.venue.accounts(request, call.now)
    mine = [
        one
        for one in answer.accounts or []
        if gateway.owns_account(call.known_session.user_name, one.id)
    ]
    return AccountsAnswer(success=True, error_code=0, accounts=mine)


def contract_search(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """At most 20 contracts whose name, description or id contains the text."""
    catalogue = gateway.market.catalogue
    found = catalogue.search(body["searchText"], live=body["live"], now=call.now)
    return ContractsAnswer(success=True, error_code=0, contracts=[one.model() for one in found])


def contract_available(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """The front month of every product."""
    found = gateway.market.catalogue.available(live=body["live"], now=call.now)
    return ContractsAnswer(success=True, error_code=0, contracts=[one.model() for one in found])


def contract_by_id(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """One contract by its exact id."""
    catalogue = gateway.market.catalogue
    listing = catalogue.by_id(body["contractId"], now=call.now)
    if listing is None:
        return ContractAnswer(success=False, error_code=1, contract=None)
    active = catalogue.is_active(listing, now=call.now)
    return ContractAnswer(success=True, error_code=0, contract=listing.model(active=active))


def retrieve_bars(gateway: Gateway, call: Call, body: dict[str, Any]) -> Envelope:
    """Bars of the window, newest first."""
    listing = gateway.market.catalogue.by_id(body["contractId"], now=call.now)
    reply = gateway.bars.retrieve_bars(
        listing,
        body["startTime"],
        body["endTime"],
        body["unit"],
        body["unitNumber"],
        body["limit"],
        body["includePartialBar"],
        call.now,
    )
    bars = reply.bars
    if bars and listing is not None and not gateway.market.hand.idle:
        ends = bar_ends(BarUnit(body["unit"]), body["unitNumber"])
        bars = gateway.market.hand.bars(listing, bars, ends)
    return BarsAnswer(success=not reply.error_code, error_code=reply.error_code, bars=bars)
