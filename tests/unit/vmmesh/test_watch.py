"""The engine's events, as they are shown and kept."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import pytest
from pulumi.automation import EngineEvent
from rich.console import Console

from tests.unit.vmmesh.support import event_of, said, step, urn
from toolchain.progress import Progress, StepFailed
from vmmesh.watch import Watch, errors

COMMAND = "command:local:Command"
SERVICE = "kubernetes:core/v1:Service"


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(tmp_path: Path, screen: io.StringIO) -> Generator[Progress]:
    with Progress(tmp_path, Console(file=screen, width=200)) as progress:
        yield progress


def test_what_takes_its_time_is_shown(progress: Progress, screen: io.StringIO, tmp_path: Path) -> None:
    with Watch(progress, tmp_path / "up.log") as watch:
        watch(step("resourcePreEvent", "create", COMMAND, "node"))
        watch(step("resourcePreEvent", "create", SERVICE, "quick"))
        watch(step("resourcePreEvent", "same", COMMAND, "calm"))
        watch(step("resOutputsEvent", "create", SERVICE, "quick"))
        watch(step("resOutputsEvent", "same", COMMAND, "calm"))
        watch(step("resOutputsEvent", "create", COMMAND, "node"))
    assert screen.getvalue().splitlines() == ["node: making Command", "node: done in 0 s"]
    assert not watch.failures


def test_everything_is_shown_where_that_is_little(progress: Progress, screen: io.StringIO, tmp_path: Path) -> None:
    with Watch(progress, tmp_path / "stage.log", everything=True) as watch:
        watch(step("resourcePreEvent", "update", SERVICE, "quick"))
        watch(step("resOutputsEvent", "update", SERVICE, "quick"))
    assert screen.getvalue().splitlines() == ["quick: changing Service", "quick: done in 0 s"]


def test_a_command_whose_change_has_not_ended_is_broken_off(progress: Progress, tmp_path: Path) -> None:
    inputs = {"create": "sh bootstrap/join.sh"}
    with Watch(progress, tmp_path / "up.log") as watch:
        for name in ("join", "sidecar", "serve"):
            watch(step("resourcePreEvent", "update", COMMAND, name, new=inputs))
        watch(step("resOutputsEvent", "update", COMMAND, "join"))
        watch(step("resOpFailedEvent", "update", COMMAND, "sidecar"))
        watch(step("resourcePreEvent", "create", COMMAND, "other", new=inputs))
    assert watch.broken - watch.ended == {"sidecar", "serve"}
    assert watch.ended == {"join"}


def test_a_step_s_log_has_what_is_said_about_it(progress: Progress, tmp_path: Path) -> None:
    with Watch(progress, tmp_path / "up.log") as watch:
        watch(step("resourcePreEvent", "create", COMMAND, "join"))
        watch(said("<{%reset%}>waiting for the agent<{%reset%}>\n", "info", urn(COMMAND, "join")))
        watch(said("registering", "debug", urn(COMMAND, "join")))
        watch(said("of another", "info", urn(COMMAND, "other")))
        watch(step("resOutputsEvent", "create", COMMAND, "join"))
    assert (tmp_path / "join.log").read_text() == "waiting for the agent\n"


def failed(kind: str, name: str) -> list[EngineEvent]:
    return [
        step("resourcePreEvent", "create", kind, name),
        said("first\nthe gateway refused", about=urn(kind, name)),
        step("resOpFailedEvent", "create", kind, name),
    ]


@pytest.mark.parametrize("kind", [COMMAND, SERVICE])
def test_what_failed_is_told_with_its_reason_and_log(progress: Progress, tmp_path: Path, kind: str) -> None:
    with Watch(progress, tmp_path / "up.log") as watch:
        for event in [*failed(kind, "first"), *failed(kind, "second")]:
            watch(event)
    problem = watch.failure("")
    assert isinstance(problem, StepFailed)
    assert str(problem) == "first failed: the gateway refused"
    assert problem.tail() == ["first", "the gateway refused"]
    assert "up.log" in problem.advice
    assert len(watch.failures) == 2


def test_a_program_that_fails_is_told_by_its_errors(progress: Progress, tmp_path: Path) -> None:
    with Watch(progress, tmp_path / "up.log") as watch:
        watch(said("a warning", "warning"))
        watch(said("Program failed:\nno such file\n", about=urn("pulumi:pulumi:Stack", "vm-mesh-dev")))
    assert str(watch.failure("lots of output")) == "Program failed:\nno such file"


def test_what_the_engine_repeats_is_told_once(progress: Progress, tmp_path: Path) -> None:
    events = [said("the config has 1 error"), said("an unhandled error occurred: the config has 1 error")]
    watch = Watch(progress, tmp_path / "up.log")
    for event in events:
        watch(event)
    assert str(watch.failure("")) == "the config has 1 error"
    assert errors(events) == ["the config has 1 error"]
    assert errors(events[1:]) == ["an unhandled error occurred: the config has 1 error"]


def test_without_any_event_the_end_of_the_output_is_told(progress: Progress, tmp_path: Path) -> None:
    with Watch(progress, tmp_path / "up.log") as watch:
        pass
    assert str(watch.failure("1\n2\n\n3\n4\n")) == "1\n2\n\n3\n4"


def test_what_is_at_work_when_all_ends_is_said_to_be_stopped(
    progress: Progress, screen: io.StringIO, tmp_path: Path
) -> None:
    with Watch(progress, tmp_path / "up.log") as watch:
        watch(step("resourcePreEvent", "create", COMMAND, "node"))
    assert screen.getvalue().splitlines()[-1].startswith("node: failed")


def test_counts_are_kept(progress: Progress, tmp_path: Path) -> None:
    watch = Watch(progress, tmp_path / "up.log")
    end = {"sequence": 1, "timestamp": 1, "summaryEvent": {"resourceChanges": {"same": 107, "update": 2}}}
    watch(event_of(end))
    assert watch.changes == {"same": 107, "update": 2}


def test_errors_are_told_from_the_rest() -> None:
    assert errors([said("bad"), said("so-so", "warning"), step("resOutputsEvent", "same", COMMAND, "x")]) == ["bad"]


def test_an_error_names_what_it_is_about_unless_that_is_the_whole_stack() -> None:
    program = "urn:pulumi:dev::vm-mesh::pulumi:pulumi:Stack::vm-mesh-dev"
    found = errors([said("timeout", about=urn(SERVICE, "cluster2-x")), said("Program failed", about=program)])
    assert found == ["cluster2-x: timeout", "Program failed"]
