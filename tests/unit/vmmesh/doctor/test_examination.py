"""What is examined when, and the words for it in the docs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from tests.unit.vmmesh.support import CONFIG, Programs
from vmmesh import cli, doctor
from vmmesh.doctor import vm
from vmmesh.doctor.examination import transports
from vmmesh.doctor.operator import Operator
from vmmesh.kubectl import Unreachable
from vmmesh.stackfile import load

ROOT = Path(__file__).parents[4]


def test_every_check_is_explained_and_nothing_else() -> None:
    explained = re.findall(r"^### (\w+)$", (ROOT / "docs/doctor.md").read_text(), re.MULTILINE)
    checks = {check for names in doctor.CHECKS.values() for check in names}
    assert set(explained) == checks | set(vm.preflight_checks(ROOT))


def test_the_preflight_s_checks_are_read_off_its_script() -> None:
    assert {"clock", "rights", "dns", "gateway", "ports", "disk", "selinux"} <= set(vm.preflight_checks(ROOT))


def test_a_line_of_the_preflight_is_a_finding() -> None:
    found = vm.finding("vm1", "warning\tdns\twhat is found\twhat to do")
    assert (found.place, found.level, found.check) == ("vm1", "warning", "dns")
    for line in ("sh: not found", "dire\tdns\twhat\tdo", ""):
        with pytest.raises(Unreachable, match="no finding"):
            vm.finding("vm1", line)


def test_a_service_that_is_taken_as_it_runs_is_not_among_those_to_be_started(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").mkdir()
    (tmp_path / vm.SCRIPT).write_text("printf 'ok\\tports\\t%s\\t\\n' \"$PORTS, started $STARTED_PORTS\"")
    services = "{details: {port: 9080, command: /usr/local/bin/details}, ratings: {port: 9081}}"
    config = CONFIG.replace("{details: {port: 9080, command: /usr/local/bin/details}}", services)
    settings = load(config, "x").vms["vm1"]
    machine = vm.Machine(root=tmp_path, name="vm1", settings=settings, transport="true", cluster=None, gateway="")
    (found,) = vm.preflight(machine)
    assert found.what == "9080 9081, started 9080"


def test_a_folder_of_the_agent_that_is_full_is_found(tmp_path: Path, programs: Programs) -> None:
    lines = [f"tmpfs 1024 1 {free} 1% {folder}" for folder, free in zip(vm.WRITTEN, (100, 9999, 6144), strict=True)]
    programs.make("docker", f"cat <<'END'\nFilesystem\n{chr(10).join(lines)}\nEND")
    settings = load(CONFIG, "x").vms["vm1"]
    machine = vm.Machine(
        root=tmp_path, name="vm1", settings=settings, transport="docker exec", cluster=Mock(), gateway=""
    )
    found = list(vm.room(machine))
    assert [it.level for it in found] == ["failure", "ok", "ok"]
    assert found[0].what.startswith("/var/log/istio has 0 MB left")


def test_vms_are_reached_as_the_last_update_says_or_by_their_containers(tmp_path: Path, programs: Programs) -> None:
    programs.make("docker", """case $1 in info) echo '{"ServerVersion": "1"}' ;; ps) echo vm-mesh-dev-vm1 ;; esac""")
    operator = Operator(root=tmp_path, name="dev", settings=load(CONFIG, "x"))
    assert list(transports(operator, {})) == [("vm1", "vm1", "docker exec -i vm-mesh-dev-vm1")]
    made = {"transports": {"vm1": "sh bootstrap/ssh.sh", "gone": "x"}}
    assert list(transports(operator, made)) == [("vm1", "vm1", "sh bootstrap/ssh.sh")]
    other = Operator(root=tmp_path, name="team", settings=load(CONFIG, "x"))
    assert list(transports(other, {})) == []


def no_tools(root: Path) -> dict[str, str]:
    from toolchain.artifacts import load as artifacts

    artifacts(root)
    return {}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(CONFIG)
    return tmp_path


def test_before_the_first_up_it_looks_at_the_machine(root: Path, programs: Programs) -> None:
    programs.make("docker", """case $1 in info) echo '{"ServerVersion": "1"}' ;; esac""")
    result = CliRunner().invoke(cli.app, ["doctor", "--json"], obj=no_tools)
    found = json.loads(result.stdout)
    places = {finding["place"] for finding in found["findings"]}
    assert places == {"machine"}
    levels = {finding["check"]: finding["level"] for finding in found["findings"]}
    assert (levels["tools"], levels["stack"], levels["config"]) == ("warning", "ok", "ok")
    assert result.exit_code == (0 if found["passed"] else 1)


def test_a_wrong_config_is_a_finding_for_each_mistake(root: Path) -> None:
    (root / "Pulumi.dev.yaml").write_text(CONFIG.replace("vm1: 75", "vm1: 80").replace("network2", "Network 2"))
    result = CliRunner().invoke(cli.app, ["doctor", "--json"], obj=no_tools)
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    assert [finding["check"] for finding in findings] == ["config", "config"]
    assert all(finding["advice"] for finding in findings)


def test_there_must_be_such_a_stack(root: Path) -> None:
    assert CliRunner().invoke(cli.app, ["doctor", "--stack", "dve"], obj=no_tools).exit_code == 2
