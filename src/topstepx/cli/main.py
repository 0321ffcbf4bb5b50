"""The `topstepx` command. Groups are named here and loaded only when they are called."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

from topstepx import __version__
from topstepx.cli.exit_codes import ExitCode, exit_code_of
from topstepx.cli.logs import show_warnings
from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = App(
    name="topstepx",
    help="A careful trading client for TopstepX, with a simulated gateway inside.",
    version=__version__,
    result_action="return_value",
)

# One line per group: where its function is, what it is called, what it does.
GROUPS = (
    (
        "topstepx.cli.demo:demo_command",
        "demo",
        "Watch the whole main job on a simulated gateway. Start here.",
    ),
    (
        "topstepx.cli.sim:sim_app",
        "sim",
        "Run a simulated gateway on this machine that any client can log in to.",
    ),
    (
        "topstepx.cli.login:login_command",
        "login",
        "Prove an API key and keep it where it is safest.",
    ),
    (
        "topstepx.cli.login:logout_command",
        "logout",
        "End the shared session; with --forget delete the key too.",
    ),
    (
        "topstepx.cli.status:status_command",
        "status",
        "Say who would log in, from where, and how old the session is.",
    ),
    (
        "topstepx.cli.doctor:doctor_command",
        "doctor",
        "Try every part once; each line is fine or names its fix.",
    ),
    (
        "topstepx.cli.runbook:runbook_command",
        "runbook",
        "Print what to do when things are bad, such as a stolen key.",
    ),
    (
        "topstepx.cli.looks:orders_command",
        "orders",
        "List the live orders, suspended bracket legs included.",
    ),
    (
        "topstepx.cli.looks:positions_command",
        "positions",
        "List the open positions.",
    ),
    (
        "topstepx.cli.looks:trades_command",
        "trades",
        "List trades, and whose order each came from.",
    ),
    (
        "topstepx.cli.trading:buy_command",
        "buy",
        "Buy, once: topstepx buy 1 MNQ --at limit:21503.25.",
    ),
    (
        "topstepx.cli.trading:sell_command",
        "sell",
        "Sell, once: topstepx sell 1 MNQ --at market.",
    ),
    (
        "topstepx.cli.exits:cancel_command",
        "cancel",
        "Cancel one order and wait until it is over.",
    ),
    (
        "topstepx.cli.exits:close_command",
        "close",
        "Close a position and cancel what is left on its contract.",
    ),
    (
        "topstepx.cli.exits:flatten_command",
        "flatten",
        "Take an account flat, also while the program that trades it hangs.",
    ),
    (
        "topstepx.cli.kill:kill_command",
        "kill",
        "Stop every program from opening anything, until released.",
    ),
    (
        "topstepx.cli.journal:journal_app",
        "journal",
        "Show, follow or export what was wanted, sent and heard.",
    ),
    (
        "topstepx.cli.errors:errors_command",
        "errors",
        "Explain the gateway's error codes, endpoint by endpoint.",
    ),
)
for _path, _name, _help in GROUPS:
    app.command(_path, name=_name, help=_help)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code (see `exit_codes`)."""
    show_warnings(sys.stderr)
    try:
        result = app(arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        return ExitCode.USAGE
    except TopstepxError as error:
        sys.stderr.write(f"{error}\n")
        return exit_code_of(error)
    except BrokenPipeError:
        # Whoever read us, such as `head`, has seen enough; the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return ExitCode.INTERRUPTED
    return result if isinstance(result, int) else ExitCode.DONE
