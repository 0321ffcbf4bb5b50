"""Contracts: found by id, by name or by product, and their tick grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.core import prices
from topstepx.core.contract_names import front_of, looks_like_id, near_names, product_of
from topstepx.core.lanes import Lane
from topstepx.errors import AnswerUnusable, ContractUnknown, GatewayRefused, InvalidRequest
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from topstepx.core.prices import PriceLike
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings

_LIST_AGE_MAX = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract and its grid. `tick_value` is what one tick of one contract is worth, in account money."""

    model: models.ContractModel

    @property
    def id(self) -> str:
        """The gateway's id, such as `CON.F.US.MNQ.Z26`."""
        return self.model.id

    @property
    def name(self) -> str:
        """The exchange's name, such as `MNQZ6`."""
        return self.model.name

    @property
    def product(self) -> str:
        """The exchange's product, such as `MNQ`."""
        return product_of(self.model)

    @property
    def description(self) -> str:
        """In words."""
        return self.model.description

    @property
    def tick_size(self) -> Decimal:
        """The smallest step of a price."""
        return self.model.tick_size

    @property
    def tick_value(self) -> Decimal:
        """The money one tick of one contract is worth."""
        return self.model.tick_value

    @property
    def is_active(self) -> bool:
        """Whether the gateway trades it now."""
        return self.model.active_contract

    def floor(self, price: PriceLike) -> Decimal:
        """The highest legal price at or below `price`."""
        return prices.floor_to(prices.exact("price", price), self.tick_size)

    def ceil(self, price: PriceLike) -> Decimal:
        """The lowest legal price at or above `price`."""
        return prices.ceil_to(prices.exact("price", price), self.tick_size)

    def nearest(self, price: PriceLike) -> Decimal:
        """The legal price closest to `price`."""
        return prices.nearest_to(prices.exact("price", price), self.tick_size)

    def price(self, price: PriceLike) -> Decimal:
        """`price` made exact; raises `PriceOffGrid` with both neighbours when it is not legal."""
        return prices.on_grid("price", price, self.tick_size, self.name)

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Contracts:
    """`tsx.contracts`."""

    def __init__(self, rest: Rest, settings: Settings) -> None:
        self._rest = rest
        self._settings = settings
        self._known: dict[str, Contract] = {}
        self._available: tuple[Contract, ...] = ()
        self._read_at: datetime | None = None

    async def available(self, *, fresh: bool = False) -> tuple[Contract, ...]:
        """Every contract that trades now, one per product; read anew after ten minutes, or if `fresh`."""
        if fresh or not self._is_new():
            answer = await self._rest.call(
                routes.CONTRACT_AVAILABLE,
                models.ContractAvailableRequest(live=self._settings.live_data),
                lane=Lane.READ,
                timeout_s=self._settings.timeouts.read_s,
            )
            if not isinstance(answer.contracts, list):
                msg = "Contract/available answered without contracts."
                raise AnswerUnusable(
                    msg, route="Contract/available", status=200, did_it_happen="no"
                )
            self._available = self._remember(answer)
            self._read_at = self._rest.server_now()
        return self._available

    def _is_new(self) -> bool:
        """Whether the list is young enough; a program that runs for weeks lives through rolls."""
        if self._read_at is None:
            return False
        return timedelta() <= self._rest.server_now() - self._read_at < _LIST_AGE_MAX

    async def search(self, text: str) -> tuple[Contract, ...]:
        """What the gateway finds for `text`: substrings, at most 20, without order (verified).

        For "the MNQ contract to trade now" use `front`: a search for NQ also finds MNQ, QM and QG.
        """
        answer = await self._rest.call(
            routes.CONTRACT_SEARCH,
            models.ContractSearchRequest(search_text=text, live=self._settings.live_data),
            lane=Lane.READ,
            timeout_s=self._settings.timeouts.read_s,
        )
        return self._remember(answer)

    async def by_id(self, contract_id: object) -> Contract:
        """The contract with exactly this id; raises `ContractUnknown` with near names."""
        contract_id = _name("contract_id", contract_id, '"CON.F.US.MNQ.Z26"')
        known = self._known.get(contract_id)
        if known is not None:
            return known
        try:
            answer = await self._rest.call(
                routes.CONTRACT_BY_ID,
                models.ContractByIdRequest(contract_id=contract_id),
                lane=Lane.READ,
                timeout_s=self._settings.timeouts.read_s,
            )
        except GatewayRefused as error:
            if error.code is None:
                raise  # busy, or the request itself: that says nothing about the contract
            near = await self._near(contract_id)
            raise ContractUnknown("contract", contract_id, f"{error.meaning}.", near) from None
        if not isinstance(answer.contract, models.ContractModel):
            msg = "Contract/searchById answered without a contract."
            raise AnswerUnusable(msg, route="Contract/searchById", status=200, did_it_happen="no")
        contract = Contract(answer.contract)
        self._known[contract.id] = contract
        return contract

    async def front(self, product: str) -> Contract:
        """The active contract of a product (`MNQ`, `NQ`, `6E`) or a contract's own name (`MNQZ6`).

        Exact, never by substring: `NQ` is the E-mini Nasdaq and never QM or QG. Raises
        `ContractUnknown` with near names.
        """
        _name("product", product, '"MNQ"')
        known = [contract.model for contract in await self.available()]
        try:
            return self._known[front_of(product, known).id]
        except ContractUnknown:  # the list may be older than a roll
            fresh = [contract.model for contract in await self.available(fresh=True)]
            return self._known[front_of(product, fresh).id]

    async def one(self, name: str | Contract) -> Contract:
        """A contract by whatever names it: itself, an id, a name or a product."""
        if isinstance(name, Contract):  # of another client too, which had looked it up
            self._known.setdefault(name.id, name)
            return name  # as it was given: it may know of an end that what is known here does not
        name = _name("contract", name, 'a Contract or "MNQ"')
        return await (self.by_id(name) if looks_like_id(name) else self.front(name))

    def known(self, contract_id: str) -> Contract:
        """A contract that was read before; raises `ContractUnknown` when it was not."""
        contract = self._known.get(contract_id)
        if contract is None:
            raise ContractUnknown("contract", contract_id, "has not been looked up yet.", ())
        return contract

    def name_of(self, contract_id: str) -> str:
        """The name of a contract; its id when it was not read before."""
        contract = self._known.get(contract_id)
        return contract.name if contract is not None else contract_id

    async def _near(self, contract_id: str) -> list[str]:
        available = [contract.model for contract in await self.available()]
        parts = contract_id.upper().split(".")
        wanted = parts[3] if len(parts) > 3 else contract_id.upper()  # noqa: PLR2004  CON.F.US.<root>
        ids = [contract.id for contract in available if f".{wanted}." in contract.id]
        return ids[:5] or near_names(wanted, available)

    def _remember(self, answer: models.ContractsAnswer) -> tuple[Contract, ...]:
        rows = answer.contracts or []
        found = tuple(Contract(row) for row in rows)
        self._known.update({contract.id: contract for contract in found})
        return found


def _name(field: str, value: object, example: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(field, value, "must be a name.", f"Give for example {example}.")
    return value


def known_contract(contract: object) -> Contract:
    """`contract` itself; raises `InvalidRequest` for a name or anything else."""
    if not isinstance(contract, Contract):
        raise InvalidRequest(
            "contract",
            contract,
            "must be a Contract.",
            'Get one: await tsx.contracts.front("MNQ").',
        )
    return contract
