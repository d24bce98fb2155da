"""VMs: what they are made of, who they are in the mesh, and how they join it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Registered, Secret
from tests.unit.components.program import ADDRESS, ARTIFACTS, FLEET, HOST_KEY, ROOT, changed, kubeconfig, run, variant

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
    config = changed("vms.vm1.probe.http.path", "/ready", config)
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


def test_a_service_is_called_at_its_own_port_whichever_it_has_on_the_vm() -> None:
    program = run(changed("vms.vm1.services.details.port", 8080))
    (service,) = program.in_cluster("cluster2", "Service", "details-vm1")
    assert service["spec.ports"] == [{"name": "http", "port": 9080, "targetPort": 8080}]


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
    assert join["environment.NAMESPACE"] == "virtual-machines"
    assert join["environment.ACCOUNT"] == "vm1"
    assert variables(join["environment.CLUSTER_ENV"]) >= {
        ("PILOT_ADDRESS", "vm-mesh-dev-cluster1-control-plane:15012"),
        ("ISTIOD_SAN", "istiod.istio-system.svc"),
        ("ISTIO_INBOUND_PORTS", "9080"),
        ("ISTIO_NAMESPACE", "virtual-machines"),
        ("SERVICE_ACCOUNT", "vm1"),
    }
    assert metadata(join)["ISTIO_META_CLUSTER_ID"] == "cluster1"
    assert metadata(join)["ISTIO_META_AUTO_REGISTER_GROUP"] == "vm1"


def variables(env: str) -> set[tuple[str, str]]:
    """Names and values of a file of shell variables."""
    return {
        (name, "".join(shlex.split(value))) for name, _, value in (line.partition("=") for line in env.splitlines())
    }


def config(join: Registered) -> dict[str, Any]:
    """The agent's configuration that a join brings."""
    return json.loads(join["environment.MESH_CONFIG"])["defaultConfig"]


def metadata(join: Registered) -> dict[str, str]:
    return config(join)["proxyMetadata"]


def test_a_vm_joins_when_all_that_it_needs_is_there(program: Program) -> None:
    assert program.names(program["vm1-join"].depends_on) >= {"vm1-container", "vm1-sidecar", "vm1-account", "vm1-group"}


def test_the_preflight_is_told_which_services_are_to_be_started(fleet: Program) -> None:
    preflight = fleet["fleet-a-preflight"]
    assert (preflight["environment.PORTS"], preflight["environment.STARTED_PORTS"]) == ("9080 9081", "9081")


def test_the_preflight_is_told_what_is_to_be_installed(fleet: Program, program: Program) -> None:
    assert fleet["fleet-a-preflight"]["environment.KIND"] == "rpm"
    assert program["vm1-preflight"]["environment.KIND"] == "deb"


def test_nothing_is_changed_on_a_machine_before_it_is_found_sound(program: Program) -> None:
    """The way to the control plane among it, so that is there first."""
    sound = program["vm1-preflight"]
    assert (sound["environment.GATEWAY"], sound["environment.PORTS"]) == (
        "vm-mesh-dev-cluster1-control-plane",
        "9080",
    )
    assert program.names(sound.depends_on) >= {
        "vm1-container",
        "cluster1-eastwest",
        "cluster1-istiod-gateway",
        "cluster1-istiod-route",
    }
    for step in ("vm1-join", "vm1-serve-details"):
        assert "vm1-sidecar" in program.names(program[step].depends_on)
    assert sound.urn in program["vm1-sidecar"].depends_on


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


def test_a_part_of_the_preflight_that_was_edited_has_that_run_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    part, read = ROOT / "bootstrap/vm/preflight/ports.sh", Path.read_bytes

    def read_edited(path: Path) -> bytes:
        return read(path) + (b"# edited" if path.absolute() == part else b"")

    monkeypatch.setattr(Path, "read_bytes", read_edited)
    before, after = variant("the talk's"), run()
    edited = [
        name
        for name in ("vm1-preflight", *STEPS)
        if after[name]["environment.BOOTSTRAP"] != before[name]["environment.BOOTSTRAP"]
    ]
    assert edited == ["vm1-preflight"]


@pytest.fixture
def fleet() -> Program:
    return variant("with existing clusters")


def test_a_host_is_reached_by_ssh_that_is_told_all_of_it(fleet: Program) -> None:
    key = HOST_KEY.replace(" ", ":")
    assert fleet["fleet-a-join"]["environment.TRANSPORT"] == (
        f"sh bootstrap/ssh.sh address=192.0.2.8 user=admin port=2222 key={key} "
        f"jump-address=jump.example.com jump-user=root jump-port=22 jump-key={key} --"
    )
    assert fleet["fleet-b-join"]["environment.TRANSPORT"] == "docker exec -i vm-mesh-dev-fleet-b"


def test_a_host_is_another_one_when_it_says_so(fleet: Program) -> None:
    assert fleet["fleet-a-machine"]["create"] == "sh bootstrap/identify.sh"
    assert fleet["fleet-a-join"]["triggers"] == ["fleet-a-machine identity"]


