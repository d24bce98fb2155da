"""Clusters: those that kind makes, those that are there, and what is asked of both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.components.monitor import UNKNOWN, Program
from tests.unit.components.program import ADDRESS, ARTIFACTS, DEV, changed, run, variant

ALL_EXISTING = (
    "clusters",
    {
        "cluster1": {"network": "network1", "existing": {"context": "one", "kubeconfig": "~/.kube/config"}},
        "cluster2": {
            "network": "network2",
            "existing": {"context": "two", "apiServer": "https://two.example.com"},
        },
    },
)


def in_clusters(program: Program) -> set[tuple[str, str]]:
    return {(it.type, it.name) for it in program.kubernetes() if not it.read}


def values(program: Program, name: str) -> Any:
    return program[name]["values"]


def test_a_kind_cluster_is_made_of_its_node_image_on_the_stacks_network() -> None:
    program = variant("the talk's")
    node = program["cluster1-node"]
    assert node["environment"] == {
        "CLUSTER": "vm-mesh-dev-cluster1",
        "IMAGE": ARTIFACTS["images"]["node"],
        "KIND_EXPERIMENTAL_DOCKER_NETWORK": "vm-mesh-dev",
    }
    assert program["underlay-network"].urn in node.depends_on
    config = json.loads(node["stdin"])
    assert config["networking"] == ARTIFACTS["kind_config"]["networking"]
    # On loopback only: on all addresses it would serve the mesh to whatever network a laptop is in.
    (port,) = config["nodes"][0]["extraPortMappings"]
    assert (port["hostPort"], port["listenAddress"]) == (8081, "127.0.0.1")


def test_whatever_shapes_a_kind_cluster_replaces_it() -> None:
    """kind cannot change a cluster that is there."""
    before = variant("the talk's")["cluster1-node"]
    edits = [
        changed("clusters.cluster1.kind.ingressPort", 8099),
        changed("clusters.cluster1.kind.nodeImage", "kindest/node:v2"),
    ]
    for after in (run(edit)["cluster1-node"] for edit in edits):
        assert after["triggers"] != before["triggers"]
    other_config = run(kind_config={})["cluster1-node"]
    assert other_config["triggers"] != before["triggers"]


def test_what_a_cluster_says_of_itself_stays_known_whatever_else_is_edited() -> None:
    """A changed input would make the reader's output unknown in a preview, and so all in the cluster."""
    config = changed("clusters.cluster3", {"network": "network3"})
    config = changed("clusters.cluster1", {"network": "network9", "kind": {"ingressPort": 8099}}, config)
    config = changed("mesh", {"id": "mesh9"}, config)
    config = changed("vms.vm1.probe.http.port", 9081, config)
    before, after = variant("the talk's"), run(config, load_images=False, kind_config={})
    for name in ("cluster1-kubeconfig", "cluster1-address", "cluster1-kubernetes"):
        assert after[name].inputs == before[name].inputs


@pytest.mark.parametrize("what", ["kubeconfig", "address", "images"])
def test_what_was_read_of_a_node_or_loaded_into_it_is_renewed_with_it(what: str) -> None:
    command = variant("the talk's")[f"cluster1-{what}"]
    assert command["triggers"] == ["cluster1-node-id"]


def test_images_that_nodes_cannot_pull_are_loaded_before_anything_needs_them() -> None:
    program = variant("the talk's")
    images = program["cluster1-images"]["environment.IMAGES"].split()
    assert {"registry.example.com/istio/pilot:1.31.0", "registry.example.com/istio/proxyv2:1.31.0"} < set(images)
    assert {ARTIFACTS["images"]["node"], ARTIFACTS["images"]["vm"]}.isdisjoint(images)
    for workload in [program["cluster1-istiod"], *program.in_cluster("cluster1", "Deployment")]:
        assert program["cluster1-images"].urn in workload.depends_on


def test_images_that_nodes_can_pull_are_not_loaded() -> None:
    assert not [it for it in run(load_images=False).custom("Command") if it.name.endswith("-images")]


