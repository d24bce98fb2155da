"""A Pulumi project in a temporary folder, run by the real CLI with whichever plugins it finds."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain.artifacts import ArtifactsMissing
from toolchain.environment import environment

ROOT = Path(__file__).parents[2]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
_OVERALL = ("pulumi:pulumi:Stack", "pulumi:providers:")

# The CLI interrupts a program whose resource failed, and waits 5 s for threads of the SDK that never end.
_ENDS_AT_ONCE = "import os, signal\nsignal.signal(signal.SIGINT, lambda *_: os._exit(1))\n"

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What the engine did, or would do, to one resource."""

    name: str
    op: str
    detail: Json
    """Its ``detailedDiff`` and the states before and after, as the CLI prints them."""


@dataclass(frozen=True)
class Run:
    """One run of the CLI."""

    steps: list[Step]
    messages: list[str]
    """What it said to the user, errors among it."""
    status: list[str]
    """What it showed only while it ran."""
    returncode: int

    def ops(self, name: str) -> list[str]:
        """What happened to a resource, in order."""
        return [step.op for step in self.steps if step.name == name]

    def inputs(self, name: str) -> Json:
        """A resource's inputs, as a preview shows them."""
        return next(step.detail["newState"]["inputs"] for step in self.steps if step.name == name)


class Project:
    """A project and its one stack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = folder / "backend" / ".pulumi" / "stacks" / "contract" / "test.json"
        (folder / "backend").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text("name: contract\nruntime: python\n")
        self.environment = _environment() | {
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "contract",
            "TMPDIR": str(folder),
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        self._pulumi("stack", "init", "test")

    def up(self, program: str) -> Run:
        """Makes the stack what the program says."""
        self._write(program)
        return self._apply("up", "--skip-preview")

    def fail(self, program: str) -> Run:
        """Tries to make the stack what the program says, and expects that some of it fails."""
        self._write(_ENDS_AT_ONCE + program)
        run = self._apply("up", "--skip-preview", "--continue-on-error")
        assert run.returncode, "nothing failed"
        return run

    def start(self, program: str) -> subprocess.Popen[bytes]:
        """Begins to make the stack what the program says. The caller has to wait for the end."""
        self._write(program)
        command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL)

    def preview(self, program: str) -> Run:
        """What ``up`` would do."""
        self._write(program)
        result = self._pulumi("preview", "--json")
        report = json.loads(result.stdout)
        steps = [Step(_name(step["urn"]), step["op"], step) for step in report["steps"] if _counts(step["urn"])]
        messages = [it["message"] for it in report.get("diagnostics", ())]
        return Run(steps, messages, [], result.returncode)

    def refresh(self) -> Run:
        """Reads what is there into the state."""
        return self._apply("refresh", "--skip-preview")

    def destroy(self) -> Run:
        """Ends all resources."""
        return self._apply("destroy", "--skip-preview")

    @property
    def state(self) -> str:
        """The stack's state, as it lies in the file."""
        return self._state.read_text()

    def resources(self) -> dict[str, Json]:
        """The resources in the state by name."""
        found = json.loads(self.state)["checkpoint"]["latest"].get("resources", [])
        return {_name(it["urn"]): it for it in found if _counts(it["urn"])}

    def _apply(self, command: str, *options: str) -> Run:
        result = self._pulumi(command, "--yes", "--json", *options)
        events = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
        steps = [
            Step(_name(event["metadata"]["urn"]), event["metadata"]["op"], event["metadata"])
            for event in (event["resourcePreEvent"] for event in events if "resourcePreEvent" in event)
            if _counts(event["metadata"]["urn"])
        ]
        said = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
        said = [event for event in said if event["severity"] != "debug"]
        return Run(
            steps,
            [event["message"] for event in said if not event.get("ephemeral")],
            [event["message"].rstrip("\n") for event in said if event.get("ephemeral")],
            result.returncode,
        )

    def _write(self, program: str) -> None:
        (self.folder / "__main__.py").write_text(program)

    def _pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _environment() -> dict[str, str]:
    inherited = dict(os.environ)
    with contextlib.suppress(ArtifactsMissing):  # Then the tools on PATH have to do.
        inherited |= environment(ROOT)
    # The program runs with the packages that the tests have, whatever Python the language host would take.
    inherited["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), inherited["PATH"]])
    return inherited


def _name(urn: str) -> str:
    return urn.split("::")[3]


def _counts(urn: str) -> bool:
    return not urn.split("::")[2].startswith(_OVERALL)
