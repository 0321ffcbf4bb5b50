from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.sim_run import served
from topstepx.cli.sim_runs import Run, Which, forget, remember, running, runs_folder, tell, the_run
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

ANY = Which()


def run(port: int, process: int | None = None) -> Run:
    return Run(
        port=port,
        process=process or os.getpid(),
        control_url=f"http://127.0.0.1:{port}/control/v1/",
        token="t0ken",
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path))


def test_none_one_and_several() -> None:
    with pytest.raises(ConfigurationError, match="Start one: topstepx sim"):
        the_run(ANY)
    path = remember(run(18_001))
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert the_run(ANY).port == 18_001
    remember(run(18_002))
    with pytest.raises(ConfigurationError, match="at the ports 18001, 18002"):
        the_run(ANY)
    assert the_run(Which(port=18_002)).port == 18_002
    with pytest.raises(ConfigurationError, match="at port 9"):
        the_run(Which(port=9))
    forget(18_001)
    assert [one.port for one in running()] == [18_002]


@pytest.mark.skipif(os.name != "posix", reason="asking for a process is POSIX")
def test_words_of_the_dead_are_taken_away() -> None:
    remember(run(18_003, process=2**22 + 1))
    assert running() == []
    assert list(runs_folder().iterdir()) == []


def test_who_does_not_answer_and_what_is_no_word() -> None:
    remember(run(1))
    (runs_folder() / "7.json").write_bytes(b"{}")
    (runs_folder() / "7.json").chmod(0o600)
    with pytest.raises(ConfigurationError, match="does not answer"):
        tell(ANY, "info")


def test_the_token_is_in_no_text() -> None:
    assert "t0ken" not in repr(run(1))


def test_a_wrong_token_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path, monkeypatch) as sim:
        wrong = Run(port=sim.port, process=os.getpid(), control_url=sim.control_url, token="wrong")
        remember(wrong)
        with pytest.raises(ConfigurationError, match="control token"):
            tell(ANY, "info")