def test_an_existing_cluster_gets_the_same_as_one_that_kind_makes() -> None:
    existing = run(changed(*ALL_EXISTING))
    assert not [it for it in existing.custom("Command") if it.name.endswith(("-node", "-images"))]
    assert in_clusters(existing) == in_clusters(variant("the talk's"))
    kinds = [
        [it.type for it in program.components() if not it.type.endswith("Cluster")]
        for program in (existing, variant("the talk's"))
    ]
    assert sorted(kinds[0]) == sorted(kinds[1])


def test_existing_clusters_without_container_vms_need_no_docker() -> None:
    config = {name: DEV[name] for name in DEV if name not in ("vms", "routes", "stages")}
    program = run(changed(*ALL_EXISTING, config))
    assert not [it.name for it in program.custom() if it.type.startswith("docker:")]


def test_what_is_in_an_existing_cluster_is_removed_when_the_cluster_leaves_the_mesh() -> None:
    program = run(changed(*ALL_EXISTING))
    left = {it.name: program.resources[it.deleted_with] for it in program.kubernetes() if it.deleted_with}
    # Kubernetes itself removes a token with its account.
    assert {(name, with_it.name) for name, with_it in left.items()} == {
        (f"federation-{cluster}-reader-token", f"federation-{cluster}-reader") for cluster in DEV["clusters"]
    }


def test_an_existing_cluster_is_the_context_that_the_config_names() -> None:
    program = run(changed(*ALL_EXISTING))
    reader, provider = program["cluster1-kubeconfig"], program["cluster1-kubernetes"]
    assert reader["environment"] == {"KUBECONFIG_PATH": "~/.kube/config", "CONTEXT": "one"}
    assert (provider["context"], provider["clusterIdentifier"]) == ("one", "~/.kube/config#one")


def test_other_clusters_call_the_api_server_where_the_config_says() -> None:
    program = run(changed(*ALL_EXISTING))
    assert {it.name for it in program.custom("Command") if it.name.endswith("-server")} == {"cluster1-server"}


def test_gateways_of_kind_clusters_take_the_nodes_own_address() -> None:
    """Nothing on kind gives a load balancer one, and Helm would wait for it without end."""
    program = variant("the talk's")
    service = values(program, "cluster1-eastwest")["service"]
    assert (service["type"], service["externalIPs"]) == ("ClusterIP", [ADDRESS])
    assert values(program, "cluster1-ingress")["service"]["type"] == "NodePort"
    assert program.outputs["urls"] == {
        "cluster1": "http://127.0.0.1:8081",
        "cluster2": "http://127.0.0.1:8082",
    }


def test_a_kind_cluster_without_an_ingress_port_serves_at_its_node() -> None:
    program = run(changed("clusters.cluster1.kind", None))
    assert program.outputs["urls"]["cluster1"] == f"http://{ADDRESS}:30080"
    assert json.loads(program["cluster1-node"]["stdin"])["nodes"][0]["extraPortMappings"] == []


def test_gateways_of_existing_clusters_are_as_the_config_has_them() -> None:
    program = variant("with existing clusters")
    balanced, addressed = (values(program, f"cluster{number}-eastwest")["service"] for number in (2, 3))
    assert balanced["type"] == "LoadBalancer"
    assert addressed["type"] == "ClusterIP"
    assert addressed["externalIPs"] == ["198.51.100.1", "198.51.100.2"]
    assert "PILOT_ADDRESS=198.51.100.1:15012\n" in program["vm2-join"]["environment.CLUSTER_ENV"]


def test_a_vm_joins_by_the_address_that_the_load_balancer_gave() -> None:
    program = run(changed(*ALL_EXISTING))
    assert f"PILOT_ADDRESS={ADDRESS}:15012\n" in program["vm1-join"]["environment.CLUSTER_ENV"]
    assert run(changed(*ALL_EXISTING), preview=True)["vm1-join"]["environment.CLUSTER_ENV"] == UNKNOWN
