"""Accounts: exact for what trades, a unique part for what reads, and never an empty list by mistake."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.support.trading import PRACTICE, PRACTICE_ID, practice
from topstepx.desk.accounts import near_accounts, pick
from topstepx.errors import AccountUnknown, AnswerUnusable
from topstepx.sim import fault_kinds as f
from topstepx.sim.catalogue import ACCOUNTS
from topstepx.sim.faults import Fault
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.models import AccountModel

if TYPE_CHECKING:
    from topstepx.desk.accounts import AccountLike


def account(account_id: int, name: str) -> AccountModel:
    return AccountModel(
        id=account_id,
        name=name,
        balance=Decimal(1),
        can_trade=True,
        is_visible=True,
        simulated=True,
    )


THREE = (account(1, "PRAC-V2-1"), account(2, "50KTC-V2-1"), account(3, "50KTC-V2-12"))


@virtual
async def test_all_are_the_users_accounts_and_the_ledger_knows_them() -> None:
    async with Pair() as pair:
        accounts = await pair.tsx.accounts.all()
        assert {one.id for one in accounts} == {one.id for one in ACCOUNTS}
        belief = pair.tsx.state.account(PRACTICE)
        assert belief is not None
        assert belief.account.balance == pair.truth.balance(PRACTICE_ID)
        assert belief.source == "rest"


@virtual
async def test_one_takes_a_name_an_id_or_a_unique_part() -> None:
    async with Pair() as pair:
        names: list[Any] = [PRACTICE, PRACTICE_ID, str(PRACTICE_ID), "PRAC", "prac-v2", "47190001"]
        names.append(await practice(pair))
        for name in names:
            assert (await pair.tsx.accounts.one(name)).id == PRACTICE_ID, name


@virtual
async def test_what_trades_takes_no_part_of_a_name() -> None:
    async with Pair() as pair:
        assert (await pair.tsx.accounts.exact(PRACTICE)).id == PRACTICE_ID
        assert (await pair.tsx.accounts.exact(PRACTICE_ID)).name == PRACTICE
        for part in ("PRAC", PRACTICE.lower(), PRACTICE_ID + 1, str(PRACTICE_ID), ""):
            with pytest.raises(AccountUnknown, match="exactly this id or name") as unknown:
                await pair.tsx.accounts.exact(part)
            assert unknown.value.did_it_happen == "no"


@virtual
async def test_an_account_that_came_later_is_found_by_asking_again() -> None:
    async with Pair() as pair:
        user = pair.gateway.users["trader01"]
        user.accounts = frozenset({PRACTICE_ID})
        client = pair.client()
        async with client as tsx:
            with pytest.raises(AccountUnknown):
                await tsx.accounts.exact(25775001)
            user.accounts = None
            assert (await tsx.accounts.exact(25775001)).id == 25775001


@virtual
async def test_a_part_that_fits_several_names_them_all() -> None:
    async with Pair() as pair:
        with pytest.raises(AccountUnknown, match="fits 2 accounts") as unknown:
            await pair.tsx.accounts.one("50KTC")
        assert len(unknown.value.near) == 2
        assert all("50KTC" in name for name in unknown.value.near)


@pytest.mark.parametrize("nobody", ["TC99", "", None, ["PRAC"], 3.5])
def test_nobody_of_that_name_lists_near_ones(nobody: Any) -> None:  # noqa: ANN401  no account at all
    with pytest.raises(AccountUnknown, match="Did you mean PRAC-V2-1") as unknown:
        pick(nobody, THREE)
    assert unknown.value.field == "account"


@pytest.mark.parametrize(
    ("name", "found"), [("50KTC-V2-1", 2), (2, 2), ("3", 3), ("V2-12", 3), (THREE[0], 1)]
)
def test_a_whole_name_or_id_comes_before_a_part(name: AccountLike, found: int) -> None:
    assert pick(name, THREE).id == found


def test_near_accounts_share_the_most_parts_first() -> None:
    names = ["EXPRESS-V2-7", "50KTC-V2-DLL-1", "PRAC-V2-1"]
    assert near_accounts("50KTC-DLL", names)[0] == "50KTC-V2-DLL-1"
    assert len(near_accounts("x", [str(number) for number in range(9)])) == 5


@pytest.mark.parametrize("op", ["drop", "null"])
def test_an_answer_without_its_list_is_an_error_and_never_no_accounts(
    op: Literal["drop", "null"],
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            pair.faults.add(Fault(where="Account/search", what=f.Edit("accounts", op), times=None))
            with pytest.raises(AnswerUnusable, match="accounts") as unusable:
                await pair.tsx.accounts.one("PRAC")
            assert unusable.value.did_it_happen == "no"

    run()


@virtual
async def test_no_accounts_at_all_is_an_answer() -> None:
    async with Pair() as pair:
        pair.gateway.users["trader01"].accounts = frozenset()
        assert await pair.tsx.accounts.all() == ()
        with pytest.raises(AccountUnknown, match="lists yours"):
            await pair.tsx.accounts.one("PRAC")
