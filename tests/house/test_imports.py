"""What may import what, where import-linter cannot say it: by name prefix, lazily, and by call."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import PurePosixPath

from tests.house.tree import ROOT, Module, imports, modules, report

HEAVY = (
    "aiohttp",
    "cyclopts",
    "picows",
    "rich",
    "cryptography",
    "keyring",
    "topstepx.sim",
    "topstepx.cli",
)

# Modules that bring input, output, waiting, ambient time or chance.
IMPURE_MODULES = {
    "aiohttp",
    "asyncio",
    "concurrent",
    "logging",
    "os",
    "pathlib",
    "picows",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
}
# Calls that do the same through a module that is welcome otherwise.
IMPURE_CALLS = {
    "date.today",
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "open",
    "print",
    "input",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid1",
    "uuid4",
}
# The simulator's modules that own sockets, files or the wall clock; all others are the venue.
SIM_SHELLS = ("sim/server", "sim/bar_file")
# What the simulator may import of this project, each with all that is below it.
SIM_MAY_IMPORT = (
    "topstepx.wire",
    "topstepx.core.signalr",
    "topstepx.clock",
    "topstepx.errors",
    "topstepx.sim",
)
NETWORK_SHELLS = ("net/transport", "sim/server")


def is_pure(module: Module) -> bool:
    """Whether this module must get time and chance as arguments."""
    if module.name.startswith("sim/"):
        return not module.name.startswith(SIM_SHELLS)
    return module.name.startswith(("core/", "events/", "wire/"))


def called(node: ast.Call) -> str:
    """The last two names of what is called, such as `datetime.now`."""
    function = node.func
    if isinstance(function, ast.Attribute):
        owner = function.value
        outer = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        return f"{outer}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def within(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith((f"{root}.", f"{root}_")) for root in roots)


def test_pure_modules_import_nothing_impure() -> None:
    offences = [
        f"{module.name}:{line} imports {name}"
        for module in modules()
        if is_pure(module)
        for line, name in imports(module.tree)
        if name.partition(".")[0] in IMPURE_MODULES
    ]
    assert not offences, report("core, wire, events and the venue are pure", offences)


def test_pure_modules_call_nothing_impure() -> None:
    offences = [
        f"{module.name}:{node.lineno} calls {called(node)}"
        for module in modules()
        if is_pure(module)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) in IMPURE_CALLS
    ]
    assert not offences, report("time, chance and files are arguments or effects", offences)


def test_pure_modules_do_not_wait() -> None:
    offences = [
        f"{module.name}:{node.lineno}"
        for module in modules()
        if is_pure(module)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert not offences, report("a pure machine never awaits", offences)


def test_only_the_transports_and_the_server_see_the_network() -> None:
    offences = [
        f"{module.name}:{line} imports {name}"
        for module in modules()
        if not module.name.startswith(NETWORK_SHELLS)
        for line, name in imports(module.tree)
        if name.partition(".")[0] in {"aiohttp", "picows"}
    ]
    assert not offences, report(f"only {NETWORK_SHELLS} import aiohttp and picows", offences)


def test_the_simulator_is_a_second_opinion() -> None:
    offences = []
    for module in modules():
        if not module.name.startswith("sim/"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                outer = base in {"topstepx", "topstepx.core"}  # `from topstepx import wire`
                names = [f"{base}.{alias.name}" for alias in node.names] if outer else [base]
            else:
                continue
            offences += [
                f"{module.name}:{node.lineno} imports {name}"
                for name in names
                if within(name, ("topstepx",)) and not within(name, SIM_MAY_IMPORT)
            ]
    assert not offences, report(f"the simulator imports only {SIM_MAY_IMPORT} of ours", offences)


def test_nobody_inside_imports_the_public_face() -> None:
    offences = []
    for module in modules():
        # The doors stand outside the house; everything else is behind the public names.
        if module.name.startswith(("cli/", "testing/", "web/")) or module.name == "__init__.py":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    offences.append(f"{module.name}:{node.lineno} imports relatively")
                if node.module != "topstepx":
                    continue
                offences += [
                    f"{module.name}:{node.lineno} imports topstepx.{alias.name}"
                    for alias in node.names
                    if not is_submodule(alias.name)
                ]
    assert not offences, report("inside, names come from where they are defined", offences)


def is_submodule(name: str) -> bool:
    wanted = {f"{name}.py", f"{name}/__init__.py"}
    return any(PurePosixPath(module.name).as_posix() in wanted for module in modules())


def test_importing_the_package_is_light() -> None:
    listing = "import json, sys, topstepx; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, check=True, text=True
    )
    loaded: list[str] = json.loads(done.stdout)
    heavy = [name for name in loaded if name in HEAVY]
    assert "topstepx" in loaded
    assert not heavy, report("`import topstepx` loads none of these", heavy)


def test_the_lists_match_real_imports() -> None:
    """The scan itself must see what it is there for."""
    tree = ast.parse(
        "def f():\n    import aiohttp.web\n    from time import sleep\n    datetime.now()\n"
    )
    assert {name for _, name in imports(tree)} == {"aiohttp.web", "time", "time.sleep"}
    assert [called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)] == [
        "datetime.now"
    ]
    assert within("topstepx.core.signalr_text", SIM_MAY_IMPORT)
    assert not within("topstepx.core.limiter", SIM_MAY_IMPORT)


def test_every_package_in_use_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {re.split(r"[^A-Za-z0-9_]", line)[0] for line in project["dependencies"] + extras}
    offences = [
        f"{module.name}:{line} imports {name}"
        for module in modules()
        for line, name in imports(module.tree)
        if (root := name.partition(".")[0]) not in sys.stdlib_module_names
        if root not in declared | {"topstepx", ""}
        # The kit's pytest plugin is loaded by pytest only.
        if not (root == "pytest" and module.name.startswith("testing/"))
    ]
    assert not offences, report("what the package imports is in pyproject.toml", offences)
