"""The control interface over HTTP, below `/control/v1/`: for this machine's owner and nobody else.

A call carries `Authorization: Bearer <control token>`; the token is new at every start and stands in a
file that only this user can read. Calls with a strange `Host` or `Origin`, or whose body is no JSON,
are refused before anything happens, so that no web page can reach in.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from topstepx.sim.control import COMMANDS, Console

if TYPE_CHECKING:
    from topstepx.sim.control import Machine

PREFIX = "/control/v1/"
_BODY_MAX = 1_000_000
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class ControlDoor:
    """Answers what comes below `/control/v1/`. `host` is where the server listens."""

    def __init__(self, machine: Machine, token: str, host: str) -> None:
        self._console, self._token = Console(machine), token
        self._hosts = _LOCAL | {host}

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One command."""
        if (no := self.stranger(request) or self._unknown(request)) is not None:
            return no
        name = request.path.removeprefix(PREFIX).strip("/")
        if name in {"", "commands"}:
            return _json(200, msgspec.json.encode({"ok": True, "result": directory()}))
        body = await request.read()
        reply = self._console.do(name, body, reads_only=request.method == "GET")
        return _json(reply.status, reply.body)

    def _unknown(self, request: web.BaseRequest) -> web.Response | None:
        """The refusal of a call without the token or in the wrong form."""
        given = request.headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self._token.encode())
        if scheme.lower() != "bearer" or not right:
            return _refused(
                401,
                "authorization",
                "Send the control token as a bearer token: see `sim` at start.",
            )
        if request.method not in {"GET", "POST"}:
            return _refused(405, "method", "Use GET to read and POST to change.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.can_read_body and kind != "application/json":
            return _refused(415, "content-type", "Send application/json.")
        if (request.content_length or 0) > _BODY_MAX:
            return _refused(413, "body", "Send less than a megabyte.")
        return None

    def stranger(self, request: web.BaseRequest) -> web.Response | None:
        """The refusal of a request that a web page of others has made; None for one of ours."""
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        if host not in self._hosts:
            return _refused(403, "host", "Call the simulator by the address it prints.")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return _refused(403, "origin", "No other web page may call the simulator.")
        return None


def directory() -> dict[str, object]:
    """Every command, for programs and people that look around."""
    return {
        command.name: {
            "text": command.text,
            "method": "GET" if command.reads else "POST",
            "members": [one.encode_name for one in msgspec.structs.fields(command.body)],
        }
        for command in COMMANDS.values()
    }


def _refused(status: int, path: str, next_step: str) -> web.Response:
    error = {"path": path, "message": f"{path} refused.", "next_step": next_step}
    return _json(status, msgspec.json.encode({"ok": False, "error": error}))


def _json(status: int, body: bytes) -> web.Response:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
