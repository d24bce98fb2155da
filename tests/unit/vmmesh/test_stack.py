"""Updates of a stack that a killed run has left locked or half done, against a stand-in for the CLI."""

from __future__ import annotations

import gc
import io
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.unit.vmmesh.support import Programs, urn
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh.history import once_more
from vmmesh.recovery import Held
from vmmesh.stack import NoStack, Stack

# What is relied on, as seen in 3.259: what each command prints and refuses, and that an import drops what is
# pending.
PULUMI = """
here=$(dirname "$0")
case "$*" in
version) echo v3.259.0 ;;
*"stack select"*) [ -e "$here/state" ] || { echo "error: no stack named 'dev' found" >&2; exit 255; } ;;
*"stack init"*) echo '{"deployment": {}}' >"$here/state" ;;
*"stack export"*) echo "$VM_MESH_RUN" >"$here/mark"; cat "$here/state" ;;
*"stack output"*) echo "{}" ;;
*"stack history"*"--page-size 1"*)
	echo '[{"kind": "update", "startTime": "2026-01-01T00:00:00.000Z", "message": "", "result": "succeeded",'
	echo '"environment": {}, "config": {}, "version": 1}]' ;;
*cancel*) rm "$here/lock" ;;
*import*|*" up "*)
	if [ -e "$here/lock" ]; then
		echo "error: the stack is currently locked by 1 lock(s)." >&2
		cat "$here/lock" >&2
		exit 255
	fi ;;
esac
case "$*" in
*import*) echo '{"deployment": {}}' >"$here/state" ;;
*" up "*)
	. "$here/does"
	echo "upsert=$PULUMI_K8S_UPSERT_EXISTING_OBJECTS" >>"$here/updates"
	exit "$(cat "$here/code")" ;;
esac
"""


DEAD = 2**22 + 1
"""The number of a process that there is not: it is beyond what a kernel gives."""
OUTPUTS: dict[str, Any] = {
    "stages": {"details": "canary"},
    "urls": {},
    "gateways": {"cluster1": "192.0.2.1"},
    "kubeconfigs": {"cluster1": "text"},
    "transports": {},
}


class Fake:
    """A checkout, and the CLI's state in files."""

    def __init__(self, programs: Programs, root: Path) -> None:
        self.programs = programs
        self.root = root
        self.screen = io.StringIO()
        programs.make("pulumi", PULUMI)
        self.write("state", '{"deployment": {}}')
        self.write("code", "0")
        self.write("does", "")

    def write(self, name: str, text: str) -> None:
        self.programs.write(name, text)

    def pending(self, kind: str, operation: str = "creating") -> None:
        pending = {
            "type": operation,
            "resource": {
                "urn": urn(kind, "thing"),
                "type": kind,
                "inputs": {"name": "thing", "create": "sh bootstrap/join.sh"},
            },
        }
        deployment = {"resources": [pending["resource"]], "pending_operations": [pending]}
        self.write("state", json.dumps({"deployment": deployment}))

    def outputs(self, outputs: dict[str, Any]) -> None:
        resource = {"urn": urn("pulumi:pulumi:Stack", "dev"), "type": "pulumi:pulumi:Stack", "outputs": outputs}
        self.write("state", json.dumps({"deployment": {"resources": [resource]}}))

    def lock(self, pid: int, host: str = platform.node()) -> None:
        self.write("lock", f"  file:///x.json: created by me@{host} (pid {pid}) at 2026\n")

    def up(self, stack: Stack | None = None, *, again: Sequence[str] = ()) -> dict[str, int]:
        with Progress(self.root, Console(file=self.screen, width=200)) as progress:
            return (stack or Stack(self.root, "dev", "up")).up(progress, again=again)

    @property
    def commands(self) -> list[str]:
        """The commands that change something."""
        words = [call.split()[2:] for call in self.programs.calls]
        return [word[0] for word in words if word and word[0] in ("up", "cancel")] + [
            "import" for word in words if word[:2] == ["stack", "import"]
        ]


@pytest.fixture
def fake(programs: Programs, tmp_path: Path) -> Fake:
    return Fake(programs, tmp_path)


