"""The page as HTML; test_server_page looks at it through a real browser where there is one."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from tests.support.sim_machine import Desk
from topstepx.sim.control import COMMANDS
from topstepx.sim.control.command import Nothing
from topstepx.sim.control.state import After
from topstepx.sim.not_modelled import NOT_MODELLED
from topstepx.sim.page import POLICY, live, page

VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Checks that every element is closed, and keeps the text and what would run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.scripts: list[str | None] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        assert not [name for name in names if name.startswith("on")]
        if tag == "script":
            self.scripts.append(names.get("src"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(desk: Desk) -> str:
    info: Any = COMMANDS["info"].run(desk.machine, Nothing())
    market: Any = COMMANDS["market/show"].run(desk.machine, Nothing())
    told: Any = COMMANDS["events"].run(desk.machine, After())
    assert live(info, market, told["events"]) in page(info, market, told["events"])
    return page(info, market, told["events"])


def test_it_says_what_runs_what_is_on_and_what_is_missing() -> None:
    desk = Desk(scenario="combine-50k")
    desk.do("clock/pause")
    desk.do("market/gap", contract="MNQ", ticks=40)
    desk.do("faults/add", where="Order/place", what={"kind": "drop_answer"})
    reader = Reader(shown(desk))
    for words in (
        "combine-50k",
        "paused",
        "50KTC-V2-DLL",
        "48,000.00",
        "moved +40 ticks",
        "drop_answer()",
        "clock/pause",
        *NOT_MODELLED,
    ):
        assert words in reader.text, words
    assert reader.scripts == ["/page.js"]
    assert "key" not in reader.text.split()


def test_a_calm_start_is_complete_too() -> None:
    text = Reader(shown(Desk())).text
    assert "The plan is empty." in text
    assert "Nobody has asked for a contract yet." in text


def test_nothing_that_comes_from_outside_is_markup() -> None:
    desk = Desk()
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    desk.do("faults/add", where="hub/user", what={"kind": "say", "text": evil})
    desk.machine.gateway.log.note(desk.machine.now(), evil, evil)
    reader = Reader(shown(desk))
    assert reader.scripts == ["/page.js"]
    assert evil in reader.text


def test_the_policy_forbids_everything_inline_and_from_elsewhere() -> None:
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
