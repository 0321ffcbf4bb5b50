"""Connections that did not come about: whose fault, and whether a moment later would be any better."""

from __future__ import annotations

from topstepx.errors import NotSent, PinMismatch, UpgradeRefused


def test_what_failed_for_a_moment_and_what_stays() -> None:
    moment = NotSent("Broken.")
    assert (moment.fault, moment.lasting, moment.did_it_happen) == ("there", False, "no")
    stays = NotSent("Nothing listens.", next_step="Start it.", fault="here", lasting=True)
    assert (stays.fault, stays.lasting, stays.next_step) == ("here", True, "Start it.")


def test_a_stranger_stays_one() -> None:
    error = PinMismatch("Not yours.", next_step="Look.", seen=["a", "b"])
    assert (error.fault, error.lasting, error.seen) == ("tls", True, ("a", "b"))


def test_a_refused_upgrade_names_hub_and_status() -> None:
    error = UpgradeRefused("user", 503)
    assert (error.hub, error.status, error.lasting) == ("user", 503, False)
    assert "user hub" in str(error)