def test_a_calm_stack_is_just_updated(fake: Fake) -> None:
    fake.up()
    assert fake.commands == ["up"]
    assert fake.screen.getvalue() == ""


def test_a_dead_run_s_lock_is_taken_and_that_is_said(fake: Fake) -> None:
    fake.lock(DEAD)
    fake.up()
    assert fake.commands == ["up", "cancel", "up"]
    assert "left the stack locked: unlocking it" in fake.screen.getvalue()


def test_half_a_lock_that_a_full_disk_left_is_removed_and_whole_ones_stay(fake: Fake) -> None:
    folder = fake.root / ".state/pulumi/.pulumi/locks/organization/vm-mesh/dev"
    folder.mkdir(parents=True)
    for name in ("one.json", "two.json.18ec2db9e07fc2bc.tmp"):
        (folder / name).touch()
    fake.up()
    assert [file.name for file in folder.iterdir()] == ["one.json"]


def test_a_lock_is_unfinished_business_even_where_nothing_is_pending(fake: Fake) -> None:
    """Else `make up`, which does nothing where nothing changes, would leave it to whoever runs `pulumi up` next."""
    stack = Stack(fake.root, "dev", "up")
    assert not stack.unfinished({})
    folder = fake.root / ".state/pulumi/.pulumi/locks/organization/vm-mesh/dev"
    folder.mkdir(parents=True)
    assert not stack.unfinished({})
    (folder / "one.json").touch()
    assert stack.unfinished({})


def test_a_living_run_s_lock_is_respected(fake: Fake) -> None:
    fake.lock(pid=1, host="elsewhere")
    with pytest.raises(Held, match="process 1 of me on elsewhere"):
        fake.up()
    assert fake.commands == ["up"]


def test_what_a_living_run_is_at_is_not_cleared_when_it_has_ended(fake: Fake) -> None:
    """Its operations are pending as those of a dead one are, and it may be at work from another checkout."""
    fake.programs.make("docker")
    fake.pending("docker:index/container:Container")
    fake.lock(pid=1, host="elsewhere")
    with pytest.raises(Held):
        fake.up()
    assert not list((fake.root / ".state").glob("interrupted*"))
    fake.write("state", '{"deployment": {}}')
    fake.programs.remove("lock")
    fake.up()
    assert not [call for call in fake.programs.calls if call.startswith("docker")]


def test_what_was_begun_is_cleared_before_the_update(fake: Fake) -> None:
    fake.programs.make("docker")
    fake.pending("docker:index/container:Container")
    fake.lock(DEAD)
    fake.up()
    assert fake.commands == ["cancel", "up", "import", "import"]
    assert "docker rm --force --volumes thing" in fake.programs.calls
    assert "it was creating thing when it was killed" in fake.screen.getvalue()
    assert not list((fake.root / ".state").glob("interrupted*"))


def test_a_command_that_was_killed_in_a_change_is_known_as_long_as_the_stack_has_it(fake: Fake) -> None:
    fake.pending("command:local:Command", "updating")
    state = fake.programs.read("state")
    stack = Stack(fake.root, "dev", "up")
    fake.up(stack)
    assert stack.broken_off() == []
    fake.write("state", state)
    assert stack.broken_off() == ["thing"]
    with Progress(fake.root, Console(file=fake.screen, width=200)) as progress:
        stack.up_again(progress)
    target = urn("command:local:Command", "thing")
    assert any(f"--replace {target}" in call for call in fake.programs.calls)
    assert "thing: broken off by a run that failed or was killed; once more" in fake.screen.getvalue()


def test_a_second_kill_loses_nothing_of_what_is_to_be_cleared(fake: Fake) -> None:
    fake.programs.make("docker")
    fake.pending("docker:index/container:Container")
    state = fake.programs.read("state")
    (fake.root / ".state").mkdir()
    (fake.root / ".state" / "interrupted.dev.json").write_text(state)
    fake.write("state", '{"deployment": {}}')
    fake.up()
    assert "docker rm --force --volumes thing" in fake.programs.calls


