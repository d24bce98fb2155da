"""A copy of the project with a backend of its own, in which the real engine previews without any network."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import PROJECT
from tests.preview import recording

ROOT = Path(__file__).parents[2]
DEV: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
STAGES: dict[str, dict[str, int]] = DEV[f"{PROJECT}:routes"]["details"]["stages"]

AGAIN = "the program declares something else than recorded: record it again, as tests/preview/record.py says"

# Loopback is how the engine and its plugins talk to each other.
_CUT_OFF = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
_CUT_OFF_BY_A_USER = ("unshare", "--map-root-user", *_CUT_OFF[1:])


@dataclass(frozen=True)
class Preview:
    """What a preview says it would do."""

    succeeded: bool
    output: str
    """What a person would see of it."""
    steps: list[dict[str, Any]]

    @property
    def changes(self) -> dict[str, list[str]]:
        """Operation -> the URNs that it is for."""
        found: dict[str, list[str]] = {}
        for step in self.steps:
            if step["op"] != "same":
                found.setdefault(step["op"], []).append(step["urn"])
        return found


class Project:
    """A copy of the project, and a stack ``dev`` that no cluster and no container belongs to."""

    def __init__(self, folder: Path, prefix: tuple[str, ...]) -> None:
        self._prefix = prefix
        self.folder = folder / "project"
        (self.folder / ".state").mkdir(parents=True)
        for name in ("Pulumi.yaml", "__main__.py", "settings", "components", "bootstrap", "policy", "toolchain"):
            (self.folder / name).symlink_to(ROOT / name)
        (self.folder / ".state" / "charts").symlink_to(ROOT / ".state" / "charts")
        _, artifacts = recording.load()
        (self.folder / ".state" / "artifacts.json").write_text(json.dumps(artifacts))
        backend = folder / "backend"
        backend.mkdir()
        inherited = {name: value for name, value in os.environ.items() if name != "PULUMI_CONFIG_PASSPHRASE_FILE"}
        self._environment = {
            **inherited,
            "PULUMI_BACKEND_URL": f"file://{backend}",
            "PULUMI_CONFIG_PASSPHRASE": "of a stack that is nothing",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The plugin for Kubernetes leaves kubeconfigs there.
            "TMPDIR": str(folder),
        }
        self._salt: dict[str, Any] = {}
        self.configure({})
        self._pulumi("stack", "init", "dev", "--no-select").check_returncode()
        self._salt = {"encryptionsalt": yaml.safe_load(self._config.read_text())["encryptionsalt"]}

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Pulumi finds the stack."""
        return dict(self._environment)

    @property
    def _config(self) -> Path:
        return self.folder / "Pulumi.dev.yaml"

    def configure(self, config: dict[str, Any]) -> None:
        self._config.write_text(yaml.safe_dump({**self._salt, "config": config}))

    def resources(self) -> dict[str, recording.Resource]:
        """What the stack's state says of each resource, by its URN."""
        resources = self._export("--show-secrets")["deployment"]["resources"]
        return {it["urn"]: {key: it.get(key) for key in ("id", "inputs", "outputs")} for it in resources}

    def become(self, resources: list[recording.Resource]) -> None:
        """Makes ``resources`` the stack's state."""
        export = self._export()
        export["deployment"]["resources"] = resources
        self._pulumi("stack", "import", "--stack", "dev", stdin=json.dumps(export)).check_returncode()

    def other_stack(self, folder: Path, name: str, resources: list[recording.Resource]) -> None:
        """Makes a stack of the project in ``folder``, in the same backend, with ``resources`` as its state."""
        self._pulumi("stack", "init", name, "--no-select", folder=folder).check_returncode()
        exported = self._pulumi("stack", "export", "--stack", name, folder=folder)
        exported.check_returncode()
        export = json.loads(exported.stdout)
        export["deployment"]["resources"] = resources
        self._pulumi("stack", "import", "--stack", name, stdin=json.dumps(export), folder=folder).check_returncode()

    def preview(self, *options: str) -> Preview:
        done = self._pulumi("preview", "--stack", "dev", "--json", *options)
        said = json.loads(done.stdout)
        messages = [str(message["message"]) for message in said.get("diagnostics", ())]
        return Preview(done.returncode == 0, "".join(messages) + done.stderr, said.get("steps", []))

    def refusal(self, *command: str) -> str:
        """Runs a command that must fail. Returns what a person sees of it."""
        done = self._pulumi(*command, "--stack", "dev")
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def _export(self, *options: str) -> Any:
        exported = self._pulumi("stack", "export", "--stack", "dev", *options)
        exported.check_returncode()
        return json.loads(exported.stdout)

    def export(self) -> str:
        """The stack's state, as a file of it has it."""
        return json.dumps(self._export())

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the project, cut off too; in the checkout, since that is where it is imported from."""
        return self._run(command, ROOT)

    def _pulumi(self, *arguments: str, stdin: str = "", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run(["pulumi", "--non-interactive", "--color", "never", *arguments], folder or self.folder, stdin)

    def _run(self, command: Sequence[str], folder: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._prefix, *command],
            cwd=folder,
            env=self._environment,
            input=stdin,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )


def config_at(stage: str) -> dict[str, Any]:
    """The talk's config in one of its stages."""
    return {**copy.deepcopy(DEV), f"{PROJECT}:stages": {"details": stage}}


@pytest.fixture(scope="session")
def cut_off() -> tuple[str, ...]:
    """What to put before a command so that it reaches nothing beyond this machine's own loopback."""
    for prefix in (_CUT_OFF, _CUT_OFF_BY_A_USER):
        if shutil.which("unshare") and subprocess.call([*prefix, "true"], stderr=subprocess.DEVNULL) == 0:
            return prefix
    pytest.skip("this machine lets nobody make a network namespace, so nothing can be cut off from the network")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, cut_off: tuple[str, ...]) -> Project:
    """An empty stack."""
    assert shutil.which("pulumi"), "run these tests by `make preview`, which puts pulumi on PATH"
    assert (ROOT / ".state" / "charts").is_dir(), "run these tests by `make preview`, which gets Istio's charts"
    return Project(tmp_path_factory.mktemp("preview"), cut_off)
