"""Clusters: those that kind makes, those that are there, and what is asked of both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.components.monitor import UNKNOWN, Program, Registered, revealed
from tests.unit.components.program import ADDRESS, ARTIFACTS, DEV, ROOT, VARIANTS, changed, kubeconfig, run, variant

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
    for name in ("cluster1-kubeconfig", "cluster1-kubernetes"):
        assert after[name].inputs == before[name].inputs


@pytest.mark.parametrize("what", ["kubeconfig", "images"])
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


def test_secrets_and_config_maps_are_changed_in_place() -> None:
    """Else what has one as a file is made anew with it: all that gathers metrics, whenever a machine comes or goes."""
    for provider in run().custom("pulumi:providers:kubernetes"):
        assert provider.inputs["enableSecretMutable"] == "true"
        assert provider.inputs["enableConfigMapMutable"] == "true"


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


def test_a_kubeconfig_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    """By an update of its reader: what is in the cluster is told by the context, and stays."""
    file = tmp_path / "kubeconfig"
    there = {"network": "network1", "existing": {"context": "one", "kubeconfig": str(file)}}
    runs: list[Program] = []
    for of in ("one", "one", "rotated"):
        given = kubeconfig(of)
        given["contexts"][0]["name"] = "one"
        file.write_text(json.dumps(given))
        runs.append(run(changed("clusters.cluster1", there)))
    first, same, rotated = (it["cluster1-kubeconfig"]["environment"] for it in runs)
    assert first == same != rotated
    assert {it["cluster1-kubernetes"]["clusterIdentifier"] for it in runs} == {f"{file}#one"}
    assert not runs[0]["cluster1-kubeconfig"].ignore_changes


def test_without_the_file_what_was_read_of_it_stays() -> None:
    """A preview reaches no cluster, and so it needs no kubeconfig."""
    there = {"network": "network1", "existing": {"context": "one", "kubeconfig": "/nowhere/kubeconfig"}}
    reader = run(changed("clusters.cluster1", there))["cluster1-kubeconfig"]
    assert reader.ignore_changes == ("environment.DIGEST",)


def test_an_existing_cluster_may_be_an_output_of_another_stack() -> None:
    """Object or text; only what the context needs is taken over, for it goes into the state of this stack too."""
    program = variant("with existing clusters")
    assert program["cluster2-stack"]["name"] == "organization/platform/prod"
    provider = program["cluster2-kubernetes"]
    identity = "organization/platform/prod#kubeconfig#there"
    assert (provider["context"], provider["clusterIdentifier"]) == ("there", identity)
    given = json.loads(revealed(provider["kubeconfig"]))
    assert given["current-context"] == "there"
    assert [context["name"] for context in given["contexts"]] == ["there"]
    assert not [it for it in program.custom("Command") if it.name == "cluster2-kubeconfig"]


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("output", "kubeconfg", "output 'kubeconfg' of stack organization/platform/prod is not there"),
        ("output", "text.east", "output 'text.east' of stack organization/platform/prod is not there"),
        ("context", "their", "has no 'their' in its contexts; it has 'there', 'another'"),
    ],
)
def test_an_output_that_is_not_there_is_named(key: str, value: str, why: str) -> None:
    config = changed(f"clusters.cluster2.existing.{key}", value, VARIANTS["with existing clusters"])
    # In a process of its own: a program that fails leaves calls behind that wait for its event loop.
    program = f"from tests.unit.components.program import run; run({config!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert why in done.stderr


def test_other_clusters_call_the_api_server_where_the_config_says() -> None:
    program = run(changed(*ALL_EXISTING))
    for local, remote, server in (
        ("cluster1", "cluster2", "https://two.example.com"),
        ("cluster2", "cluster1", "https://cluster1.example.com:6443"),
    ):
        (secret,) = program.in_cluster(local, "Secret", f"istio-remote-secret-{remote}")
        remote_kubeconfig = json.loads(revealed(secret["stringData"])[remote])
        assert remote_kubeconfig["clusters"][0]["cluster"]["server"] == server


def test_gateways_of_kind_clusters_are_named_and_not_addressed() -> None:
    """Docker gives a node another address when it likes; nothing may hold the one that it has."""
    program = variant("the talk's")
    for cluster in ("cluster1", "cluster2"):
        service = values(program, f"{cluster}-eastwest")["service"]
        assert (service["type"], service.get("externalIPs")) == ("NodePort", None)
        assert {port["port"]: port["nodePort"] for port in service["ports"]} == {
            port: port for port in (15012, 15021, 15443)
        }
        assert values(program, f"{cluster}-istiod")["global"]["meshNetworks"] == {
            f"network{number}": {
                "endpoints": [],
                "gateways": [{"address": f"vm-mesh-dev-cluster{number}-control-plane", "port": 15443}],
            }
            for number in (1, 2)
        }
        first, last = node_ports(program[f"{cluster}-node"])
        assert first <= min(15012, 30080) <= max(15443, 30080) <= last
    assert program["vm1-preflight"]["environment.GATEWAY"] == "vm-mesh-dev-cluster1-control-plane"
    assert not [it for it in program.custom("Command") if it.name.endswith("-address")]
    assert values(program, "cluster1-ingress")["service"]["type"] == "NodePort"
    assert program.outputs["urls"] == {
        "cluster1": "http://127.0.0.1:8081",
        "cluster2": "http://127.0.0.1:8082",
    }


def node_ports(node: Registered) -> tuple[int, int]:
    """The ports of nodes that a kind cluster gives to Services, first and last."""
    (patch,) = json.loads(node["stdin"])["nodes"][0]["kubeadmConfigPatches"]
    first, last = json.loads(patch)["apiServer"]["extraArgs"]["service-node-port-range"].split("-")
    return int(first), int(last)


def test_clusters_of_one_network_are_gateways_of_it_both() -> None:
    program = run(changed("clusters.cluster2.network", "network1"))
    (network,) = values(program, "cluster1-istiod")["global"]["meshNetworks"].values()
    assert [gateway["address"] for gateway in network["gateways"]] == [
        "vm-mesh-dev-cluster1-control-plane",
        "vm-mesh-dev-cluster2-control-plane",
    ]


def test_a_docker_network_that_is_there_takes_the_place_of_the_stacks_own() -> None:
    program = run(changed("dockerNetwork", "shared"))
    assert not program.custom("docker:index/network:Network")
    assert program["cluster1-node"]["environment.KIND_EXPERIMENTAL_DOCKER_NETWORK"] == "shared"
    assert program["vm1-container"]["networksAdvanced"] == [{"name": "shared"}]


def test_a_kind_cluster_without_an_ingress_port_serves_at_its_node() -> None:
    program = run(changed("clusters.cluster1.kind", None))
    assert program.outputs["urls"]["cluster1"] == f"http://{ADDRESS}:30080"
    assert json.loads(program["cluster1-node"]["stdin"])["nodes"][0]["extraPortMappings"] == []


def test_gateways_of_existing_clusters_are_as_the_config_has_them() -> None:
    program = variant("with existing clusters")
    balanced, addressed = (values(program, f"cluster{number}-eastwest")["service"] for number in (2, 3))
    assert balanced["type"] == "LoadBalancer"
    assert balanced["annotations"] == {"example.com/internal": "true"}
    assert values(program, "cluster2-ingress")["service"]["annotations"] == {"example.com/internal": "true"}
    assert addressed["type"] == "ClusterIP"
    assert addressed["externalIPs"] == ["198.51.100.1", "198.51.100.2"]
    assert "PILOT_ADDRESS=198.51.100.1:15012\n" in program["vm2-join"]["environment.CLUSTER_ENV"]
    # istiod finds these by their Services, and of kind's the names are said.
    assert [*values(program, "cluster3-istiod")["global"]["meshNetworks"]] == ["network1"]


def test_the_program_itself_waits_for_load_balancers_and_says_so() -> None:
    """Helm would fail without a word about what it waits for."""
    program = variant("with existing clusters")
    for gateway in ("eastwest", "ingress"):
        assert [program[f"cluster{number}-{gateway}"]["skipAwait"] for number in (1, 2, 3)] == [False, True, False]
        waiting = program[f"cluster2-{gateway}-address"]
        assert program[f"cluster2-{gateway}"].urn in waiting.depends_on
        # Another annotation may be another load balancer.
        other = changed("clusters.cluster2.existing.gateway.annotations", {}, VARIANTS["with existing clusters"])
        assert run(other)[f"cluster2-{gateway}-address"]["triggers"] != waiting["triggers"]


def test_people_reach_a_cluster_at_its_ingress_gateways_load_balancer() -> None:
    assert variant("with existing clusters").outputs["urls"] == {
        "cluster1": "http://127.0.0.1:8081",
        "cluster2": f"http://{ADDRESS}",
        "cluster3": "http://198.51.100.1",
    }


def test_a_vm_joins_by_the_address_that_the_load_balancer_gave() -> None:
    program = run(changed(*ALL_EXISTING))
    assert f"PILOT_ADDRESS={ADDRESS}:15012\n" in program["vm1-join"]["environment.CLUSTER_ENV"]
    assert run(changed(*ALL_EXISTING), preview=True)["vm1-join"]["environment.CLUSTER_ENV"] == UNKNOWN