def test_temporary_files_go_with_the_run_that_made_them_or_the_next_update(fake: Fake) -> None:
    folder = fake.root / ".state" / "tmp" / "dev"
    killed, at_work = folder / f"{DEAD}.x", folder / f"{os.getpid()}.x"
    for run in (killed, at_work):
        run.mkdir(parents=True)
    fake.write("does", 'ls "$TMPDIR"; stat --format=%a "$TMPDIR" >"$here/mode"; touch "$TMPDIR/kubeconfig"')
    fake.up()
    assert (fake.root / ".state" / "logs" / "up.log").read_text() == ""
    assert fake.programs.read("mode") == "700\n"
    gc.collect()
    assert list(folder.iterdir()) == [at_work]


def test_only_what_changes_a_stack_is_ended_by_the_next_update(fake: Fake) -> None:
    """`status --watch` goes on beside an update."""
    Stack(fake.root, "dev", "status").export()
    assert fake.programs.read("mark") == "\n"
    fake.write("does", 'echo "$VM_MESH_RUN" >"$here/mark"')
    fake.up()
    assert fake.programs.read("mark") == f"{fake.root}#dev\n"


def test_objects_are_taken_over_once(fake: Fake) -> None:
    fake.pending("kubernetes:core/v1:Service")
    stack = Stack(fake.root, "dev", "up")
    for _ in range(2):
        fake.up(stack)
    assert fake.programs.read("updates").split() == ["upsert=true", "upsert="]


def test_objects_are_taken_over_by_the_update_that_comes_to_them(fake: Fake) -> None:
    """The first one after the kill may fail, or be killed, before it does; what is cleared is cleared once."""
    fake.programs.make("docker")
    fake.pending("kubernetes:core/v1:Service")
    fake.write("code", "1")
    for _ in range(2):
        with pytest.raises(Problem):
            fake.up()
    fake.pending("docker:index/container:Container")
    with pytest.raises(Problem):
        fake.up()
    fake.write("code", "0")
    for _ in range(2):
        fake.up()
    assert fake.programs.read("updates").split() == [*["upsert=true"] * 4, "upsert="]
    assert [call for call in fake.programs.calls if call.startswith("docker")] == [
        "docker rm --force --volumes thing",
    ]
    assert fake.screen.getvalue().count("it was creating thing") == 2
    assert not list((fake.root / ".state").glob("interrupted*"))


def test_an_update_of_a_part_takes_over_what_the_whole_one_after_it_does_and_is_the_only_one(fake: Fake) -> None:
    """Else an edit that nobody has previewed would be applied behind it."""
    kind = "kubernetes:core/v1:Service"
    fake.pending(kind)
    stack = Stack(fake.root, "dev", "up")
    fake.up(stack, again=["thing"])
    assert fake.programs.read("updates").split() == ["upsert=true"]
    update = next(call for call in fake.programs.calls if " up " in call)
    assert f"--target {urn(kind, 'thing')}" in update
    assert once_more(["thing"]) in update
    fake.up(stack)
    assert fake.programs.read("updates").split() == ["upsert=true", "upsert=true"]


def test_an_update_that_fails_is_a_problem(fake: Fake) -> None:
    fake.write("code", "1")
    with pytest.raises(Problem):
        fake.up()


def test_a_stack_that_is_not_there_is_told(fake: Fake) -> None:
    fake.programs.remove("state")
    with pytest.raises(NoStack, match="no stack dev"):
        Stack(fake.root, "dev", "status")
    Stack(fake.root, "dev", "up", make=True)


def test_a_stack_without_outputs_is_not_up(fake: Fake) -> None:
    stack = Stack(fake.root, "dev", "status")
    with pytest.raises(NoStack, match="dev is not up"):
        stack.outputs()
    fake.outputs(OUTPUTS)
    assert stack.outputs() == OUTPUTS
    fake.outputs({"stages": {}})
    with pytest.raises(NoStack, match="dev is not up"):
        stack.outputs()


def test_a_state_that_was_read_is_not_read_again(fake: Fake) -> None:
    fake.outputs(OUTPUTS)
    stack = Stack(fake.root, "dev", "status")
    export = stack.export(secrets=True)
    before = len(fake.programs.calls)
    assert stack.outputs(export) == OUTPUTS
    assert len(fake.programs.calls) == before
