"""Variables of four families, in the stated order."""

from __future__ import annotations

import os

import pytest

from topstepx.errors import CredentialsMissing
from topstepx.store.credentials_environment import FAMILIES, environment_pair, names_of


def variables(**families: tuple[str, str]) -> dict[str, str]:
    found = {}
    for family, (user, key) in families.items():
        user_name, key_name = names_of(family)
        found[user_name], found[key_name] = user, key
    return found


def test_nothing() -> None:
    assert environment_pair({}) is None
    assert environment_pair({"TOPSTEPX_USERNAME": " ", "TOPSTEPX_API_KEY": ""}) is None


@pytest.mark.parametrize("first", range(len(FAMILIES)))
def test_the_stated_order(first: int) -> None:
    found = variables(**{family: (f"user of {family}", family) for family in FAMILIES[first:]})
    pair = environment_pair(found)
    assert pair is not None
    assert pair.family == FAMILIES[first]
    assert pair.credentials.user_name == f"user of {FAMILIES[first]}"
    assert pair.credentials.api_key.reveal() == FAMILIES[first]
    assert f"{FAMILIES[first]}_API_KEY" in pair.credentials.source


def test_agreeing_families_are_fine_and_others_are_told() -> None:
    pair = environment_pair(variables(TOPSTEPX=("me", "key-one"), PROJECT_X=("me", "key-one")))
    assert pair is not None
    assert len(pair.warnings) == 1
    assert "TOPSTEPX_API_KEY" in pair.warnings[0]
    pair = environment_pair(
        variables(PROJECT_X=("me", "key-one"), PROJECTX=("me", "key-two"), TOPSTEP=("you", "key-3"))
    )
    assert pair is not None
    assert pair.warnings[1:] == (
        "PROJECT_X_* and PROJECTX_* name different keys; PROJECT_X_* is used.",
        "PROJECT_X_* and TOPSTEP_* name different users and keys; PROJECT_X_* is used.",
    )
    assert "key-" not in " ".join(pair.warnings)


def test_half_a_pair() -> None:
    with pytest.raises(CredentialsMissing, match="TOPSTEPX_USERNAME is set and TOPSTEPX_API_KEY"):
        environment_pair({"TOPSTEPX_USERNAME": "me"})
    with pytest.raises(CredentialsMissing, match="Set PROJECTX_USERNAME as well"):
        environment_pair({"PROJECTX_API_KEY": "canary"})
    pair = environment_pair({"TOPSTEPX_USERNAME": "me"} | variables(PROJECT_X=("me", "k")))
    assert pair is not None
    assert pair.family == "PROJECT_X"
    assert "TOPSTEPX_* is incomplete and ignored." in pair.warnings


def test_read_once_and_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for family in FAMILIES:
        for name in names_of(family):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TOPSTEPX_USERNAME", "me")
    monkeypatch.setenv("TOPSTEPX_API_KEY", "canary")
    looked = environment_pair(take=False)
    assert looked is not None
    assert os.environ["TOPSTEPX_API_KEY"] == "canary"
    first, second = environment_pair(), environment_pair()
    assert "TOPSTEPX_API_KEY" not in os.environ
    assert first is not None
    assert second is not None
    assert second.credentials.api_key.reveal() == "canary"
    # A new value is read anew.
    monkeypatch.setenv("TOPSTEPX_API_KEY", "newer")
    third = environment_pair()
    assert third is not None
    assert third.credentials.api_key.reveal() == "newer"


def test_other_clients_variables_stay() -> None:
    found = variables(PROJECT_X=("me", "key"))
    assert environment_pair(found) is not None
    assert found == variables(PROJECT_X=("me", "key"))
