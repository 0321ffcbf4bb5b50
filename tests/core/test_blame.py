"""Whose fault: names and routes are ours, one host's TLS is theirs, several hosts' TLS is ours."""

from __future__ import annotations

from topstepx.clock import NANOSECONDS
from topstepx.core.blame import Blame


def test_names_and_routes_are_ours_and_refusals_theirs() -> None:
    blame = Blame()
    assert blame.is_ours("here", "rest", 0)
    assert not blame.is_ours("there", "rest", 0)
    assert not blame.is_ours("there", "hubs", 0)


def test_tls_to_one_host_is_theirs() -> None:
    blame = Blame()
    assert not any(blame.is_ours("tls", "rest", at * NANOSECONDS) for at in range(10))


def test_tls_to_several_hosts_within_a_minute_is_ours() -> None:
    blame = Blame()
    assert not blame.is_ours("tls", "rest", 0)
    assert blame.is_ours("tls", "hubs", 60 * NANOSECONDS)
    assert blame.is_ours("tls", "rest", 61 * NANOSECONDS)
    assert not blame.is_ours("tls", "hubs", 200 * NANOSECONDS)
