"""Programs, tools and images on the operator's machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.vmmesh.doctor.support import engine, only, operator
from tests.unit.vmmesh.support import Programs
from toolchain.problem import Problem
from vmmesh.doctor import programs as checks
from vmmesh.doctor.finding import Said


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = only(list(checks.programs(operator(tmp_path))))
    assert (found.level, found.what) == ("failure", "not installed: git, curl, openssl, tar")


def test_an_engine_that_answers_is_named(tmp_path: Path, programs: Programs) -> None:
    engine(programs)
    assert only(list(checks.docker(operator(tmp_path)))) == Said("ok", "Docker 20.10 answers")


@pytest.mark.parametrize(("startable", "level"), [(True, "warning"), (False, "failure")])
def test_an_engine_that_does_not_answer_fails_unless_up_starts_it(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch, startable: bool, level: str
) -> None:
    programs.make("docker", "exit 1")
    monkeypatch.setattr(checks.Engine, "startable", lambda _self: startable)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert only(list(checks.docker(operator(tmp_path)))).level == level


def test_an_engine_that_lets_nobody_in_is_told_apart(tmp_path: Path, programs: Programs) -> None:
    programs.make("docker", "echo 'permission denied' >&2; exit 1")
    with pytest.raises(Problem, match="does not let this user in"):
        list(checks.docker(operator(tmp_path)))


def test_tools_that_were_never_made_are_no_failure(tmp_path: Path) -> None:
    assert only(list(checks.tools(operator(tmp_path)))).level == "warning"
