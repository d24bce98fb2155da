"""What pulumi-command does with a Command, from its making to its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.project import SECRET, UNKNOWN, Json, Project, Run

# Each command writes its name and step to the journal: what ran, and in which order.
PRELUDE = """
import pulumi
from pulumi_command import local

def say(name, step, more=""):
    return f"echo {name} {step} >> JOURNAL; {more}"

def command(name, options=None, **inputs):
    return local.Command(name, **inputs, opts=pulumi.ResourceOptions(**(options or {})))

"""

FIRST = """
updates = command("updates", environment={"COLOR": "red"},
    create=say("updates", "create", "echo made"),
    update=say("updates", "update-1", "echo changed"),
    delete=say("updates", "delete-1"))
recreates = command("recreates", create=say("recreates", "create-1"), delete=say("recreates", "delete"))
extended = command("extended", create=say("extended", "create", "echo kept"))
for it in (updates, recreates, extended):
    command(f"after-{it._name}", create=it.stdout.apply(lambda text: f"echo after {text}"))
command("mirrors", create=updates.environment.apply(lambda it: f"echo {it['COLOR']}"))

command("triggered", triggers=["a", {"b": 1}],
    create=say("triggered", "create-1"),
    update=say("triggered", "update"),
    delete=say("triggered", "delete-1"))
command("gains", create=say("gains", "create"), update=say("gains", "update"))
command("fixed", {"delete_before_replace": True}, triggers=[1],
    create=say("fixed", "create-1"),
    delete=say("fixed", "delete-1"))
command("deaf", {"ignore_changes": ["triggers"]}, triggers=[1], environment={"COLOR": "red"},
    create=say("deaf", "create"),
    update=say("deaf", "update"),
    delete=say("deaf", "delete in $COLOR"))

command("same", create=say("same", "create", "echo $COLOR; pwd; echo problem >&2"),
    environment={"COLOR": "blue"}, dir="/usr/bin")
command("reads", create="cat", stdin="first line\\nlast line\\n\\n")
command("bash", create="echo {a,b}; echo $0", interpreter=["/bin/bash", "-c"])
command("quiet", create="echo unheard", logging=local.Logging.NONE)
command("half-quiet", create="echo heard-out; echo heard-err >&2", logging=local.Logging.STDERR)
command("idle")
command("environment", create="env; pwd >&2", logging=local.Logging.NONE)

last = "${PULUMI_COMMAND_STDOUT:-none} ${PULUMI_COMMAND_STDERR:-none}"
remembers = f"echo out-$STEP; echo err-$STEP >&2; echo remembers $STEP {last} >> JOURNAL"
command("remembers", create=remembers, delete=remembers, environment={"STEP": "1"})
command("forgets", create=remembers.replace("remembers", "forgets"), environment={"STEP": "1"},
    add_previous_output_in_env=False)

