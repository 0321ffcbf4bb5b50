"""Rules a reader would otherwise have to remember: boundaries, reasons, errors, dependencies."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib

import pytest

from tests.house.tree import ROOT, committed, modules, report, text_of
from topstepx import errors

BROAD = {"Exception", "BaseException"}
# A silenced check says why, after its codes.
NOQA = re.compile(r"#\s*noqa(?P<codes>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?(?P<reason>.*)")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w,\s-]+\])?(?P<reason>.*)")
PRAGMA = re.compile(r"#\s*pragma:\s*no\s+cover(?P<reason>.*)")


def catches_broadly(handler: ast.ExceptHandler) -> bool:
    """Whether this clause catches everything, named or bare."""
    if handler.type is None:
        return True
    parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(part, ast.Name) and part.id in BROAD for part in parts)


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether this clause ends by raising again what it caught, so that nothing is swallowed."""
    last = handler.body[-1]
    leaves = any(
        isinstance(node, ast.Return | ast.Continue | ast.Break) for node in ast.walk(handler)
    )
    return isinstance(last, ast.Raise) and last.exc is None and not leaves


def unnamed_boundaries(text: str) -> list[int]:
    """The lines of broad `except` clauses without `# boundary: <why>` on them or right above."""
    lines = text.splitlines()
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ExceptHandler) and catches_broadly(node) and not passes_on(node)
        if not any("# boundary: " in line for line in lines[max(0, node.lineno - 2) : node.lineno])
    ]


def unreasoned(line: str) -> bool:
    """Whether this line silences a check without codes or without a reason."""
    for pattern, needs_codes in ((NOQA, True), (TYPE_IGNORE, True), (PRAGMA, False)):
        if match := pattern.search(line):
            if needs_codes and not match["codes"]:
                return True
            rest = NOQA.sub("", TYPE_IGNORE.sub("", match["reason"])) or match["reason"]
            return len(re.findall(r"[A-Za-z]{2,}", rest)) < 2
    return False


def test_a_broad_except_names_its_boundary() -> None:
    offences = [
        f"{module.name}:{line}" for module in modules() for line in unnamed_boundaries(module.text)
    ]
    assert not offences, report("`except Exception` needs `# boundary: <why>`", offences)


def test_the_boundary_rule_bites() -> None:
    assert unnamed_boundaries("try:\n    f()\nexcept Exception:\n    pass\n") == [3]
    assert unnamed_boundaries("try:\n    f()\nexcept (OSError, BaseException):\n    pass\n") == [3]
    assert unnamed_boundaries("try:\n    f()\nexcept:\n    pass\n") == [3]
    assert (
        unnamed_boundaries("try:\n    f()\nexcept Exception:  # boundary: user code\n    g()\n")
        == []
    )


def test_passing_on_needs_no_boundary() -> None:
    assert unnamed_boundaries("try:\n    f()\nexcept BaseException:\n    g()\n    raise\n") == []
    text = "def h():\n    try:\n        f()\n    except Exception:\n        if x:\n            return\n        raise\n"
    assert unnamed_boundaries(text) == [4]


def test_a_silenced_check_says_why() -> None:
    offences = []
    for path in committed():
        if path.suffix != ".py" or path.name == "test_rules.py":
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        offences += [
            f"{path.relative_to(ROOT).as_posix()}:{number} {line.strip()}"
            for number, line in enumerate(lines, start=1)
            if unreasoned(line)
        ]
    assert not offences, report(
        "`# noqa: CODE  reason`, `# type: ignore[code]  # reason`", offences
    )


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("x = 1  # noqa", True),
        ("x = 1  # noqa: E501", True),
        ("x = 1  # noqa: E501, S101", True),
        ("x = 1  # noqa: E501, S101  kept on one line", False),
        ("x = 1  # type: ignore", True),
        ("x = 1  # type: ignore[arg-type]", True),
        ("x = 1  # type: ignore[arg-type]  # the stub is wrong", False),
        ("x = 1  # pragma: no cover", True),
        ("x = 1  # pragma: no cover - needs another system", False),
        ("x = 1", False),
    ],
)
def test_the_reason_rule_bites(line: str, *, bad: bool) -> None:
    assert unreasoned(line) is bad


def test_every_ignored_lint_rule_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = text[
        text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.flake8-type-checking]")
    ]
    offences = [
        line.strip()
        for line in block.splitlines()
        if re.match(r'\s+"[A-Z]+[0-9]*",', line) and not re.search(r"#\s+\S+ \S+", line)
    ]
    assert not offences, report("an ignored rule says why on its line", offences)


def test_every_error_is_ours_and_says_whether_it_happened() -> None:
    offences = []
    for name, thing in vars(errors).items():
        if inspect.isclass(thing) and issubclass(thing, BaseException):
            if thing.__module__ != errors.__name__:
                continue
            if not issubclass(thing, errors.TopstepxError):
                offences.append(f"errors.{name} is not a TopstepxError")
            elif getattr(thing, "did_it_happen", None) is None:
                offences.append(f"errors.{name} has no did_it_happen")
    assert not offences, report("every error knows whether it happened", offences)


def test_every_dependency_has_one_line_of_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [re.split(r"[><=~!;\[ ]", line, maxsplit=1)[0] for line in project["dependencies"]]
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Za-z0-9_.-]+)` \| (.+) \|$", page, flags=re.MULTILINE)
    assert [name for name, _ in rows] == sorted(declared), "one row per runtime dependency, sorted"
    assert all(len(reason) > 20 for _, reason in rows), "each row gives its reason"


def test_no_default_is_a_secret() -> None:
    offences = []
    shapes = re.compile(
        r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"
        r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
        r"|(?i:api_?key|password|secret|token)\s*[:=]\s*[\"'][A-Za-z0-9+/]{40,}={0,2}[\"']"
    )
    for path in committed():
        text = text_of(path)
        if text is None or path.name == "test_rules.py":
            continue
        offences += [
            f"{path.relative_to(ROOT).as_posix()}:{text.count(chr(10), 0, match.start()) + 1}"
            for match in shapes.finditer(text)
        ]
    assert not offences, report(
        "no token, key or password in a file (build it in the test)", offences
    )
