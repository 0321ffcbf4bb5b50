"""Sizes, twins and names: what keeps every part small enough to read."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import topstepx
from tests.house.tree import ROOT, modules, report

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70

# Source module -> why it has no test module of its own at the same path.
NO_TWIN: dict[str, str] = {
    "__main__.py": "one call; tests/cli/test_main.py starts it as a process",
}

BANNED_WORDS = {"utils", "util", "helpers", "helper", "manager", "handler", "misc", "common"}


def test_files_stay_short() -> None:
    long = [
        f"{module.name}: {len(module.lines)} lines"
        for module in modules()
        if len(module.lines) >= MAX_FILE_LINES
    ]
    assert not long, report(f"a source file has fewer than {MAX_FILE_LINES} lines", long)


def test_functions_stay_short() -> None:
    long = []
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length >= MAX_FUNCTION_LINES:
                    long.append(f"{module.name}:{node.lineno} {node.name}: {length} lines")
    assert not long, report(f"a function has fewer than {MAX_FUNCTION_LINES} lines", long)


def test_every_module_has_its_test_module() -> None:
    missing = []
    for module in modules():
        path = PurePosixPath(module.name)
        if path.name == "__init__.py" or module.name in NO_TWIN:
            continue
        twin = ROOT / "tests" / path.parent / f"test_{path.name}"
        if not twin.is_file():
            missing.append(f"{module.name} -> {twin.relative_to(ROOT).as_posix()}")
    assert not missing, report("each source module has one test module at the same path", missing)


def test_exemptions_are_still_needed() -> None:
    stale = [
        name
        for name in NO_TWIN
        if (twin := ROOT / "tests" / name).with_name(f"test_{twin.name}").is_file()
    ]
    assert not stale, report("an exemption goes when its test module comes", stale)


def test_no_vague_names() -> None:
    vague = []
    for module in modules():
        words = set(PurePosixPath(module.name).stem.lower().split("_"))
        vague += [f"{module.name}: {word}" for word in words & BANNED_WORDS]
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                lowered = node.name.lower()
                vague += [
                    f"{module.name}:{node.lineno} {node.name}"
                    for word in ("manager", "handler", "helper", "utils", "mixin")
                    if lowered.endswith(word)
                ]
    assert not vague, report("a name says what the thing is", vague)


def test_public_names_are_pinned() -> None:
    pinned = (ROOT / "tests/house/public_names.txt").read_text(encoding="utf-8").split()
    actual = sorted(getattr(topstepx, "__all__", ["__version__"]))
    added, gone = sorted(set(actual) - set(pinned)), sorted(set(pinned) - set(actual))
    assert actual == pinned, (
        "the public names changed: if that is meant, change tests/house/public_names.txt "
        f"(sorted, one per line) and CHANGELOG.md. Added: {added}. Gone: {gone}."
    )


def test_public_names_exist() -> None:
    for name in getattr(topstepx, "__all__", []):
        assert getattr(topstepx, name, None) is not None, f"topstepx.{name} is listed and missing"
