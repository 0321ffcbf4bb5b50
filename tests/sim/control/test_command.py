from __future__ import annotations

import pytest

from tests.support.sim_line import MNQ
from tests.support.sim_machine import Desk
from topstepx.errors import ContractUnknown, InvalidRequest
from topstepx.sim.control.command import contract_id_of, listing_of


def test_contracts_by_name_and_id() -> None:
    machine = Desk().machine
    assert listing_of(machine, "MNQ").id == listing_of(machine, MNQ.lower()).id == MNQ
    assert contract_id_of(machine, "MNQ") == MNQ
    assert machine.gateway.feed.started(MNQ)
    assert contract_id_of(machine, None) is None
    with pytest.raises(ContractUnknown):
        listing_of(machine, "MQN")
    with pytest.raises(InvalidRequest):
        listing_of(machine, "CON.F.US.MNQ.H99")
