"""What an operator, a test or another program can do to a running simulator, as data."""

from __future__ import annotations

from topstepx.sim.control.command import Command, Machine
from topstepx.sim.control.console import COMMANDS, Console, Reply

__all__ = ["COMMANDS", "Command", "Console", "Machine", "Reply"]
