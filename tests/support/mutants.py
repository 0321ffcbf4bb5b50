"""Broken copies of our own modules, to show that the tests would notice.

A copy is made by changing one piece of a module's text and loading it, together with the modules that
use it, under other names. The piece must be found exactly once, so a copy can never silently be whole.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import topstepx

if TYPE_CHECKING:
    from collections.abc import Sequence

_CORE = Path(topstepx.__file__).parent / "core"
_numbers = count(1)


@dataclass(frozen=True)
class Mutant:
    """One broken copy: in `module`, the text `old` becomes `new`."""

    name: str
    module: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.name


def load(modules: Sequence[str], mutant: Mutant | None = None) -> SimpleNamespace:
    """Fresh copies of core modules, in the order given, with every public name in one namespace."""
    prefix = f"broken_{next(_numbers)}_"
    names: dict[str, object] = {}
    loaded: list[str] = []
    for name in modules:
        text = (_CORE / f"{name}.py").read_text(encoding="utf-8")
        if mutant is not None and mutant.module == name:
            assert text.count(mutant.old) == 1, f"{mutant}: found {text.count(mutant.old)} times"
            text = text.replace(mutant.old, mutant.new)
        for other in modules:
            text = text.replace(
                f"from topstepx.core.{other} import", f"from {prefix}{other} import"
            )
        module = ModuleType(prefix + name)
        sys.modules[module.__name__] = module
        loaded.append(module.__name__)
        exec(compile(text, f"<{prefix}{name}>", "exec"), module.__dict__)  # noqa: S102  our own text, one piece changed
        names |= {key: value for key, value in vars(module).items() if not key.startswith("__")}
    # They hold on to each other; the table of modules need not.
    for key in loaded:
        if mutant is not None:
            sys.modules.pop(key)
    return SimpleNamespace(**names)
