"""How the commands end."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import CommandError, CommandResult
from typer.testing import CliRunner, Result

from tests.unit.vmmesh.support import CONFIG, Programs
from toolchain.problem import Problem
from vmmesh import cli
from vmmesh.commands import access_logs, completion, lifecycle
from vmmesh.tools import ToolsFailed


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(CONFIG)
    return tmp_path


def vmmesh(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments, obj=no_environment)


def no_environment(_root: Path) -> dict[str, str]:
    return {}


def ends(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Result:
    def up(_place: object, _gone: object) -> None:
        raise error

    monkeypatch.setattr(lifecycle, "bring_up", up)
    return vmmesh("up")


@pytest.mark.parametrize(
    "command",
    [
        (),
        *((name,) for name in ("up", "down", "doctor", "stage", "advance", "rollback", "status", "verify", "logs")),
        *((name,) for name in ("graph", "report", "drift", "proxies", "rejoin", "upgrade")),
        ("access", "check"),
    ],
)
def test_help_says_what_a_command_does(command: tuple[str, ...]) -> None:
    result = vmmesh(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nonsense",), "nonsense"),
        (("up", "--stack", "dve"), "did you mean dev?"),
        (("status", "--window", "0"), "greater than or equal"),
        (("stage", "details"), "Missing argument"),
        (("stage", "details", "canry"), "did you mean canary?"),
        (("stage", "detail", "canary"), "did you mean details?"),
        (("advance", "detail"), "did you mean details?"),
        (("advance", "--to", "canry"), "did you mean canary?"),
        (("advance", "--to", "vm-only"), "which comes after vm-only"),
        (("advance", "--to", "all", "--all"), "--all and --to say two things"),
        (("rollback", "detail"), "did you mean details?"),
        (("logs", "detail"), "did you mean details?"),
        (("verify", "detail"), "did you mean details?"),
        (("verify", "--requests", "0"), "greater than or equal"),
        (("report", "--preview", "--stack", "dve"), "did you mean dev?"),
        (("report", "--preview", "--state", "nothing.json"), "nothing.json cannot be read"),
        (("report", "--preview", "--output", "no/such.md"), "there is no folder no"),
    ],
)
def test_wrong_usage_ends_with_2(root: Path, arguments: tuple[str, ...], says: str) -> None:
    result = vmmesh(*arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert not (root / ".state").exists()


def test_logs_are_of_what_vms_alone_run_too(root: Path) -> None:
    (root / "Pulumi.dev.yaml").write_text(CONFIG.replace("services: {", "services: {billing: {port: 9090}, "))
    result = vmmesh("logs", "billing", "--follow", "--since", "1h")
    assert "--follow shows what comes" in result.output


@pytest.mark.parametrize(
    "command",
    [
        *(("stage", "details", "canary"), ("advance",), ("rollback",), ("up",), ("verify",), ("status",), ("logs",)),
        *(("graph",), ("report",), ("drift",), ("access", "check", "vm1", "details")),
    ],
)
def test_a_wrong_config_ends_with_2_and_every_mistake_before_anything_is_touched(
    root: Path, command: tuple[str, ...]
) -> None:
    (root / "Pulumi.dev.yaml").write_text(CONFIG.replace("vm1: 75", "vm1: 80").replace("network2", "Network 2"))
    result = vmmesh(*command)
    assert result.exit_code == 2
    text = re.sub(r"\s+", " ", result.stderr)
    assert "has 2 errors; nothing was touched" in text
    assert "weights add up to 105" in text
    assert "Traceback" not in text
    assert not (root / ".state").exists()


def test_a_report_of_a_wrong_config_tells_every_mistake_and_ends_with_2(root: Path) -> None:
    (root / "Pulumi.dev.yaml").write_text(CONFIG.replace("vm1: 75", "vm1: 80").replace("network2", "Network 2"))
    output = root / "comment.md"
    result = vmmesh("report", "--preview", "--output", str(output))
    assert result.exit_code == 2
    assert "has 2 errors; nothing was touched" in output.read_text()
    assert "weights add up to 105" in output.read_text()
    assert not (root / ".state").exists()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("{", "is not a stack's state"),
        ('{"deployment": 1}', "is not a stack's state"),
        (
            '{"deployment": {"resources": [{"urn": "urn:pulumi:prod::vm-mesh::a:b:C::d"}]}}',
            "of the stack prod, not of dev",
        ),
    ],
)
def test_a_file_that_is_no_state_of_the_stack_is_wrong_usage(root: Path, state: str, says: str) -> None:
    (root / "state.json").write_text(state)
    result = vmmesh("report", "--preview", "--state", str(root / "state.json"))
    assert result.exit_code == 2
    assert says in re.sub(r"\s+", " ", result.stderr)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_logs_that_cannot_be_read_are_told_beside_the_others_and_end_with_1(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, follow: tuple[str, ...]
) -> None:
    stack = SimpleNamespace(outputs=lambda: {"kubeconfigs": {"cluster1": ""}, "transports": {"vm1": "docker exec vm"}})

    def stack_of(*_: object) -> object:
        return stack

    monkeypatch.setattr(access_logs, "Stack", stack_of)
    entry = {"start_time": "2026-01-02T03:04:05.5Z", "upstream_cluster": "inbound|9080||"}
    programs.make("docker", f"echo '{json.dumps(entry)}'")
    programs.make("kubectl", "echo 'no way there' >&2; exit 1")
    result = vmmesh("logs", "details", "--json", *follow)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["place"] == "vm1"
    assert result.stderr == "cluster1 details cannot be read: no way there\n"


def test_a_service_that_cannot_be_requested_is_wrong_usage(root: Path) -> None:
    (root / "Pulumi.dev.yaml").write_text(CONFIG.replace("        probePath: '/api/v1/products/0'\n", ""))
    for arguments in (("verify", "details"), ("verify",)):
        result = vmmesh(*arguments)
        assert result.exit_code == 2
        assert "probePath" in result.stderr


def test_what_fails_ends_with_1_and_its_advice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ends(monkeypatch, Problem("the engine is gone", "start it"))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == ["the engine is gone", "start it"]
    assert ends(monkeypatch, ToolsFailed()).exit_code == 1
    result = ends(monkeypatch, CommandError(CommandResult("some output", "error: incorrect passphrase", 255)))
    assert (result.exit_code, result.stderr) == (1, "error: incorrect passphrase\n")


def test_a_full_disk_is_told_as_such_and_no_other_error_of_the_system_is_hidden(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ends(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "up.log"))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "the disk is full: up.log"
    assert isinstance(ends(monkeypatch, OSError(errno.EIO, "Input/output error", "up.log")).exception, OSError)


def test_ctrl_c_ends_with_130(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ends(monkeypatch, KeyboardInterrupt())
    assert result.exit_code == 130
    assert result.stderr.startswith("Stopped.")


HANGING_UP = """
import os, signal, sys
from pathlib import Path
from vmmesh import cli

