"""Watches every test for secrets: what the simulator handed out must turn up nowhere.

The keys and tokens of the simulators that a test makes are known here, because their makers are listened
to. At the end of the test they, and whatever has the shape of a token, are looked for in all log records
(every logger at DEBUG, messages and raw arguments), stdout, stderr, the files under `tmp_path`, the
command lines of children, and, for a client in memory, task names and the reprs of all that hangs on it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import subprocess
import sys
import traceback
import types
from collections import deque
from typing import TYPE_CHECKING, Any

from topstepx.redaction import spellings
from topstepx.settings import Secret
from topstepx.sim.calls import SimUser
from topstepx.sim.tokens import TokenOffice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

JWT = re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")
_SHORTEST = 12
"""Keys shorter than that are words that tests made up, and words turn up anywhere."""
_FILE_BYTES_MAX = 8 * 1024 * 1024
_CONTAINERS = (dict, list, tuple, set, frozenset, deque, types.MappingProxyType, types.CellType)
_SHUT = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_OTHER_SIDE = ("topstepx.sim", "topstepx.testing")

EXEMPT = {
    "tests/support/test_leak_watch.py": "plants leaks, to see them found",
    "tests/test_redaction.py": "logs secrets, to see them masked",
    "tests/test_settings.py": "holds secrets in its hands, to see that they do not show",
    "tests/net/test_leaks.py": "searches by itself, for a canary that its own server repeats",
    "tests/cards/test_leaks.py": "searches by itself, also the simulator's own files",
}
"""Modules that show a secret on purpose, each with why."""
EXEMPT_FILES = {
    ".plain": "somebody typed --insecure-storage",
    ".state": "a saved simulator, which holds its own keys",
}
"""Kinds of files that hold a key on purpose."""


class _Ear(logging.Handler):
    """Hears every record, as the watch wants it."""

    def __init__(self, watch: LeakWatch) -> None:
        super().__init__(0)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        """Keep its text, its raw arguments and its traceback."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        text = f"{text} {record.args!r}"
        if record.exc_info is not None and record.exc_info[1] is not None:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self._watch.saw(f"log {record.name}", text)


class LeakWatch:
    """What the test that runs now was given, and what it showed."""

    def __init__(self) -> None:
        self.secrets: dict[str, None] = {}
        self.shown: list[tuple[str, str]] = []
        self.ear = _Ear(self)
        self._listening = False
        self._module = ""

    def install(self) -> None:
        """Listen to the makers of secrets and to the start of children; once per process."""
        mint, make = TokenOffice._mint, SimUser.__init__

        def minted(tokens: TokenOffice, *arguments: Any) -> str:  # noqa: ANN401  passed on
            token = mint(tokens, *arguments)
            self.secrets[token] = None
            return token

        def made(user: SimUser, *arguments: Any, **more: Any) -> None:  # noqa: ANN401  passed on
            make(user, *arguments, **more)
            if len(user.api_key) >= _SHORTEST:
                self.secrets[user.api_key] = None

        self._listen_to_children()
        TokenOffice._mint = minted  # type: ignore[method-assign, assignment]  # an ear, not another behaviour
        SimUser.__init__ = made  # type: ignore[method-assign, assignment]  # the same
        sys.addaudithook(self._heard)

    def _listen_to_children(self) -> None:
        """What tests read of their children through `communicate` is shown as well."""
        plain, later = subprocess.Popen.communicate, asyncio.subprocess.Process.communicate

        def written(process: Any, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401  passed on
            return self._saw_parts(plain(process, *arguments, **more))

        async def written_later(process: Any, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401  passed on
            return self._saw_parts(await later(process, *arguments, **more))

        subprocess.Popen.communicate = written  # type: ignore[method-assign, assignment]  # an ear
        asyncio.subprocess.Process.communicate = written_later  # type: ignore[method-assign, assignment]  # an ear

    def _saw_parts(self, parts: tuple[Any, Any]) -> tuple[Any, Any]:
        for part in parts:
            if part:
                self.saw(
                    "a child's output", part if isinstance(part, str) else part.decode("latin-1")
                )
        return parts

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._listening and event == "subprocess.Popen":
            self.shown.append(("a command line", repr(arguments[1])))

    def begin(self, module: str) -> None:
        """A test begins. What its module was given is kept: some simulators serve a whole module."""
        if module != self._module:
            self.secrets.clear()
        self._module = module
        self.shown.clear()
        self._listening = True
        root = logging.getLogger()
        root.addHandler(self.ear)

    def saw(self, place: str, text: str) -> None:
        """Something was shown."""
        if self._listening and text:
            self.shown.append((place, text))

    def saw_files(self, folder: Path) -> None:
        """Everything that was left under a folder."""
        for path in folder.rglob("*"):
            if path.suffix in EXEMPT_FILES or not path.is_file():
                continue
            if path.stat().st_size <= _FILE_BYTES_MAX:
                self.saw(f"file {path.name}", path.read_bytes().decode("latin-1"))

    def saw_client(self, client: object) -> None:
        """The names of all tasks, and the reprs of all that hangs on a client."""
        self.saw("a task's name", " ".join(task.get_name() for task in asyncio.all_tasks()))
        self.saw("a repr", "\n".join(reprs(client)))

    def end(self) -> list[str]:
        """The test is over: what of its secrets was shown, and where."""
        self._listening = False
        logging.getLogger().removeHandler(self.ear)
        hits = found(self.secrets, self.shown)
        self.shown.clear()
        return hits


def found(secrets: Iterable[str], shown: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each place where a secret, or a token's shape, was shown."""
    tokens = [one for one in secrets if one.startswith("eyJ")]
    others = [each for one in secrets if one not in set(tokens) for each in spellings(one)]
    hits = []
    for place, text in shown:
        match = JWT.search(text) if "eyJ" in text else None
        at = match.start() if match is not None else -1
        for one in others:
            at = max(at, text.find(one))
        if at >= 0:
            hits.append(f"{place}: {text[max(0, at - 200) : at + 12]!r}")
    return hits


def reprs(root: object, size_max: int = 2000) -> list[str]:
    """The reprs of all that hangs on `root` through objects of the client's own.

    What belongs to the simulator, and a Secret's own slot, are where a value may be. Strings count as they
    are, so that a dictionary of headers would be found.
    """
    seen: set[int] = set()
    waiting, shown = [root], []
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (Secret, *_SHUT)):
            continue
        seen.add(id(one))
        if isinstance(one, str):
            shown.append(one[:size_max])
            continue
        if isinstance(one, bytes | bytearray):
            shown.append(bytes(one[:size_max]).decode("latin-1"))
            continue
        module = type(one).__module__
        if module.startswith(_OTHER_SIDE):
            continue
        if isinstance(one, _CONTAINERS):
            waiting += gc.get_referents(one)
        elif isinstance(one, types.MethodType):
            waiting.append(one.__self__)
        elif module.startswith("topstepx"):
            if type(one).__repr__ is not object.__repr__:  # that one shows an address and no more
                shown.append(repr(one)[:size_max])
            waiting += gc.get_referents(one)
    return shown


WATCH = LeakWatch()


def looking_before(
    leave: Callable[..., Any], client: Callable[[Any], object]
) -> Callable[..., Any]:
    """An `__aexit__` that shows the client to the watch before it is left."""

    async def looked(self: Any, *error: Any) -> Any:  # noqa: ANN401  passed on
        WATCH.saw_client(client(self))
        return await leave(self, *error)

    return looked
