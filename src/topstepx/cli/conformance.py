"""`topstepx sim conformance`: any client program through numbered cards of trouble, with a score table."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.errors import ConfigurationError


def conformance_command(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    card: Annotated[list[int] | None, Parameter(negative=())] = None,
    at_once: int = 4,
    as_list: Annotated[bool, Parameter(name="--list", negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Drive a client program through the cards, and judge it by the venue's own books.

    The program reads commands and writes what it knows, one JSON object a line (docs/conformance.md).
    Each card has a simulated gateway and a run of the program to itself. Protocol durations are real, so
    all cards take a few minutes. Exit code 0: all pass.

    Args:
        command: The program and its arguments, behind --.
        card: Only the card with this number; may be repeated.
        at_once: How many cards are played at the same time.
        as_list: Print the cards and end.
        as_json: Print JSON.
    """
    from topstepx.testing.conformance.run import Score, play

    numbers = _numbers(card)
    if as_list:
        _list(numbers, as_json=as_json)
        return ExitCode.DONE
    if not command:
        raise ConfigurationError(
            "Which program?",
            next_step="Name it behind --, as in: topstepx sim conformance -- ./my-adapter",
        )
    if at_once < 1:
        raise ConfigurationError(
            f"--at-once {at_once}: at least one card is played.", next_step="Try 4."
        )

    def told(score: Score) -> None:
        if not as_json:
            _say(f"{score.number:>4}  {score.verdict}  {score.name}: {score.reason}")

    scores = asyncio.run(play(command, numbers, at_once=at_once, told=told))
    failed = [score for score in scores if score.verdict == "fail"]
    if as_json:
        table = {
            "cards": [score.plain() for score in scores],
            "passed": len(scores) - len(failed),
            "failed": len(failed),
        }
        _say(json.dumps(table))
    else:
        if failed:
            _say(f"failed: {', '.join(str(score.number) for score in failed)}")
        _say(f"{len(scores) - len(failed)} of {len(scores)} cards passed")
    return ExitCode.FAILED if failed else ExitCode.DONE


def _numbers(card: list[int] | None) -> list[int]:
    from topstepx.testing.conformance.run import CARDS

    numbers = sorted(set(card or CARDS))
    for number in numbers:
        if number not in CARDS:
            raise ConfigurationError(
                f"--card {number}: there is no such card.", next_step="See --list."
            )
    return numbers


def _list(numbers: list[int], *, as_json: bool) -> None:
    from topstepx.testing.conformance.run import CARDS, promise

    cards = [
        {"number": number, "name": CARDS[number][0], "promise": promise(number)}
        for number in numbers
    ]
    if as_json:
        _say(json.dumps({"cards": cards}))
        return
    for one in cards:
        _say(f"{one['number']:>4}  {one['name']}: {one['promise']}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
