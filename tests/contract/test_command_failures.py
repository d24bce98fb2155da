"""What pulumi-command does with a Command that fails, takes too long or is interrupted."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.contract.project import Project

PRELUDE = """
import pulumi
from pulumi_command import local

"""


def program(**commands: str) -> str:
    """A program with a Command for each keyword, which is the rest of its arguments."""
    return PRELUDE + "\n".join(f"local.Command({name!r}, {rest})" for name, rest in commands.items())


def test_a_creation_that_fails_is_tried_again_as_a_creation(project: Project, tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    text = program(waits=f'create="echo seen; echo why >&2; test -e {marker} || exit 3"')
    failed = project.fail(text)
    message = next(it for it in failed.messages if "exit status 3" in it)
    assert message.startswith('exit status 3: running "echo seen; echo why >&2; test -e ')
    assert {"seen", "why"} <= set(message.splitlines())
    assert project.resources() == {}
    marker.touch()
    assert project.up(text).ops("waits") == ["create"]


def test_an_update_that_fails_leaves_the_old_state(project: Project) -> None:
    assert project.up(program(breaks='create="echo old", update="true"')).returncode == 0
    broken = program(breaks='create="echo new", update="echo half; exit 1"')
    project.fail(broken)
    assert project.resources()["breaks"]["outputs"]["stdout"] == "old"
    assert project.resources()["breaks"]["inputs"]["update"] == "true"
    assert project.fail(broken).ops("breaks") == ["update"]
    mended = project.up(program(breaks='create="echo new", update="echo mended"'))
    assert (mended.returncode, mended.ops("breaks")) == (0, ["update"])


def test_a_deletion_that_fails_keeps_the_resource(project: Project, tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    assert project.up(program(stays=f'create="true", delete="test -e {marker}"')).returncode == 0
    project.fail(program())
    assert "stays" in project.resources()
    marker.touch()
    assert project.up(program()).ops("stays") == ["delete"]
    assert project.resources() == {}


def test_what_cannot_be_started_fails(project: Project) -> None:
    commands = program(
        nowhere='create="true", dir="/no/such/folder"',
        unknown='create="true", interpreter=["/no/such/shell"]',
    )
    failed = project.fail(commands)
    for why in ("chdir /no/such/folder", "fork/exec /no/such/shell"):
        assert any(f"{why}: no such file or directory" in it for it in failed.messages), failed.messages


def test_a_command_ends_at_its_timeout(project: Project) -> None:
    options = "opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='1s'))"
    started = time.monotonic()
    failed = project.fail(program(sleeps=f'create="exec sleep 60", {options}'))
    assert time.monotonic() - started < 30
    assert any("signal: killed" in it for it in failed.messages)


def test_an_interrupt_ends_the_command(project: Project, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    running = project.start(program(sleeps=f'create="echo $$ > {note}; exec sleep 60"'))
    try:
        while not (note.exists() and note.read_text()):
            assert running.poll() is None, "the command was not run"
            time.sleep(0.1)
        command = int(note.read_text())
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(30) != 0
    finally:
        running.kill()
        running.wait()
    assert not Path(f"/proc/{command}").exists()
    assert "sleeps" not in project.resources()
