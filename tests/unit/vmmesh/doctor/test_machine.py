"""The checks of the operator's machine."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.unit.vmmesh.support import CONFIG, Programs
from toolchain.problem import Problem
from vmmesh.doctor import machine
from vmmesh.doctor.finding import Said
from vmmesh.doctor.machine import Operator
from vmmesh.stackfile import load

INFO = {"ServerVersion": "20.10", "DockerRootDir": "/"}


def operator(tmp_path: Path, config: str = CONFIG) -> Operator:
    return Operator(root=tmp_path, name="dev", settings=load(config, "Pulumi.dev.yaml"))


def only(said: list[Said]) -> Said:
    (found,) = said
    return found


def engine(programs: Programs, *containers: str) -> None:
    """A docker that answers, and runs ``containers``: name, ports, cluster of kind."""
    programs.write("info", json.dumps(INFO))
    programs.write("ps", "".join(f"{line}\n" for line in containers))
    programs.make("docker", 'case $1 in info | ps) cat "$(dirname "$0")/$1" ;; *) exit 1 ;; esac')


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = only(list(machine.programs(operator(tmp_path))))
    assert (found.level, found.what) == ("failure", "not installed: git, curl, openssl, tar")


def test_an_engine_that_answers_is_named(tmp_path: Path, programs: Programs) -> None:
    engine(programs)
    assert only(list(machine.docker(operator(tmp_path)))) == Said("ok", "Docker 20.10 answers")


@pytest.mark.parametrize(("startable", "level"), [(True, "warning"), (False, "failure")])
def test_an_engine_that_does_not_answer_fails_unless_up_starts_it(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch, startable: bool, level: str
) -> None:
    programs.make("docker", "exit 1")
    monkeypatch.setattr(machine.Engine, "startable", lambda _self: startable)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert only(list(machine.docker(operator(tmp_path)))).level == level


def test_an_engine_that_lets_nobody_in_is_told_apart(tmp_path: Path, programs: Programs) -> None:
    programs.make("docker", "echo 'permission denied' >&2; exit 1")
    with pytest.raises(Problem, match="does not let this user in"):
        list(machine.docker(operator(tmp_path)))


def test_memory_is_needed_for_the_clusters_to_come(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2 * 2**30))
    engine(programs)
    assert only(list(machine.memory(operator(tmp_path)))).level == "warning"
    engine(programs, "vm-mesh-dev-cluster1-control-plane\t127.0.0.1:8081->30080/tcp\tvm-mesh-dev-cluster1")
    assert only(list(machine.memory(operator(tmp_path)))).level == "ok"


@pytest.mark.parametrize(("limit", "others", "level"), [(128, 2, "ok"), (128, 3, "failure"), (512, 10, "ok")])
def test_more_than_four_nodes_need_more_than_128_inotify_instances(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch, limit: int, others: int, level: str
) -> None:
    file = tmp_path / "max_user_instances"
    file.write_text(f"{limit}\n")
    monkeypatch.setattr(machine, "INSTANCES", file)
    engine(programs, *(f"other{number}-control-plane\t\tother{number}" for number in range(others)), "no-node\t\t")
    found = only(list(machine.inotify(operator(tmp_path))))
    assert found.level == level
    assert f"{2 + others} nodes" in found.what


def test_a_port_is_free_the_stack_s_own_or_another_s(tmp_path: Path, programs: Programs) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = CONFIG.replace("8081", str(port))
    engine(programs, "vm-mesh-dev-cluster2-control-plane\t127.0.0.1:8082->30080/tcp\tvm-mesh-dev-cluster2")
    mine, own = machine.ports(operator(tmp_path, config))
    assert mine == Said("ok", f"port {port} is free")
    assert own == Said("ok", "port 8082 is the stack's own")

    engine(programs, f"stranger\t127.0.0.1:{port}->80/tcp\t")
    with socket.create_server(("127.0.0.1", port)):
        taken = next(machine.ports(operator(tmp_path, config)))
    assert (taken.level, taken.what) == ("failure", f"port {port} is taken by the container stranger")
    assert "vm-mesh:clusters.cluster1.kind.ingressPort" in taken.advice


def test_tools_that_were_never_made_are_no_failure(tmp_path: Path) -> None:
    assert only(list(machine.tools(operator(tmp_path)))).level == "warning"


def test_the_context_of_an_existing_cluster_must_be_in_its_kubeconfig(tmp_path: Path, programs: Programs) -> None:
    file = tmp_path / "kubeconfig"
    existing = CONFIG.replace("kind: {ingressPort: 8081}", f"existing: {{context: mine, kubeconfig: {file}}}")
    assert "there is no kubeconfig" in only(list(machine.kubeconfigs(operator(tmp_path, existing)))).what
    file.touch()
    programs.make("kubectl", "echo other; echo mine")
    assert only(list(machine.kubeconfigs(operator(tmp_path, existing)))).level == "ok"
    programs.make("kubectl", "echo other")
    found = only(list(machine.kubeconfigs(operator(tmp_path, existing))))
    assert (found.level, found.advice) == ("failure", "correct vm-mesh:clusters.cluster1.existing.context")
    assert "it has: other" in found.what


@pytest.mark.parametrize(("answer", "level"), [("yes", "ok"), ("no", "warning"), ("", "ok")])
def test_a_clock_that_is_known_to_be_adrift_is_a_warning(
    tmp_path: Path, programs: Programs, answer: str, level: str
) -> None:
    programs.make("timedatectl", f"echo {answer}")
    assert only(list(machine.clock(operator(tmp_path)))).level == level