def work(**_names):
    try:
        print("at work", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        os.kill(os.getpid(), signal.SIGHUP)
        print("putting things right", flush=True)
        Path(sys.argv[1]).write_text("right")

cli.app = work
cli.main()
"""


def test_a_terminal_that_is_gone_keeps_nobody_from_putting_things_right(tmp_path: Path) -> None:
    ours, terminal = os.openpty()
    heard = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # also where the tests outlive theirs
    command = [sys.executable, "-c", heard + HANGING_UP, str(tmp_path / "things")]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, start_new_session=True) as process:
        os.close(terminal)
        said = b""
        while not said.endswith(b"\n"):  # which a terminal is written by itself, maybe after the rest was read
            said += os.read(ours, 100)
        assert said.strip() == b"at work"
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert (tmp_path / "things").read_text() == "right"


def test_what_is_to_outlive_its_terminal_does() -> None:
    command = [sys.executable, "-c", HANGING_UP.replace("signal.pause()", "os.kill(os.getpid(), signal.SIGHUP)")]
    done = subprocess.run(["nohup", *command, "/dev/null"], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "at work\n"


def test_json_is_all_that_is_on_standard_output(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {
        "stack": "dev",
        "removed": 3,
        "unreachable": [],
        "swept": ["x"],
        "kept": ["team"],
    }
    monkeypatch.setattr(lifecycle, "take_down", lambda _place, _gone: found)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert json.loads(vmmesh("down", "--json").stdout) == found
    assert vmmesh("down").stdout.splitlines() == [
        "dev is down: 3 resources removed, and with Docker: x",
        "The folder .state stays, since other stacks use it: team",
    ]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("vmmesh adv", ["advance"]),
        ("vmmesh advance ", ["details"]),
        ("vmmesh stage details c", ["canary"]),
        ("vmmesh advance --to v", ["vm-only"]),
        ("vmmesh status --stack d", ["dev"]),
        ("vmmesh advance --stack gone ", []),
    ],
)
def test_a_shell_completes_commands_and_what_the_config_names(
    root: Path, monkeypatch: pytest.MonkeyPatch, words: str, completed: list[str]
) -> None:
    monkeypatch.setattr(completion, "ROOT", root)
    variables = {"_VMMESH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    result = CliRunner().invoke(cli.app, [], prog_name="vmmesh", env=variables)
    assert result.output.split() == completed
