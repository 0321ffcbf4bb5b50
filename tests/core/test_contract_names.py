"""Names: the right contract, or none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from topstepx.core.contract_names import front_of, month_order, near_names, product_of, root_of
from topstepx.errors import ContractUnknown
from topstepx.wire.models import ContractModel


def _contract(contract_id: str, name: str, *, active: bool = True) -> ContractModel:
    return ContractModel(
        id=contract_id,
        name=name,
        description="",
        tick_size=Decimal("0.25"),
        tick_value=Decimal(1),
        active_contract=active,
        symbol_id="F.US." + contract_id.split(".")[3],
    )


LISTED = [
    _contract("CON.F.US.MNQ.Z26", "MNQZ6"),
    _contract("CON.F.US.NQG.F27", "QGF7"),
    _contract("CON.F.US.NQM.F27", "QMF7"),
    _contract("CON.F.US.ENQ.H27", "NQH7"),
    _contract("CON.F.US.ENQ.Z26", "NQZ6"),
    _contract("CON.F.US.ENQ.U26", "NQU6", active=False),
    _contract("CON.F.US.EU6.H27", "6EH7"),
    _contract("CON.F.US.EP.Z26", "ESZ6"),
    _contract("CON.F.US.MES.Z26", "MESZ6"),
    _contract("CON.F.US.M2K.Z26", "M2KZ6"),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NQ", "CON.F.US.ENQ.Z26"),
        ("nq", "CON.F.US.ENQ.Z26"),
        ("/NQ", "CON.F.US.ENQ.Z26"),
        ("ENQ", "CON.F.US.ENQ.Z26"),
        ("NQH7", "CON.F.US.ENQ.H27"),
        ("MNQ", "CON.F.US.MNQ.Z26"),
        ("QM", "CON.F.US.NQM.F27"),
        ("QG", "CON.F.US.NQG.F27"),
        ("NQM", "CON.F.US.NQM.F27"),
        ("6E", "CON.F.US.EU6.H27"),
        ("ES", "CON.F.US.EP.Z26"),
        ("M2K", "CON.F.US.M2K.Z26"),
    ],
)
def test_a_product_is_exact_and_its_earliest_active_month_wins(name: str, expected: str) -> None:
    assert front_of(name, LISTED).id == expected
    assert front_of(name, reversed(LISTED)).id == expected


@pytest.mark.parametrize("name", ["N", "NQU6", "", "QN", "CON.F.US.ENQ.Z26"])
def test_what_is_not_a_product_is_refused(name: str) -> None:
    with pytest.raises(ContractUnknown):
        front_of(name, LISTED)


def test_the_refusal_names_what_is_close() -> None:
    with pytest.raises(ContractUnknown) as caught:
        front_of("MNX", LISTED)
    assert "MNQ" in caught.value.near
    assert "MNQ" in str(caught.value)


def test_parts_of_a_name() -> None:
    assert product_of(LISTED[4]) == "NQ"
    assert root_of(LISTED[4]) == "ENQ"
    assert month_order(LISTED[4]) < month_order(LISTED[3])
    assert near_names("NQ", LISTED)[0] == "NQ"
