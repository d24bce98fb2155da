"""Istio in each cluster, its gateways, and what the clusters know of each other."""

from __future__ import annotations

import base64
import json
from itertools import permutations
from typing import Any

import pytest

from tests.unit.components.monitor import Program, revealed
from tests.unit.components.program import TOKEN, certificate, changed, run, variant

CLUSTERS = ("cluster1", "cluster2")
ISTIOD = ["istiod.istio-system.svc", "istiod.istio-system.svc.cluster.local"]


@pytest.fixture
def program() -> Program:
    return variant("the talk's")


def istiod(program: Program, cluster: str = "cluster1") -> Any:
    return program[f"{cluster}-istiod"]["values"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_istio_is_told_which_cluster_of_which_mesh_it_is_in(program: Program, cluster: str) -> None:
    values = istiod(program, cluster)["global"]
    assert values["meshID"] == "mesh1"
    assert values["multiCluster"] == {"clusterName": cluster}
    assert values["network"] == cluster.replace("cluster", "network")
    (system,) = program.in_cluster(cluster, "Namespace", "istio-system")
    assert system["metadata.labels"] == {"topology.istio.io/network": values["network"]}


def test_the_mesh_is_the_configs() -> None:
    program = run(changed("mesh", {"id": "mesh9", "trustDomain": "mesh.example.com"}))
    for cluster in CLUSTERS:
        assert istiod(program, cluster)["global"]["meshID"] == "mesh9"
        assert istiod(program, cluster)["meshConfig"]["trustDomain"] == "mesh.example.com"


def test_images_are_the_toolchains_unless_the_config_names_others() -> None:
    found = istiod(variant("the talk's"))["global"]
    assert (found["hub"], found["tag"]) == ("registry.example.com/istio", "1.31.0")
    named = istiod(run(changed("istio", {"hub": "mirror.example.com/istio", "tag": "own"})))["global"]
    assert (named["hub"], named["tag"]) == ("mirror.example.com/istio", "own")


ISTIOS_FILTERS = ("PILOT_ENABLE_METADATA_EXCHANGE", "PILOT_ENABLE_ALPN_FILTER")


def test_istios_proxy_has_its_own_filters(program: Program) -> None:
    assert istiod(program)["telemetry"] == {"enabled": True}
    assert not set(ISTIOS_FILTERS) & istiod(program)["env"].keys()


def test_upstream_envoy_is_asked_for_none_of_them() -> None:
    istio = {"version": "1.31.0", "hub": "localhost/istio", "tag": "made", "proxy": "envoy"}
    values = istiod(run(istio=istio))
    assert values["telemetry"] == {"enabled": False}
    assert {name: values["env"][name] for name in ISTIOS_FILTERS} == dict.fromkeys(ISTIOS_FILTERS, "false")


def test_access_logs_are_json_that_names_both_ends(program: Program) -> None:
    assert istiod(program)["meshConfig"]["accessLogEncoding"] == "JSON"
    fields = json.loads(istiod(program)["meshConfig"]["accessLogFormat"])
    assert {"downstream_peer", "upstream_peer", "response_code", "upstream_host"} <= fields.keys()


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_plain_text_is_refused_in_the_whole_mesh(program: Program, cluster: str) -> None:
    (policy,) = program.in_cluster(cluster, "PeerAuthentication")
    assert policy["metadata"] == {"name": "default", "namespace": "istio-system"}
    assert policy["spec"] == {"mtls": {"mode": "STRICT"}}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_sidecars_are_injected_where_workloads_and_callers_are(cluster: str) -> None:
    program = run(changed("routes.details.callers.namespaces", ["default", "shop"]))
    spaces = [*program.in_cluster(cluster, "Namespace"), *program.in_cluster(cluster, "NamespacePatch")]
    injected = {it["metadata.name"] for it in spaces if it["metadata.labels"] == {"istio-injection": "enabled"}}
    assert injected == {"default", "shop", "virtual-machines"}


def test_the_namespace_that_every_cluster_has_is_labelled_and_not_owned(program: Program) -> None:
    """Kubernetes refuses to make it or to remove it."""
    assert [it.type.rpartition(":")[2] for it in program.kubernetes() if it.name == "cluster1-default"] == [
        "NamespacePatch"
    ]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_istiod_starts_with_its_ca_and_workloads_after_istiod(program: Program, cluster: str) -> None:
    control_plane = program[f"{cluster}-istiod"]
    assert program[f"{cluster}-cacerts"].urn in control_plane.depends_on
    assert program[f"{cluster}-base"].urn in control_plane.depends_on
    injected = [
        *program.in_cluster(cluster, "Deployment"),
        *(program[f"{cluster}-{gateway}"] for gateway in ("eastwest", "ingress")),
    ]
    assert len(injected) == 8
    for workload in injected:
        assert control_plane.urn in workload.depends_on, workload.name


def test_custom_resources_wait_for_their_definitions(program: Program) -> None:
    istios = [it for it in program.kubernetes() if "istio.io/" in it.type]
    assert len(istios) > 10
    for resource in istios:
        assert program[f"{program.cluster_of(resource)}-istiod"].urn in resource.depends_on, resource.name


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_east_west_gateway_lets_in_mtls_and_istiods_clients_only(program: Program, cluster: str) -> None:
    ports = program[f"{cluster}-eastwest"]["values.service.ports"]
    assert {port["port"] for port in ports} == {15021, 15443, 15012}  # 15021 answers health checks
    gateways = {
        server["port"]["number"]: server
        for gateway in program.in_cluster(cluster, "Gateway")
        if gateway["spec.selector"] == {"istio": "eastwestgateway"}
        for server in gateway["spec.servers"]
    }
    assert gateways.keys() == {15443, 15012}
    assert gateways[15443]["tls"] == {"mode": "AUTO_PASSTHROUGH"}
    assert gateways[15443]["hosts"] == ["*.local"]
    assert gateways[15012]["tls"] == {"mode": "PASSTHROUGH"}
    assert gateways[15012]["hosts"] == ISTIOD


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_of_istiod_only_the_port_for_agents_is_exposed(program: Program, cluster: str) -> None:
    """Its webhook and its debugging interface are the cluster's business."""
    exposed = [
        (match["port"], match["sniHosts"], route["destination"])
        for service in program.in_cluster(cluster, "VirtualService")
        for entry in [*service["spec"].get("tls", []), *service["spec"].get("http", [])]
        for route in entry["route"]
        if route["destination"]["host"].startswith("istiod")
        for match in entry["match"]
    ]
    assert exposed == [(15012, ISTIOD, {"host": ISTIOD[-1], "port": {"number": 15012}})]


def test_the_east_west_gateway_is_its_networks(program: Program) -> None:
    values = program["cluster1-eastwest"]["values"]
    assert values["labels"] == {"topology.istio.io/network": "network1"}
    assert values["env"]["ISTIO_META_REQUESTED_NETWORK_VIEW"] == "network1"


def test_every_cluster_knows_every_other_and_not_itself() -> None:
    program = variant("with existing clusters")
    known = {
        (program.cluster_of(secret), secret["metadata.annotations"]["networking.istio.io/cluster"])
        for secret in program.custom("Secret")
        if secret["metadata"].get("labels") == {"istio/multiCluster": "true"}
    }
    assert known == set(permutations(("cluster1", "cluster2", "cluster3"), 2))


def test_a_cluster_is_known_by_its_api_server_and_a_token_for_endpoints(program: Program) -> None:
    data = revealed(program["federation-cluster2-knows-cluster1"]["stringData"])
    config = json.loads(data["cluster1"])
    (server,) = config["clusters"]
    assert server["cluster"]["server"] == "https://vm-mesh-dev-cluster1-control-plane:6443"
    authority = base64.b64decode(server["cluster"]["certificate-authority-data"]).decode()
    assert authority == certificate("federation-cluster1-reader-token")
    assert [user["user"] for user in config["users"]] == [{"token": TOKEN}]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_that_token_reads_endpoints_and_no_secret(program: Program, cluster: str) -> None:
    (role,) = program.in_cluster(cluster, "ClusterRole")
    for rule in role["rules"]:
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert not {"*", "secrets", "configmaps"} & set(rule["resources"])
        assert "*" not in rule["apiGroups"]
    (binding,) = program.in_cluster(cluster, "ClusterRoleBinding")
    assert binding["roleRef.name"] == role["metadata.name"]
    (account,) = program.in_cluster(cluster, "ServiceAccount", "istio-remote-reader")
    assert [(it["name"], it["namespace"]) for it in binding["subjects"]] == [
        (account["metadata.name"], account["metadata.namespace"])
    ]