token = pulumi.Output.secret("s3cr3t-in")
command("plain", create="echo s3cr3t-out", stdin=token, environment={"TOKEN": token})
command("hidden", {"additional_secret_outputs": ["stdout"]}, create="echo s3cr3t-hidden")
"""

SECOND = (
    FIRST.replace("update-1", "update-2")
    .replace('"updates", "delete-1"', '"updates", "delete-2"')
    .replace('"COLOR": "red"', '"COLOR": "green"')
    .replace('"recreates", "create-1"', '"recreates", "create-2"')
    .replace('"triggered", "create-1"', '"triggered", "create-2"')
    .replace('"triggered", "delete-1"', '"triggered", "delete-2"')
    .replace('["a", {"b": 1}]', '["a", {"b": 2}]')
    .replace('"fixed", "create-1"', '"fixed", "create-2"')
    .replace("triggers=[1],", "triggers=[1, 2],")
    .replace('"echo kept"))', '"echo kept"), environment={"NEW": "1"})')
    .replace('"gains", "update")', '"gains", "update"), triggers=[1]')
    .replace('"STEP": "1"', '"STEP": "2"')
)


@dataclass(frozen=True)
class Life:
    """Two versions of a program, applied one after the other, then dropped, and what was seen."""

    folder: Path
    environment: dict[str, str]
    planned: Run
    first: Run
    repeated: Run
    refreshed: Run
    changing: Run
    second: Run
    resources: dict[str, Json]
    """The state when the second version was applied."""
    state: str
    journal: str
    dropped: Run
    left: dict[str, Json]
    whole_journal: str

    def steps(self, name: str) -> list[str]:
        """What a command wrote until the second version was applied."""
        return _steps(self.journal, name)

    def end(self, name: str) -> list[str]:
        """What a command wrote when it was dropped."""
        return _steps(self.whole_journal.removeprefix(self.journal), name)

    def output(self, name: str) -> Json:
        """The outputs of a command in the state."""
        return self.resources[name]["outputs"]


def _steps(journal: str, name: str) -> list[str]:
    lines = (line.split(" ", 1) for line in journal.splitlines())
    return [rest for first, rest in lines if first == name]


@pytest.fixture(scope="module")
def life(project: Project) -> Life:
    """Lives it, once for all tests."""
    journal = project.folder / "journal"
    first, second, nothing = ((PRELUDE + text).replace("JOURNAL", str(journal)) for text in (FIRST, SECOND, ""))
    return Life(
        folder=project.folder,
        environment=project.environment,
        planned=project.preview(first),
        first=project.up(first),
        repeated=project.up(first),
        refreshed=project.refresh(),
        changing=project.preview(second),
        second=project.up(second),
        resources=project.resources(),
        state=project.state,
        journal=journal.read_text(),
        dropped=project.up(nothing),
        left=project.resources(),
        whole_journal=journal.read_text(),
    )


def test_all_runs_succeed(life: Life) -> None:
    runs = (life.planned, life.first, life.repeated, life.refreshed, life.changing, life.second, life.dropped)
    assert {run.returncode for run in runs} == {0}, [run.messages for run in runs]


def test_an_update_runs_the_update_command(life: Life) -> None:
    assert life.steps("updates") == ["create", "update-2"]
    assert life.second.ops("updates") == ["update"]
    assert life.output("updates")["stdout"] == "changed"


def test_without_an_update_command_create_runs_again(life: Life) -> None:
    assert life.steps("recreates") == ["create-1", "create-2"]
    assert life.second.ops("recreates") == ["update"]


def test_a_trigger_replaces_and_the_old_command_is_deleted_last(life: Life) -> None:
    assert life.steps("triggered") == ["create-1", "create-2", "delete-1"]
    assert life.second.ops("triggered") == ["create-replacement", "replace", "delete-replaced"]


def test_a_first_trigger_replaces_too(life: Life) -> None:
    assert life.steps("gains") == ["create", "create"]
    assert "replace" in life.second.ops("gains")


def test_delete_before_replace_is_the_programs_choice(life: Life) -> None:
    assert life.steps("fixed") == ["create-1", "delete-1", "create-2"]


def test_a_trigger_that_is_ignored_replaces_nothing(life: Life) -> None:
    assert life.steps("deaf") == ["create", "update"]
    assert life.second.ops("deaf") == ["update"]
    assert life.end("deaf") == ["delete in green"]


def test_unchanged_inputs_run_nothing(life: Life) -> None:
    assert life.steps("same") == ["create"]
    assert {step.op for step in life.repeated.steps} == {"same"}


def test_nothing_is_read(life: Life) -> None:
    assert {step.op for step in life.refreshed.steps} == {"refresh"}
    assert life.steps("same") == ["create"]


def test_outputs_lose_one_line_end(life: Life) -> None:
    assert life.output("same")["stdout"] == "blue\n/usr/bin"
    assert life.output("same")["stderr"] == "problem"
    assert life.output("reads")["stdout"] == "first line\nlast line\n"


def test_the_interpreter_is_sh_unless_said(life: Life) -> None:
    assert life.output("bash")["stdout"] == "a b\n/bin/bash"


def test_output_is_shown_while_it_runs(life: Life) -> None:
    assert {"made", "problem", "first line", "heard-err"} <= set(life.first.status)
    assert not {"unheard", "heard-out"} & set(life.first.status)
    assert life.output("quiet")["stdout"] == "unheard"


def test_a_command_may_do_nothing(life: Life) -> None:
    assert life.output("idle") == {"stdout": "", "stderr": ""}


def test_the_next_run_knows_the_last_ones_output(life: Life) -> None:
    assert life.steps("remembers") == ["1 none none", "2 out-1 err-1"]
    assert life.steps("forgets") == ["1 none none", "2 none none"]


def test_a_preview_of_a_creation_knows_no_output(life: Life) -> None:
    assert life.planned.ops("after-updates") == ["create"]
    assert life.planned.inputs("after-updates")["create"] == UNKNOWN
    assert life.planned.inputs("mirrors")["create"] == "echo red"


def test_a_preview_of_a_changed_input_knows_no_output(life: Life) -> None:
    assert life.changing.ops("recreates") == ["update"]
    assert life.changing.inputs("after-recreates")["create"] == UNKNOWN
    assert life.changing.inputs("after-updates")["create"] == UNKNOWN


def test_a_preview_of_an_input_that_was_not_there_keeps_the_output(life: Life) -> None:
    assert life.changing.ops("extended") == ["update"]
    assert life.changing.ops("after-extended") == []


def test_a_preview_names_what_changes(life: Life) -> None:
    details = {step.name: step.detail for step in life.changing.steps}
    assert set(details["updates"]["detailedDiff"]) == {"delete", "update", "environment.COLOR"}
    assert set(details["updates"]["diffReasons"]) == {"delete", "environment", "update"}
    assert set(details["triggered"]["detailedDiff"]) >= {"create", "delete", "triggers[1].b"}


def test_a_preview_runs_nothing(life: Life) -> None:
    assert life.steps("extended") == ["create", "create"]


def test_secret_inputs_are_encrypted_and_outputs_only_if_the_program_says(life: Life) -> None:
    assert "s3cr3t-in" not in life.state
    assert "s3cr3t-hidden" not in life.output("hidden")["stdout"]
    assert SECRET in str(life.output("hidden")["stdout"])
    # That a secret goes in makes what comes out no secret: whoever prints one has to say so.
    assert life.output("plain")["stdout"] == "s3cr3t-out"


def test_a_command_runs_in_the_programs_folder_and_environment(life: Life) -> None:
    seen = dict(line.split("=", 1) for line in life.output("environment")["stdout"].splitlines())
    assert life.output("environment")["stderr"] == str(life.folder)
    for variable in ("PATH", "PYTHONPATH", "LC_CTYPE", "HOME"):
        assert seen.get(variable) == life.environment.get(variable), variable


def test_what_the_program_drops_is_deleted_as_it_was_last_written(life: Life) -> None:
    assert life.end("updates") == ["delete-2"]
    assert life.end("triggered") == ["delete-2"]
    assert life.end("remembers") == ["2 out-2 err-2"]
    assert life.end("same") == []
    assert life.left == {}
