"""A stack that adds to a mesh which another stack has made."""

from __future__ import annotations

from typing import Any

import pytest

from settings import SettingsError, load
from tests.unit.components.monitor import Program
from tests.unit.components.program import DEV, changed, run


def there(name: str) -> dict[str, Any]:
    """A cluster of the mesh, as its maker's outputs tell of it."""
    reference = {"stackReference": "organization/vm-mesh/base", "output": f"kubeconfigs.{name}", "context": "there"}
    return {"network": f"network-{name}", "existing": {**reference, "gateway": {"address": f"{name}.example.com"}}}


CONFIG: dict[str, Any] = {
    "mesh": {"installed": True},
    "clusters": {"east": there("east"), "west": there("west")},
    "application": {"billing": {"namespace": "team", "versions": {"v1": {"image": "registry.example.com/billing:1"}}}},
    "vms": {
        "vm2": {
            "cluster": "east",
            "namespace": "team-vms",
            "services": {"billing": {"port": 9080, "command": "/usr/local/bin/billing"}},
            "probe": {"tcp": {"port": 9080}},
        }
    },
    "routes": {"billing": {"namespace": "team", "stages": {"vm": {"vm2": 100}, "both": {"vm2": 50, "east": 50}}}},
    "stages": {"billing": "vm"},
}


@pytest.fixture(scope="module")
def program() -> Program:
    return run(CONFIG)


def test_nothing_of_the_mesh_is_installed(program: Program) -> None:
    assert "kubernetes:helm.sh/v3:Release" not in {it.type for it in program.kubernetes()}
    made = {it.type.rpartition(":")[2] for it in program.components()}
    assert made.isdisjoint({"Trust", "Federation", "Mesh", "EastWestGateway", "IngressGateway"})
    for cluster in ("east", "west"):
        for kind in ("PeerAuthentication", "Gateway", "Secret"):
            assert program.in_cluster(cluster, kind) == []


@pytest.mark.parametrize("cluster", ["east", "west"])
def test_namespaces_services_and_routes_are_its_own(program: Program, cluster: str) -> None:
    spaces = [it["metadata"] for it in program.in_cluster(cluster, "Namespace")]
    assert spaces == [{"name": name, "labels": {"istio-injection": "enabled"}} for name in ("team", "team-vms")]
    assert len(program.in_cluster(cluster, "Deployment")) == 1
    assert len(program.in_cluster(cluster, "VirtualService", "billing")) == 1


def test_a_vm_joins_by_the_gateway_that_is_there(program: Program) -> None:
    environment = program["vm2-join"]["environment"]
    assert "PILOT_ADDRESS=east.example.com:15012" in environment["CLUSTER_ENV"]


def test_its_filters_are_told_from_those_of_other_stacks() -> None:
    """All are in Istio's namespace, and a service of the same name may be another team's."""
    program = run(changed("routes.billing.failover", ["east", "west", "vm2"], CONFIG))
    for cluster in ("east", "west"):
        (found,) = program.in_cluster(cluster, "EnvoyFilter")
        assert found["metadata"] == {"name": "failover-billing.team", "namespace": "istio-system"}


def test_without_an_application_there_is_none() -> None:
    least = {"mesh": CONFIG["mesh"], "clusters": CONFIG["clusters"]}
    assert load(least).application == {}


def test_what_belongs_to_the_other_stack_is_refused_at_once() -> None:
    wrong = {
        **CONFIG,
        "roots": ["root"],
        "mesh": {"installed": True, "discovery": "serviceEntries"},
        "clusters": {"east": {"network": "a"}, "west": {"network": "b", "existing": {"context": "west"}}},
    }
    with pytest.raises(SettingsError) as refused:
        load(wrong)
    said = str(refused.value)
    for path in ("roots", "mesh.discovery", "clusters.east.existing", "clusters.west.existing.gateway.address"):
        assert f"vm-mesh:{path}: " in said
    assert load({"clusters": DEV["clusters"]}).application
