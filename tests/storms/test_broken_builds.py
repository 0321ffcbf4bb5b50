"""Proof that the judges can see: each deliberately broken build is found out by the auditor named for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.broken_build import BUILDS


@pytest.mark.parametrize("name", BUILDS)
def test_a_broken_build_is_found_out(name: str) -> None:
    build = BUILDS[name]
    ran = subprocess.run(  # noqa: S603  this interpreter on our own code
        [sys.executable, "-m", "tests.support.broken_build", name, str(build.within)],
        capture_output=True,
        text=True,
        timeout=85,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert build.auditor in found["auditors"], found
    assert found["seed"] < build.within