def test_machines_of_a_vm_are_one_destination_and_one_identity(fleet: Program) -> None:
    for cluster in ("cluster1", "cluster2", "cluster3"):
        (service,) = fleet.in_cluster(cluster, "Service", "details-fleet")
        assert service["spec.selector"] == {"vm-mesh/vm": "fleet"}
    for machine in FLEET["machines"]:
        join = fleet[f"{machine}-join"]
        assert join["environment.ACCOUNT"] == "fleet"
        labels = json.loads(metadata(join)["ISTIO_METAJSON_LABELS"])
        assert (labels["vm-mesh/vm"], labels["vm-mesh/machine"]) == ("fleet", machine)


def test_telemetry_knows_a_vm_by_the_labels_of_the_config(fleet: Program) -> None:
    (group,) = (it for it in fleet.custom("WorkloadGroup") if it["metadata.name"] == "fleet")
    assert group["spec.metadata.labels"] == {"app": "details", "version": "legacy", "vm-mesh/vm": "fleet"}
    assert metadata(fleet["fleet-a-join"]) | {
        "CANONICAL_SERVICE": "details",
        "CANONICAL_REVISION": "legacy",
    } == metadata(fleet["fleet-a-join"])


def test_an_entry_is_declared_where_the_config_wants_it(fleet: Program) -> None:
    entries = {it.name: it for it in fleet.custom("WorkloadEntry")}
    assert entries.keys() == {"fleet-a-entry", "fleet-b-entry"}
    entry = entries["fleet-a-entry"]
    assert entry["spec.address"] == ADDRESS
    assert entry["spec.ports"] == {"details": 9080, "ratings": 9081}
    assert metadata(fleet["fleet-a-join"])["ISTIO_META_WORKLOAD_ENTRY"] == entry["metadata.name"]
    assert "ISTIO_META_AUTO_REGISTER_GROUP" not in metadata(fleet["fleet-a-join"])
    assert entry.urn in fleet["fleet-a-join"].depends_on


@pytest.mark.parametrize(
    ("probe", "readiness"),
    [
        ({"http": {"path": "/up", "port": 1}}, {"httpGet": {"path": "/up", "port": 1}}),
        ({"tcp": {"port": 2}}, {"tcpSocket": {"host": "127.0.0.1", "port": 2}}),
        ({"exec": {"command": ["check", "--deep"]}}, {"exec": {"command": ["check", "--deep"]}}),
    ],
)
def test_the_agent_probes_as_the_group_says(probe: dict[str, Any], readiness: dict[str, Any]) -> None:
    timing = {"periodSeconds": 7, "timeoutSeconds": 3, "failureThreshold": 4}
    program = run(changed("vms.vm1.probe", {**probe, **timing}))
    (group,) = program.custom("WorkloadGroup")
    assert group["spec.probe"] == config(program["vm1-join"])["readinessProbe"] == {**readiness, **timing}


def test_what_is_excluded_is_not_captured_and_ssh_never_is(fleet: Program, program: Program) -> None:
    excluded = dict(variables(fleet["fleet-a-join"]["environment.CLUSTER_ENV"]))
    assert excluded["ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE"] == "22,3306"
    assert excluded["ISTIO_SERVICE_EXCLUDE_CIDR"] == "10.0.0.0/8"
    assert dict(variables(program["vm1-join"]["environment.CLUSTER_ENV"]))["ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE"] == "22"


def test_a_service_without_a_command_is_taken_as_it_runs(fleet: Program) -> None:
    assert {it.name for it in fleet.custom("Command") if it.name.startswith("fleet-a-serve")} == {
        "fleet-a-serve-ratings"
    }
    assert "fleet-a-service-details" not in {it.name for it in fleet.custom("Command")}


def test_a_service_that_is_taken_out_is_ended(program: Program) -> None:
    """By what is there for that alone: its start may be done anew without a stop."""
    service = program["vm1-service-details"]
    assert (service["create"], service["update"], service["delete"]) == ("true", "true", "sh bootstrap/unserve.sh")
    assert service["environment.SERVICE"] == "details"
    assert "vm1-serve-details" in program.names(service.depends_on)
    # A container that goes takes it along, and a host that goes has left.
    assert service.deleted_with == program["vm1-container"].urn
    assert service.ignore_changes == ("triggers",)
    assert service.urn in program["vm1-membership"].depends_on


def test_a_machine_leaves_before_anything_of_it_goes(program: Program) -> None:
    """Drained and deregistered while its Services, its identity and the gateway are there still."""
    membership = program["vm1-membership"]
    assert (membership["create"], membership["update"], membership["delete"]) == (
        "true",
        "true",
        "sh bootstrap/leave.sh",
    )
    assert membership["stdin"] == Secret(json.dumps(kubeconfig("cluster1")))
    # A machine that goes has to leave first, so this must not be skipped with it.
    assert membership.deleted_with == ""
    assert membership.ignore_changes == ()
    assert program.names(membership.depends_on) >= {"vm1-join", "vm1-service-details", "vm1-container"}
    assert program.names(program["vm1-join"].depends_on) >= {"vm1-cluster1-details", "vm1-cluster2-details"}


def test_another_package_starts_the_agent_anew(fleet: Program) -> None:
    for step in ("sidecar", "join"):
        assert fleet[f"fleet-a-{step}"]["environment.PACKAGE_SHA256"] == 64 * "1"
