"""Settings for the whole suite."""

from __future__ import annotations

import gc
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.leak_watch import EXEMPT, WATCH, looking_before
from tests.support.sessions import SessionWorld
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent

# Deadlines are off: two busy cores make wall time meaningless. The same examples on every run of
# `make test`, so that a red build is about the change; `make soak` searches with fresh ones.
settings.register_profile(
    "test",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "soak", settings.get_profile("test"), derandomize=False, max_examples=5000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


# A shell starts what runs in the background with Ctrl-C ignored, and children would inherit that; the
# tests that send one mean a program that can hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_FIRST = ("storms", "kill", "sockets", "cards", "cli", "testing", "net")
"""Folders in the order of how long their modules take: what is begun last, the others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long modules first, so that no worker is left with one of them at the end."""
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(TESTS).parts[0], len(rank)))


@pytest.fixture(scope="session", autouse=True)
def _ears() -> None:
    """Listen to whoever makes or shows a secret: see `tests/support/leak_watch.py`."""
    WATCH.install()
    for kind in (Pair, SessionWorld):
        kind.__aexit__ = looking_before(kind.__aexit__, lambda one: one.tsx)  # type: ignore[method-assign]  # looks, and goes on
    read = pytest.CaptureFixture.readouterr

    def read_and_shown(self: pytest.CaptureFixture[str]) -> object:
        result = read(self)
        for name, text in (("stdout", result.out), ("stderr", result.err)):
            WATCH.saw(name, str(text))
        return result

    pytest.CaptureFixture.readouterr = read_and_shown  # type: ignore[method-assign, assignment]  # the same


class _Unheard(logging.Handler):
    """What asyncio complains of at ERROR: exceptions that nobody retrieved, tasks that were dropped."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@pytest.fixture(autouse=True)
def nothing_stays_unheard() -> Iterator[None]:
    """In asyncio's debug mode (`make soak` has a pass in it), an exception that nobody hears fails its test."""
    if not os.environ.get("PYTHONASYNCIODEBUG"):
        yield
        return
    ear, log = _Unheard(), logging.getLogger("asyncio")
    log.addHandler(ear)
    yield
    gc.collect()  # some are told only when their task goes
    log.removeHandler(ear)
    assert not ear.told, "\n".join(ear.told)


@pytest.fixture(autouse=True)
def no_secret_is_shown(request: pytest.FixtureRequest) -> Iterator[None]:
    """No key and no token that this test was given is left anywhere: one hit fails it."""
    path = request.node.nodeid.partition("::")[0]
    # Everything is logged, and `caplog` shows what it would have shown without that.
    plugin: Any = request.config.pluginmanager.get_plugin("logging-plugin")
    plugin.caplog_handler.setLevel(logging.WARNING)
    plugin.report_handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    WATCH.begin(path)
    yield
    root.setLevel(before)
    for _when, name, text in request.node._report_sections:
        WATCH.saw(name, text)
    folder = request.node.funcargs.get("tmp_path")
    if folder is not None:
        WATCH.saw_files(folder)
    hits = WATCH.end()
    assert path in EXEMPT or not hits, "a secret was shown:\n" + "\n".join(hits[:10])
