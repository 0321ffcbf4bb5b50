"""Contracts: the right one by any of its names, never by substring, also after a roll."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import mnq
from topstepx.errors import (
    AnswerUnusable,
    ContractUnknown,
    GatewayBusy,
    GatewayRefused,
    InvalidRequest,
    PriceOffGrid,
    RateLimited,
)
from topstepx.sim import fault_kinds as f
from topstepx.sim.catalogue import Catalogue
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair

if TYPE_CHECKING:
    from topstepx.desk.contracts import Contracts


@virtual
async def test_every_product_resolves_to_its_own_front_month() -> None:
    catalogue = Catalogue()
    async with Pair() as pair:
        available = await pair.tsx.contracts.available()
        assert len(available) == 52
        for contract in available:
            found = await pair.tsx.contracts.front(contract.product)
            listing = catalogue.front(contract.product, now=START)
            assert (found.id, found.name) == (listing.id, listing.name)
            assert found.tick_size == listing.tick_size
            assert found.tick_value == listing.tick_value
            assert found.is_active
        assert len(asked(pair, "Contract/available")) == 1, "the list is read once"


def asked(pair: Pair, route: str) -> list[object]:
    return [one for one in pair.gateway.limits.arrivals if one.route == route]


@pytest.mark.parametrize(
    ("name", "contract_id"),
    [
        ("NQ", "CON.F.US.ENQ.Z26"),
        ("ENQ", "CON.F.US.ENQ.Z26"),
        ("nq", "CON.F.US.ENQ.Z26"),
        ("/NQ", "CON.F.US.ENQ.Z26"),
        (" MNQ ", "CON.F.US.MNQ.Z26"),
        ("MNQZ6", "CON.F.US.MNQ.Z26"),
        ("ES", "CON.F.US.EP.Z26"),
        ("6E", "CON.F.US.EU6.Z26"),
        ("QM", "CON.F.US.NQM.F27"),
        ("QG", "CON.F.US.NQG.Z26"),
    ],
)
def test_names_mean_exactly_one_thing(name: str, contract_id: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            assert (await pair.tsx.contracts.front(name)).id == contract_id
            assert (await pair.tsx.contracts.one(name)).id == contract_id

    run()


@virtual
async def test_one_takes_the_contract_itself_an_id_or_a_name() -> None:
    async with Pair() as pair:
        contracts = pair.tsx.contracts
        contract = await mnq(pair)
        assert await contracts.one(contract) is contract
        assert await contracts.one(contract.id) == contract
        assert await contracts.one(contract.name) == contract
        assert str(contract) == "MNQZ6 (CON.F.US.MNQ.Z26)"
        assert "Micro E-mini" in contract.description


@virtual
async def test_an_id_that_is_not_listed_any_more_is_found_and_known_to_be_over() -> None:
    async with Pair() as pair:
        old = await pair.tsx.contracts.by_id("CON.F.US.MNQ.H27")
        assert not old.is_active
        assert pair.tsx.contracts.known(old.id) == old
        assert await pair.tsx.contracts.by_id(old.id) is old
        assert len(asked(pair, "Contract/searchById")) == 1


@virtual
async def test_search_gives_what_the_gateway_finds() -> None:
    async with Pair() as pair:
        found = await pair.tsx.contracts.search("NQ")
        assert {"NQZ6", "MNQZ6", "QMF7", "QGZ6"} <= {contract.name for contract in found}
        assert len(found) <= 20
        assert await pair.tsx.contracts.search("no such thing") == ()
        assert pair.tsx.contracts.name_of(found[0].id) == found[0].name


@pytest.mark.parametrize(("name", "near"), [("MNX", "MNQ"), ("ESS", "ES"), ("6EE", "6E")])
def test_an_unknown_product_names_close_ones(name: str, near: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            with pytest.raises(ContractUnknown, match="no active contract") as unknown:
                await pair.tsx.contracts.front(name)
            assert near in unknown.value.near
            assert near in str(unknown.value)
            assert unknown.value.did_it_happen == "no"

    run()


@pytest.mark.parametrize(
    ("contract_id", "near"),
    [
        ("CON.F.US.MNQ.Z99", "CON.F.US.MNQ.Z26"),
        ("CON.F.US.MNX.Z26", "MNQ"),
        ("CON.F.US", None),
        ("MNQ", "CON.F.US.MNQ.Z26"),
    ],
)
def test_an_unknown_id_names_close_ones(contract_id: str, near: str | None) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            with pytest.raises(ContractUnknown, match=r"with that id\. ") as unknown:
                await pair.tsx.contracts.by_id(contract_id)
            assert (unknown.value.field, unknown.value.value) == ("contract", contract_id)
            assert near is None or near in unknown.value.near

    run()


@virtual
async def test_a_busy_or_forbidding_gateway_does_not_make_a_contract_unknown() -> None:
    async with Pair() as pair:
        refused = f.Answer(403, '{"title":"Forbidden"}')
        pair.faults.add(Fault(where="Contract/searchById", what=refused))
        with pytest.raises(GatewayRefused, match="Forbidden"):
            await pair.tsx.contracts.by_id("CON.F.US.MNQ.Z26")
        pair.faults.add(Fault(where="Contract/searchById", what=f.Answer(429), times=None))
        with pytest.raises((GatewayBusy, RateLimited)):
            await pair.tsx.contracts.by_id("CON.F.US.MNQ.Z26")


@pytest.mark.parametrize("route", ["Contract/available", "Contract/search"])
def test_an_answer_without_its_list_is_an_error_and_never_no_contracts(route: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            edit = f.Edit("contracts", "null")
            planned = pair.faults.add(Fault(where=route, what=edit, times=None))
            ask = pair.tsx.contracts.available if route.endswith("available") else _search(pair)
            with pytest.raises(AnswerUnusable, match="contracts"):
                await ask()
            pair.faults.remove(planned)
            await asyncio.sleep(60)
            assert await ask()

    run()


def _search(pair: Pair) -> Any:  # noqa: ANN401  a call of either kind
    return lambda: pair.tsx.contracts.search("MNQ")


@virtual
async def test_a_program_that_runs_through_a_roll_gets_the_new_month() -> None:
    before = datetime(2026, 12, 10, 12, tzinfo=UTC)
    async with Pair(gateway=Gateway.build(at=before)) as pair:
        old = await mnq(pair)
        assert (await pair.tsx.contracts.front("MNQ")) is old
        pair.world.suspended(0)
        pair.clock.suspend(14 * 86400)
        pair.world.suspended(14 * 86400)
        await asyncio.sleep(1)
        new = await pair.tsx.contracts.front("MNQ")
        assert (old.name, new.name) == ("MNQZ6", "MNQH7")


@virtual
async def test_the_name_of_a_month_that_has_just_been_listed_is_found_by_reading_again() -> None:
    async with Pair() as pair:
        await pair.tsx.contracts.available()
        contracts: Contracts = pair.tsx.contracts
        contracts._available = tuple(c for c in contracts._available if c.product != "ES")
        assert (await contracts.front("ES")).name == "ESZ6"
        assert len(asked(pair, "Contract/available")) == 2


@pytest.mark.parametrize("wrong", [None, 5, "", "  ", b"MNQ", ["MNQ"]])
def test_what_is_no_name_is_refused_by_field(wrong: Any) -> None:  # noqa: ANN401  no name at all
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            contracts = pair.tsx.contracts
            for ask, field in (
                (contracts.front, "product"),
                (contracts.by_id, "contract_id"),
                (contracts.one, "contract"),
            ):
                with pytest.raises(InvalidRequest, match="must be a name") as refused:
                    await ask(wrong)
                assert refused.value.field == field

    run()


@virtual
async def test_the_contract_of_another_client_is_known_from_then_on() -> None:
    """A reduction took it and then could not change the stops there: not looked up yet."""
    async with Pair() as pair:
        theirs = await pair.tsx.contracts.front("MNQ")
        await pair.restart()
        assert await pair.tsx.contracts.one(theirs) == pair.tsx.contracts.known(theirs.id)


@virtual
async def test_known_asks_nobody() -> None:
    async with Pair() as pair:
        with pytest.raises(ContractUnknown, match="not been looked up yet"):
            pair.tsx.contracts.known("CON.F.US.MNQ.Z26")
        assert pair.tsx.contracts.name_of("CON.F.US.MNQ.Z26") == "CON.F.US.MNQ.Z26"


@virtual
async def test_prices_are_put_on_the_grid_by_name_or_refused_with_both_neighbours() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        assert contract.tick_size == Decimal("0.25")
        assert contract.tick_value == Decimal("0.50")
        assert contract.floor("100.30") == Decimal("100.25")
        assert contract.ceil("100.30") == Decimal("100.50")
        assert contract.nearest("100.30") == Decimal("100.25")
        assert contract.price("100.25") == Decimal("100.25")
        with pytest.raises(PriceOffGrid, match=r"100\.25 or 100\.50"):
            contract.price("100.30")
        wrong: Any = 100.25
        with pytest.raises(InvalidRequest):
            contract.price(wrong)
