"""Which contract a name means: `MNQ`, `NQ`, `NQU6`, `CON.F.US.ENQ.U26`.

The gateway's own search finds substrings (`NQ` also finds MNQ, QM and QG), so it is never trusted for
the meaning of a name: a product is the exact letters before the month code of a contract's name.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from topstepx.errors import ContractUnknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from topstepx.wire.models import ContractModel

_MONTHS = "FGHJKMNQUVXZ"
_NAME = re.compile(rf"^(?P<product>[A-Z0-9]+?)(?P<month>[{_MONTHS}])(?P<year>\d{{1,2}})$")
_ID = re.compile(
    rf"^CON\.F\.US\.(?P<root>[A-Z0-9]+)\.(?P<month>[{_MONTHS}])(?P<year>\d{{2}})$", re.IGNORECASE
)


def product_of(contract: ContractModel) -> str:
    """The product's name as the exchange spells it: `NQ` for `NQU6`."""
    match = _NAME.match(contract.name.upper())
    return match["product"] if match else contract.name.upper()


def root_of(contract: ContractModel) -> str:
    """The gateway's own root: `ENQ` for `NQU6`."""
    match = _ID.match(contract.id)
    return match["root"].upper() if match else contract.symbol_id.rpartition(".")[2].upper()


def short_name(contract_id: str) -> str:
    """A contract's id as short as people say it, `MNQZ6`, with the gateway's own root; else the id."""
    match = _ID.match(contract_id)
    return f"{match['root']}{match['month']}{match['year'][-1]}".upper() if match else contract_id


def looks_like_id(name: str) -> bool:
    """Whether `name` is a full contract id."""
    return name.upper().startswith("CON.")


def month_order(contract: ContractModel) -> tuple[int, int]:
    """Year and month of the contract, to sort by; unreadable ids come last."""
    match = _ID.match(contract.id)
    if match is None:
        return 9999, 12
    return int(match["year"]), _MONTHS.index(match["month"].upper())


def front_of(name: str, contracts: Iterable[ContractModel]) -> ContractModel:
    """The active contract of product `name` that expires first.

    `name` is the exchange's product (`NQ`), the gateway's root (`ENQ`) or one contract's name (`NQU6`);
    the product wins where the spellings meet. Raises `ContractUnknown` with near names.
    """
    wanted = name.strip().upper().removeprefix("/")
    active = [contract for contract in contracts if contract.active_contract]
    for spelling in (lambda c: c.name.upper(), product_of, root_of):
        found = [contract for contract in active if spelling(contract) == wanted]
        if found:
            return min(found, key=month_order)
    raise ContractUnknown(
        "contract", name, "no active contract of that product.", near_names(wanted, active)
    )


def near_names(wanted: str, contracts: Sequence[ContractModel]) -> list[str]:
    """Product names close to `wanted`, best first, at most five."""
    products = sorted({product_of(contract) for contract in contracts})
    close = get_close_matches(wanted, products, n=5, cutoff=0.5)
    holding = [product for product in products if wanted and wanted in product]
    return list(dict.fromkeys([*close, *holding]))[:5]
