"""`topstepx runbook`: what to do when things are bad, printed without any network."""

from __future__ import annotations

import sys
import textwrap
from typing import Literal

from topstepx.cli.exit_codes import ExitCode

_WIDTH = 88

COMPROMISE = (
    (
        "Stop what can still trade.",
        (
            "On a computer you trust: `topstepx kill`, or `topstepx flatten` for each account. If you trust "
            "none of them, use the web platform: flatten there, and lock the account if your firm offers it."
        ),
    ),
    (
        "Take the key away.",
        (
            "On the website, under Settings and API, delete the key. If somebody is trading with it right "
            "now, do this first: a position can be closed later, by hand. Change the password of the "
            "website as well, and end its other sessions."
        ),
    ),
    (
        "End the sessions.",
        (
            "`topstepx logout --environment NAME --forget` on every computer that had the key. A session "
            "that is not ended works on for up to 24 hours, even without the key."
        ),
    ),
    (
        "See what was done.",
        (
            "`topstepx trades --since 2026-11-20 --foreign` from the time you suspect on, and `topstepx "
            "orders`: orders of this computer's program carry its own tags, all others came from "
            "somewhere else. Look at every account of the user, at the copied ones too, and compare with "
            "the platform's own list."
        ),
    ),
    (
        "Keep the evidence.",
        (
            "Copy the folder with journals and logs (`topstepx status` names it) to a place where nothing "
            "writes, and note its checksums, before you clean anything up."
        ),
    ),
    (
        "Tell the firm.",
        (
            "Their support, with times, account numbers and order numbers. Orders that came in by the API "
            "are final: they do not undo them, but they can lock the account."
        ),
    ),
    (
        "Find the hole.",
        (
            "A key in a file, a repository, a chat or a screenshot; a package you installed lately; a "
            "computer that others use. `topstepx status` says where this one kept its key."
        ),
    ),
    (
        "Begin again.",
        (
            "Create a new key, `topstepx login` with it on a computer that is clean, and see with "
            "`topstepx doctor` that it works. Then try the old key once: it must be refused."
        ),
    ),
)


def runbook_command(case: Literal["compromise"]) -> int:
    """Print what to do, step by step. Needs no network and no key.

    Args:
        case: "compromise": somebody else has your key, your session or your computer.
    """
    del case  # there is one so far
    write = sys.stdout.write
    write("Somebody else may have your key, your session or your computer.\n")
    write("Work from the top; each step is useful even if the next one has to wait.\n\n")
    for number, (title, text) in enumerate(COMPROMISE, start=1):
        write(f"{number}. {title}\n")
        write(textwrap.indent(textwrap.fill(text, _WIDTH - 3), "   ") + "\n\n")
    return ExitCode.DONE
