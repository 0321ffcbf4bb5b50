"""The page over HTTP: read only, without a token, for browsers on this machine."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from topstepx.sim.control import COMMANDS
from topstepx.sim.control.command import Nothing
from topstepx.sim.control.state import After
from topstepx.sim.page import POLICY, live, page

if TYPE_CHECKING:
    from topstepx.sim.control import Machine

PATHS = frozenset({"/", "/page/live", "/page.css", "/page.js"})
_FILES = {"/page.css": "text/css", "/page.js": "text/javascript"}


def page_answer(machine: Machine, path: str) -> web.Response:
    """What a browser gets at one of `PATHS`."""
    if path in _FILES:
        text = resources.files("topstepx.sim").joinpath(path[1:]).read_text(encoding="utf-8")
        return _answer(text, _FILES[path])
    info: Any = COMMANDS["info"].run(machine, Nothing())
    market: Any = COMMANDS["market/show"].run(machine, Nothing())
    told: Any = COMMANDS["events"].run(machine, After(most=40))
    shown = live if path == "/page/live" else page
    return _answer(shown(info, market, told["events"]), "text/html")


def _answer(text: str, kind: str) -> web.Response:
    headers = {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)
