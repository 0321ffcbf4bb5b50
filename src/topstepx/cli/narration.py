"""How a walk-through speaks: lines for a person, or one JSON object per step."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Narrator(Protocol):
    """Tells a walk-through step by step."""

    def step(self, name: str, text: str, facts: Mapping[str, object]) -> None:
        """One step: its stable name, a sentence, and the figures in it."""
        ...

    def failed(self, name: str, text: str) -> None:
        """A step that did not hold."""
        ...

    def finished(self, name: str, *, ok: bool, facts: Mapping[str, object]) -> None:
        """The last word."""
        ...


class SpokenNarrator:
    """Lines for a person; coloured where the terminal has colour."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        self._console = Console(highlight=False, soft_wrap=True)
        self._plain = escape
        self._number = 0

    def step(self, name: str, text: str, facts: Mapping[str, object]) -> None:
        """One numbered line."""
        del facts  # they are in the sentence
        self._number += 1
        self._console.print(
            f"[dim]{self._number:>2}[/dim]  [bold cyan]{name:<10}[/bold cyan] {self._plain(text)}"
        )

    def failed(self, name: str, text: str) -> None:
        """A line that cannot be overlooked."""
        self._console.print(f"[bold red]    {name:<10} FAILED: {self._plain(text)}[/bold red]")

    def finished(self, name: str, *, ok: bool, facts: Mapping[str, object]) -> None:
        """The last line."""
        del name
        colour = "green" if ok else "red"
        text = self._plain(str(facts["text"]))
        self._console.print(f"\n[bold {colour}]{text}[/bold {colour}]")


class JsonNarrator:
    """One JSON object per line, flushed at once."""

    def step(self, name: str, text: str, facts: Mapping[str, object]) -> None:
        """`{"event": name, "text": …, …facts}`."""
        self._say({"event": name, "text": text, **facts})

    def failed(self, name: str, text: str) -> None:
        """`{"event": "failed", "step": name, "text": …}`."""
        self._say({"event": "failed", "step": name, "text": text})

    def finished(self, name: str, *, ok: bool, facts: Mapping[str, object]) -> None:
        """`{"event": name, "ok": …, …}`."""
        self._say({"event": name, "ok": ok, **facts})

    def _say(self, record: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(record, default=_plain) + "\n")
        sys.stdout.flush()


def _plain(value: object) -> object:
    return str(value)  # Decimals and times, exactly
