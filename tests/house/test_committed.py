"""What is under version control: nothing of one machine, no addresses in pins, no stray files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, committed, report, text_of

HERE = Path(__file__).name
MACHINE_PATH = re.compile(
    rf"(?<![\w.:/])(?:{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}|/home/\w+|/Users/\w+)(?:/|\b)"
)
DOWNLOAD = re.compile(
    r"https?://[^\s\"'<>]*\.(?:whl|tar\.gz|tgz)\b|--(?:extra-)?index-url|registry *= *[\"']?http",
    re.IGNORECASE,
)
FOREIGN_LOCKS = {
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pdm.lock",
    "yarn.lock",
    "pnpm-lock.yaml",
}
MAX_FILE_BYTES = 1_000_000


def texts() -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), text)
        for path in committed()
        if path.name != HERE and (text := text_of(path)) is not None
    ]


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number} {line.strip()[:100]}"
        for name, text in texts()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_path_of_one_machine() -> None:
    offences = places(MACHINE_PATH)
    assert not offences, report("files name nothing of one machine", offences)


def test_no_download_address() -> None:
    offences = places(DOWNLOAD)
    assert not offences, report("no file says where packages are downloaded from", offences)


def test_no_foreign_lock_file() -> None:
    offences = [path.name for path in committed() if path.name in FOREIGN_LOCKS]
    assert not offences, report("pins live in requirements/ and tests/interop/", offences)


def test_nothing_huge() -> None:
    offences = [
        f"{path.relative_to(ROOT).as_posix()}: {path.stat().st_size:,} bytes"
        for path in committed()
        if path.stat().st_size > MAX_FILE_BYTES
    ]
    assert not offences, report("no file above one megabyte", offences)


@pytest.mark.parametrize("name", ["runtime", "build", "dev", "bench"])
def test_pins_are_names_versions_and_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    for line in pins:
        assert re.match(r"^[a-z0-9._-]+==[^ ]+( ; .+)? \\$", line), line
    for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        assert not block or block.startswith("#") or "--hash=sha256:" in block, block


def test_npm_pins_have_no_addresses() -> None:
    for path in committed():
        if path.name == "package-lock.json":
            packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
            assert not [name for name, pin in packages.items() if "resolved" in pin], path


def test_the_patterns_bite() -> None:
    assert MACHINE_PATH.search(f"open('{ROOT}/x')")
    assert MACHINE_PATH.search(f"cd {Path.home()}")
    assert not MACHINE_PATH.search(f"https://example.test{ROOT}")
    assert DOWNLOAD.search('"resolved": "https://example.test/x/-/x-1.0.tgz"')
    assert DOWNLOAD.search("pip install --index-url https://example.test/simple")
    assert not DOWNLOAD.search("https://example.test/docs")
