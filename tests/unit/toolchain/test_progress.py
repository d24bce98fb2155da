"""What a user sees: plain lines where there is no terminal, and how a failure is told."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from toolchain.commands import Commands
from toolchain.problem import Problem
from toolchain.progress import Progress, StepFailed, report


def plain() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=200), out


def test_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    console, out = plain()
    with (
        Progress(tmp_path / "logs", console, heartbeat=0.05) as progress,
        progress.step("kind", "kind [0.30.0]"),
    ):
        time.sleep(0.12)
    lines = out.getvalue().splitlines()
    assert lines[0] == "kind: kind [0.30.0]"
    assert "kind: 0 s so far, log in logs/kind.log" in lines
    assert lines[-1] == "kind: done in 0 s"


def test_a_terminal_shows_each_step_with_its_log(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    with Progress(tmp_path, console) as progress:
        with progress.step("a", "first"), progress.step("b", "second"):
            time.sleep(0.3)
        shown = out.getvalue()
    assert "first" in shown
    assert str(tmp_path / "b.log") in shown
    assert "✓" in out.getvalue()


def test_a_failure_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    console, out = plain()

    def fail() -> None:
        with Progress(tmp_path / "logs", console) as progress, progress.step("kind", "kind") as step:
            step.log.write_text("".join(f"line {number}\n" for number in range(100)))
            Commands().run("sh", "-c", "echo [last words]; exit 3", log=step.log)

    with pytest.raises(StepFailed) as failure:
        fail()
    report(failure.value, console)
    told = out.getvalue()
    assert "kind failed: sh -c 'echo [last words]; exit 3' ended with code 3" in told
    assert "  [last words]\n" in told
    assert "line 99" in told
    assert "line 50" not in told
    assert str(tmp_path / "logs" / "kind.log") in told
    assert "running the same command again goes on from there" in told


def test_advice_is_told(tmp_path: Path) -> None:
    console, out = plain()
    with (
        pytest.raises(StepFailed) as failure,
        Progress(tmp_path, console) as progress,
        progress.step("a", "b"),
    ):
        raise Problem("no engine", "start Docker")
    report(failure.value, console)
    assert "start Docker" in out.getvalue()


def test_a_log_holds_one_run(tmp_path: Path) -> None:
    progress = Progress(tmp_path, Console(quiet=True))
    for text in ("first run", "second run"):
        with progress, progress.step("a", "b") as step:
            step.log.write_text(text)
    assert (tmp_path / "a.log").read_text() == "second run"
