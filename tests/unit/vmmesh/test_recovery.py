"""What a killed run leaves is found, and nothing else is touched."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vmmesh.support import Programs, urn
from vmmesh.recovery import Held, check_holders, clean, end_processes

RELEASE = "kubernetes:helm.sh/v3:Release"
HERE = Path()
PROVIDER = f"{urn('pulumi:providers:kubernetes', 'cluster1-kubernetes')}::some-id"
SECRETS: dict[str, Any] = {
    "resources": [
        {
            "type": "pulumi:providers:kubernetes",
            "urn": PROVIDER.rpartition("::")[0],
            "id": "some-id",
            "inputs": {"kubeconfig": {"4dabf18193072939515e22adb298388d": "x", "plaintext": '"a kubeconfig"'}},
        },
    ]
}


def locked(pid: int, host: str = platform.node()) -> str:
    holder = f"file:///x.json: created by me@{host} (pid {pid}) at 2026"
    return f"error: the stack is currently locked by 1 lock(s).\n  {holder}"


def pending(operation: str, kind: str, **inputs: Any) -> dict[str, Any]:
    resource = {"urn": urn(kind, "thing"), "type": kind, "provider": PROVIDER, "inputs": inputs}
    return {"pending_operations": [{"type": operation, "resource": resource}]}


def test_a_lock_of_a_dead_process_may_be_taken() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    check_holders(locked(process.pid))


def test_a_lock_of_a_number_that_another_program_has_now_may_be_taken() -> None:
    check_holders(locked(os.getpid()))


def test_a_lock_of_a_pulumi_that_runs_is_held(programs: Programs) -> None:
    # A process is known by the name of its file: a script would be known as its shell.
    programs.link("pulumi", sys.executable)
    with subprocess.Popen(["pulumi", "-c", "import time; time.sleep(60)"]) as process:
        try:
            with pytest.raises(Held, match=f"process {process.pid} of me"):
                check_holders(locked(process.pid))
        finally:
            process.kill()


def test_a_lock_of_another_machine_is_held() -> None:
    with pytest.raises(Held, match="process 7 of me on elsewhere") as held:
        check_holders(locked(7, "elsewhere"))
    assert "pulumi cancel" in held.value.advice


def test_a_lock_that_cannot_be_understood_is_held() -> None:
    with pytest.raises(Held, match="update is currently in progress"):
        check_holders("error: [409] Conflict: Another update is currently in progress.")


def test_only_marked_processes_are_ended() -> None:
    lines: list[str] = []
    marked = subprocess.Popen(["sleep", "60"], env={**os.environ, "VM_MESH_RUN": "here#dev"})
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, "VM_MESH_RUN": "here#other"})
    try:
        end_processes({"VM_MESH_RUN": "here#dev"}, lines.append)
        assert marked.poll() is not None
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
    assert lines == []


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("docker:index/container:Container", "docker rm --force --volumes vm-mesh-dev-vm1"),
        ("docker:index/network:Network", "docker network rm vm-mesh-dev-vm1"),
    ],
)
def test_what_was_begun_with_docker_is_removed(programs: Programs, kind: str, call: str) -> None:
    programs.make("docker", "exit 1")
    lines: list[str] = []
    assert not clean(HERE, pending("creating", kind, name="vm-mesh-dev-vm1"), dict, lines.append)
    assert programs.calls == [call]
    assert lines == ["it was creating thing when it was killed"]


def test_what_a_command_has_begun_is_undone_by_its_own_delete(tmp_path: Path) -> None:
    inputs = {"create": "false", "delete": "echo $CLUSTER >gone", "environment": {"CLUSTER": "vm-mesh-dev-cluster1"}}
    assert not clean(tmp_path, pending("creating", "command:local:Command", **inputs), dict, print)
    assert (tmp_path / "gone").read_text() == "vm-mesh-dev-cluster1\n"
    clean(tmp_path, pending("updating", "command:local:Command", **inputs | {"delete": "touch never"}), dict, print)
    assert not (tmp_path / "never").exists()


def test_a_command_that_only_removes_has_begun_nothing(tmp_path: Path) -> None:
    """A machine's membership: its leave would take a machine out of the mesh that the stack has in it."""
    inputs = {"create": "true", "delete": "touch never"}
    clean(tmp_path, pending("creating", "command:local:Command", **inputs), dict, print)
    assert not (tmp_path / "never").exists()


def test_what_was_being_changed_stays(programs: Programs) -> None:
    programs.make("docker")
    assert not clean(HERE, pending("updating", "docker:index/container:Container", name="x"), dict, print)
    assert programs.calls == []


def test_objects_that_were_begun_may_be_taken_over() -> None:
    assert clean(HERE, pending("creating", "kubernetes:core/v1:Service"), dict, print)
    assert not clean(HERE, pending("updating", "kubernetes:core/v1:Service"), dict, print)
    assert not clean(HERE, pending("creating", "command:local:Command"), dict, print)


@pytest.mark.parametrize(
    ("operation", "selector"),
    [
        ("creating", "owner=helm,name=istiod"),
        ("updating", "owner=helm,name=istiod,status in (pending-install,pending-upgrade,pending-rollback)"),
    ],
)
def test_helm_forgets_a_release_that_was_begun(programs: Programs, operation: str, selector: str) -> None:
    programs.make("kubectl", 'cat "${1#--kubeconfig=}" >"$(dirname "$0")/kubeconfig"')
    assert not clean(HERE, pending(operation, RELEASE, name="istiod", namespace="istio-system"), lambda: SECRETS, print)
    [call] = programs.calls
    assert call.endswith(f"delete secret --namespace=istio-system --selector={selector}")
    assert programs.read("kubeconfig") == "a kubeconfig"


def test_a_release_of_a_cluster_that_is_gone_is_passed_over(programs: Programs) -> None:
    programs.make("kubectl")
    clean(HERE, pending("creating", RELEASE, name="istiod", namespace="istio-system"), dict, print)
    assert programs.calls == []
