"""VMs: what they are made of, who they are in the mesh, and how they join it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Secret
from tests.unit.components.program import ARTIFACTS, ROOT, changed, kubeconfig, run, variant

STEPS = {"vm1-sidecar": "install", "vm1-join": "join", "vm1-serve-details": "serve"}


@pytest.fixture
def program() -> Program:
    return variant("the talk's")


def test_a_container_vm_is_given_two_capabilities_and_no_more(program: Program) -> None:
    machine = program["vm1-container"]
    assert not machine.inputs.get("privileged")
    assert machine["capabilities"] == {"adds": ["CAP_NET_ADMIN", "CAP_NET_RAW"]}
    assert not {"mounts", "volumes", "devices", "networkMode", "pidMode"} & machine.inputs.keys()


def test_a_container_vm_is_a_machine_of_its_own_on_the_stacks_network(program: Program) -> None:
    machine = program["vm1-container"]
    assert (machine["name"], machine["hostname"]) == ("vm-mesh-dev-vm1", "vm1")
    assert machine["image"] == ARTIFACTS["images"]["vm"]
    assert machine["networksAdvanced"] == [{"name": "vm-mesh-dev"}]
    assert program["underlay-network"].urn in machine.depends_on
    # As a machine that was switched off and on again.
    assert (machine["restart"], machine["mustRun"]) == ("unless-stopped", True)


def test_only_another_image_makes_another_machine(program: Program) -> None:
    """Nearly every input of a container replaces it, so nothing that is edited from day to day may be one."""
    config = changed("stages.details", "kubernetes")
    config = changed("vms.vm1.services.details.command", "/usr/local/bin/details --verbose", config)
    config = changed("vms.vm1.probe.path", "/ready", config)
    config = changed("vms.vm1.namespace", "elsewhere", config)
    assert run(config)["vm1-container"].inputs == program["vm1-container"].inputs
    assert run(changed("vms.vm1.container", {"image": "vm:own"}))["vm1-container"]["image"] == "vm:own"


def test_a_vm_is_in_the_mesh_as_the_config_says(program: Program) -> None:
    (group,) = program.custom("WorkloadGroup")
    assert program.cluster_of(group) == "cluster1"
    assert group["metadata"] == {"name": "vm1", "namespace": "virtual-machines"}
    assert group["spec.metadata.labels"] == {"app": "details", "version": "vm", "vm-mesh/vm": "vm1"}
    assert group["spec.template"] == {
        "serviceAccount": "vm1",
        "network": "vm-network",
        "ports": {"details": 9080},
    }
    assert group["spec.probe.httpGet"] == {"path": "/health", "port": 9080}


def test_a_vm_has_an_identity_of_its_own_where_it_joins(program: Program) -> None:
    assert len(program.in_cluster("cluster1", "ServiceAccount", "vm1")) == 1
    assert not program.in_cluster("cluster2", "ServiceAccount", "vm1")


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_every_cluster_finds_the_vm_by_a_service_of_its_own(program: Program, cluster: str) -> None:
    (service,) = program.in_cluster(cluster, "Service", "details-vm1")
    assert service["metadata.namespace"] == "virtual-machines"
    assert service["spec.selector"] == {"vm-mesh/vm": "vm1"}
    assert service["spec.ports"] == [{"name": "http", "port": 9080}]


def test_two_vms_that_serve_the_same_are_two_destinations() -> None:
    program = variant("with existing clusters")
    for cluster in ("cluster1", "cluster2", "cluster3"):
        selectors = [
            program.in_cluster(cluster, "Service", f"details-{vm}")[0]["spec.selector"] for vm in ("vm1", "vm2")
        ]
        assert selectors == [{"vm-mesh/vm": "vm1"}, {"vm-mesh/vm": "vm2"}]


def test_a_vm_joins_by_its_clusters_gateway_with_that_clusters_kubeconfig(program: Program) -> None:
    join = program["vm1-join"]
    assert join["stdin"] == Secret(json.dumps(kubeconfig("cluster1")))
    assert join["environment.CLUSTER"] == "cluster1"
    assert join["environment.NAMESPACE"] == "virtual-machines"
    assert join["environment.GATEWAY"] == "vm-mesh-dev-cluster1-control-plane"


def test_a_vm_joins_when_all_that_it_needs_is_there(program: Program) -> None:
    assert program.names(program["vm1-join"].depends_on) >= {
        "vm1-container",
        "vm1-sidecar",
        "vm1-account",
        "vm1-group",
        "cluster1-eastwest",
        "cluster1-istiod-gateway",
        "cluster1-istiod-route",
    }


def test_steps_run_again_on_another_machine_and_are_gone_with_it(program: Program) -> None:
    for step in (program[name] for name in STEPS):
        assert step["triggers"] == ["vm1-container-id"]
        assert step.deleted_with == program["vm1-container"].urn
        assert program["vm1-container"].urn in step.depends_on
        assert "delete" not in step.inputs


def test_the_sidecar_is_the_package_of_this_digest(program: Program) -> None:
    environment: dict[str, Any] = program["vm1-sidecar"]["environment"]
    assert environment["PACKAGE"] == ".state/istio-sidecar.deb"
    assert environment["PACKAGE_SHA256"] == ARTIFACTS["sidecar_package"]["sha256"]


def test_a_command_is_run_as_the_service_that_it_serves() -> None:
    services = {
        "details": {"port": 9080, "command": "details --log '$HOME/log' | tee"},
        "ratings": {"port": 9081, "command": "ratings"},
    }
    program = run(changed("vms.vm1.services", services))
    for service, settings in services.items():
        environment = program[f"vm1-serve-{service}"]["environment"]
        assert (environment["SERVICE"], environment["COMMAND"]) == (service, settings["command"])


@pytest.mark.parametrize("part", ["bootstrap/{}.sh", "bootstrap/vm/{}.sh", "bootstrap/vm/common.sh"])
def test_a_bootstrap_that_was_edited_is_run_again(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's text is but the name of a script, which stays as it is."""
    edited = [ROOT / part.format(step) for step in STEPS.values()]
    read = Path.read_bytes

    def read_edited(path: Path) -> bytes:
        return read(path) + (b"# edited" if path.absolute() in edited else b"")

    monkeypatch.setattr(Path, "read_bytes", read_edited)
    before, after = variant("the talk's"), run()
    for name in STEPS:
        assert after[name]["environment.BOOTSTRAP"] != before[name]["environment.BOOTSTRAP"], name
