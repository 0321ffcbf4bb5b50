"""The control interface without HTTP: a name and a JSON body in, a status and a JSON body out."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from topstepx.errors import InvalidRequest, TopstepxError
from topstepx.sim.control import accounts, clock, faults, market, orders, state
from topstepx.sim.fault_plans import UNKNOWN_MEMBER, Entry, at, read

if TYPE_CHECKING:
    from topstepx.sim.control.command import Command, Machine

COMMANDS: dict[str, Command] = {
    command.name: command
    for module in (state, clock, faults, market, orders, accounts)
    for command in module.COMMANDS
}
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Reply(NamedTuple):
    """An HTTP status and a JSON body: `{"ok": true, "result": ...}` or `{"ok": false, "error": ...}`."""

    status: int
    body: bytes


class Console:
    """Carries out commands on a machine; what changes something is noted in the event log."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def do(self, name: str, body: bytes, *, reads_only: bool = False) -> Reply:
        """One command. `reads_only`: one that changes something is refused (a GET)."""
        command = COMMANDS.get(name)
        if command is None:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            meant = f"Did you mean {near[0]}? " if near else ""
            return _refused(404, "command", f"{name!r} is none.", f"{meant}See `commands`.")
        if reads_only and not command.reads:
            return _refused(405, "method", f"{name} changes something.", "Send it as POST.")
        machine = self._machine
        try:
            result = command.run(machine, _read(command, body))
        except InvalidRequest as error:
            found = _inside_what(error) if command.body is Entry else error
            return _refused(400, found.field, str(found), found.next_step)
        except TopstepxError as error:
            return _refused(409, name, str(error), error.next_step)
        if not command.reads:
            said = " ".join(body.decode(errors="replace").split()) or "{}"
            machine.gateway.log.note(machine.gateway.now, "control", f"{name} {said[:300]}")
        return Reply(200, _encode({"ok": True, "at": machine.now().isoformat(), "result": result}))


def _read(command: Command, body: bytes) -> msgspec.Struct:
    try:
        plain = msgspec.json.decode(body) if body.strip() else {}
    except msgspec.DecodeError as error:
        raise InvalidRequest("body", "…", f"is no JSON: {error}.", "Send an object.") from error
    if not isinstance(plain, dict):
        raise InvalidRequest("body", "…", "is no JSON object.", "Send one, such as {}.")
    return read(plain, command.body)


def _inside_what(error: InvalidRequest) -> InvalidRequest:
    """A fault's own complaint names its member; paths of the body stand as they are."""
    if "." in error.field and error.field.partition(".")[0] == "what":
        return error
    if error.field in {*Entry.__struct_fields__, "body"} or error.rule == UNKNOWN_MEMBER:
        return error
    moved = at("", error)
    return InvalidRequest(moved.field.lstrip("."), error.value, error.rule, error.next_step)


def _refused(status: int, path: str, message: str, next_step: str) -> Reply:
    error = {"path": path, "message": message, "next_step": next_step}
    return Reply(status, _encode({"ok": False, "error": error}))
