"""The policy pack in the real engine, and a pull request's comment, from a recorded state and without a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from settings import PROJECT
from tests.preview import recording
from tests.preview.conftest import ROOT, Project, config_at

pytestmark = pytest.mark.preview

PACK = ("--policy-pack", "policy")
# Runs the command line on another checkout than its own.
VMMESH = "import sys; from pathlib import Path; from vmmesh import cli; cli.ROOT = Path(sys.argv.pop(1)); cli.main()"


@pytest.fixture(scope="module")
def running(project: Project) -> Project:
    project.become(recording.load()[0])
    return project


def test_the_pack_lets_a_stage_pass(running: Project) -> None:
    running.configure(config_at("canary"))
    preview = running.preview(*PACK)
    assert preview.succeeded, preview.output
    assert [*preview.changes] == ["update"]


def test_the_pack_stops_an_image_that_is_not_pinned(running: Project) -> None:
    config = config_at("canary")
    config[f"{PROJECT}:vms"]["vm1"]["container"] = {"image": "debian:latest"}
    running.configure(config)
    refusal = running.refusal("preview", *PACK)
    assert "images-pinned" in refusal
    assert "the image debian:latest is not pinned" in refusal


class Report:
    """What ``vmmesh report --preview`` writes for a config, in a checkout that has no stack, from a file."""

    def __init__(self, project: Project, folder: Path) -> None:
        self._project, self._folder = project, folder
        self._state = folder / "state.json"
        self._state.write_text(project.export())

    def __call__(self, config: dict[str, Any], *options: str) -> tuple[int, str]:
        self._project.configure(config)
        output = self._folder / "comment"
        output.unlink(missing_ok=True)
        done = self._project.run(
            sys.executable, "-c", VMMESH, str(self._project.folder), "report", "--preview",
            "--state", str(self._state), "--output", str(output), *options,
        )  # fmt: skip
        assert output.exists(), done.stdout + done.stderr
        return done.returncode, output.read_text()


@pytest.fixture(scope="module")
def report(running: Project, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return Report(running, tmp_path_factory.mktemp("report"))


def test_a_stage_as_a_comment(report: Report, running: Project) -> None:
    code, comment = report(config_at("canary"))
    assert code == 0, comment
    # The engine takes no step for the providers that it has made itself.
    unchanged = sum("::default_" not in urn for urn in running.resources()) - 2
    assert "### `dev`: `details` moves from `vm-only` to `canary`" in comment
    assert f"**2 to update**, {unchanged} unchanged. Nothing is replaced or deleted. No rule is broken." in comment
    assert "| `cluster1` | `░░░░░░░░░░░░░░░░░░░░` 0 % | `█████░░░░░░░░░░░░░░░` 25 % | **+25** |" in comment
    assert "state that was recorded on 20" in comment


def test_a_replacement_and_a_jump_as_a_comment(report: Report) -> None:
    config = config_at("kubernetes")
    config[f"{PROJECT}:routes"]["details"]["maxStep"] = 25
    config[f"{PROJECT}:vms"]["vm1"]["container"] = {"image": "debian:12.5"}
    code, text = report(config, "--json")
    found = json.loads(text)
    assert code == 1
    assert sorted({it["rule"] for it in found["violations"]}) == ["replacements-allowed", "steps-small"]
    (lost, *_) = (it for it in found["changes"] if it["destroys"] and it["kind"] == "Container")
    assert (lost["operation"], lost["name"]) == ("replace", "vm1-container")


def test_a_config_that_is_refused_as_a_comment(report: Report) -> None:
    code, comment = report(config_at("canray"))
    assert code == 2
    assert 'there is no stage "canray"; did you mean "canary"?' in comment


def test_a_report_leaves_the_checkout_and_the_stack_as_they_are(report: Report, running: Project) -> None:
    before = running.resources()
    running.configure(config_at("canary"))
    files = {path.name: path.read_bytes() for path in running.folder.glob("Pulumi.*")}
    report(config_at("canary"))
    assert {path.name: path.read_bytes() for path in running.folder.glob("Pulumi.*")} == files
    assert running.resources() == before


def test_every_file_of_the_pack_is_of_the_pack_alone() -> None:
    """So that the folder can be published: with nothing on its path but itself and Pulumi's packages."""
    command = [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import rules"]
    assert subprocess.run(command, cwd=ROOT / "policy", check=False).returncode == 0
