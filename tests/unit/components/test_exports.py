"""What clusters know of each other where none holds credentials of another one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import DEV, changed, run, variant

KEYLESS = changed("mesh", {"discovery": "serviceEntries"})
NETWORKS = {f"cluster{number}": f"network{number}" for number in (1, 2, 3)}


@pytest.fixture
def program() -> Program:
    """Three clusters; vm1 has joined cluster1, the two machines of fleet cluster2."""
    return variant("without remote secrets")


def entries(program: Program, cluster: str) -> dict[str, Registered]:
    """Those of other clusters' exports in ``cluster``, by their names there."""
    found = program.in_cluster(cluster, "WorkloadEntry")
    return {it["metadata.name"]: it for it in found if "vm-mesh/exported-by" in it["metadata"].get("labels", {})}


def test_no_cluster_holds_credentials_of_another(program: Program) -> None:
    assert not [it.type for it in program.components() if it.type.endswith(":Federation")]
    assert not [it.name for it in program.custom() if it.name.startswith("federation-")]
    for cluster in NETWORKS:
        assert not program.in_cluster(cluster, "ServiceAccount", "istio-remote-reader")
        for secret in program.in_cluster(cluster, "Secret"):
            assert "istio/multiCluster" not in secret["metadata"].get("labels", {})
            assert secret.inputs.get("type") != "kubernetes.io/service-account-token"


def test_with_remote_secrets_nothing_is_written_down() -> None:
    assert not [it.name for it in variant("the talk's").components() if it.type.endswith(":Exported")]
    assert run(changed("mesh", {"discovery": "remoteSecrets"})).resources == run(DEV).resources


@pytest.mark.parametrize("cluster", NETWORKS)
def test_each_cluster_knows_the_pods_and_the_vms_of_the_others(program: Program, cluster: str) -> None:
    others = [other for other in NETWORKS if other != cluster]
    known = {f"{pods}.{other}" for other in others for pods in ("details-v1", "ratings-v1")}
    known |= {name for name in ("vm.vm1.cluster1", "vm.fleet.cluster2") if not name.endswith(cluster)}
    found = entries(program, cluster)
    assert found.keys() == known
    for name, entry in found.items():
        home = name.rpartition(".")[2]
        assert entry["metadata.labels"] == {"vm-mesh/exported-by": home}
        assert entry["spec.network"] == NETWORKS[home]
        assert "address" not in entry["spec"]


def test_the_service_that_is_called_selects_its_entries(program: Program) -> None:
    for cluster in NETWORKS:
        services = program.in_cluster(cluster, "Service")
        for entry in entries(program, cluster).values():
            labels, namespace = entry["spec.labels"], entry["metadata.namespace"]
            selecting = [
                it["metadata.name"]
                for it in services
                if it["metadata.namespace"] == namespace and it["spec.selector"].items() <= labels.items()
            ]
            expected = {"vm1": ["details-vm1"], "fleet": ["details-fleet", "ratings-fleet"]}
            assert selecting == expected.get(labels.get("vm-mesh/vm"), [labels["app"]])


def test_who_is_called_is_who_its_certificate_says(program: Program) -> None:
    found = entries(program, "cluster3")
    accounts = {name.rpartition(".")[0]: entry["spec.serviceAccount"] for name, entry in found.items()}
    assert accounts == {"details-v1": "details", "ratings-v1": "ratings", "vm.vm1": "vm1", "vm.fleet": "fleet"}


def test_a_call_that_chooses_no_cluster_goes_by_how_many_there_are(program: Program) -> None:
    assert entries(program, "cluster3")["vm.fleet.cluster2"]["spec.weight"] == 2
    versions = {"v1": {"replicas": 3}, "v2": {"image": "details:2"}, "v3": {"image": "details:3", "replicas": 0}}
    found = entries(run(changed("application", {"details": {"versions": versions}}, KEYLESS)), "cluster1")
    assert {name: entry["spec.weight"] for name, entry in found.items()} == {
        "details-v1.cluster2": 3,
        "details-v2.cluster2": 1,
    }


def test_an_entry_is_none_of_a_vms_own(program: Program) -> None:
    """What nobody stands behind is removed by these labels, and health is asked by them."""
    for entry in entries(program, "cluster2").values():
        assert not {"vm-mesh/vm", "vm-mesh/machine"} & entry["metadata.labels"].keys()


def subsets(program: Program, rule: str) -> dict[str, dict[str, str]]:
    return {subset["name"]: subset["labels"] for subset in program[rule]["spec.subsets"]}


def test_clusters_are_told_apart_by_their_networks(program: Program) -> None:
    """Istio gives every entry the label of the cluster that it is in, whatever it says itself."""
    expected = {cluster: {"topology.istio.io/network": network} for cluster, network in NETWORKS.items()}
    for cluster in NETWORKS:
        assert subsets(program, f"details-{cluster}-destinations") == expected
        assert subsets(program, f"{cluster}-productpage-own") == {cluster: expected[cluster]}


def test_so_are_those_that_take_over() -> None:
    program = run(changed("routes.details.failover", ["cluster1", "cluster2", "vm1"], KEYLESS))
    assert subsets(program, "details-failover-cluster2-subsets") == {
        f"1st-{cluster}": {"topology.istio.io/network": NETWORKS[cluster]} for cluster in ("cluster1", "cluster2")
    }


@pytest.mark.parametrize("cluster", NETWORKS)
def test_no_entry_is_there_before_the_subsets_know_it(program: Program, cluster: str) -> None:
    for entry in entries(program, cluster).values():
        if entry["spec.labels"]["app"] == "details" and "vm-mesh/vm" not in entry["spec.labels"]:
            waits = program.names(entry.depends_on)
            assert {f"details-{other}-destinations" for other in NETWORKS} <= waits
    everything = run(changed("mesh.exported", ["details", "productpage"], KEYLESS))
    waits = everything.names(everything["productpage-exported-cluster1-knows-cluster2-productpage-v1"].depends_on)
    assert {"cluster1-productpage-own", "cluster2-productpage-own"} <= waits


def test_no_weight_is_there_before_what_it_names(program: Program) -> None:
    for cluster in NETWORKS:
        if cluster != "cluster3":  # from which the talk's route is not called
            waits = program.names(program[f"details-{cluster}-weights"].depends_on)
            assert {
                f"details-exported-{other}-knows-cluster2-details-v1" for other in ("cluster1", "cluster3")
            } <= waits
            assert "vm1-exported-vm-cluster2-knows-cluster1-vm.vm1" in waits


def test_the_gateway_of_a_vms_cluster_looks_into_the_vms_network() -> None:
    view = "values.env.ISTIO_META_REQUESTED_NETWORK_VIEW"
    keyless, other = run(KEYLESS), variant("the talk's")
    assert keyless["cluster1-eastwest"][view] == "network1,vm-network"
    assert keyless["cluster2-eastwest"][view] == "network2"
    assert other["cluster1-eastwest"][view] == "network1"
    entry = keyless["vm1-exported-vm-cluster2-knows-cluster1-vm.vm1"]
    assert {"cluster1-eastwest", "vm1-join"} <= keyless.names(entry.depends_on)


def gateways(program: Program) -> dict[str, list[str]]:
    networks: dict[str, Any] = program["cluster1-istiod"]["values.global.meshNetworks"]
    return {name: [gateway["address"] for gateway in network["gateways"]] for name, network in networks.items()}


def test_istiod_is_told_every_networks_gateway(program: Program) -> None:
    expected = {NETWORKS[it]: [f"vm-mesh-dev-{it}-control-plane"] for it in ("cluster1", "cluster2")}
    assert gateways(program) == {**expected, "network3": ["198.51.100.1", "198.51.100.2"]}
    balanced = {"network": "network3", "existing": {"context": "third", "gateway": {"address": "lb.example.com"}}}
    assert gateways(run(changed("clusters.cluster3", balanced, KEYLESS))) == {
        **expected,
        "network3": ["lb.example.com"],
    }


def test_a_change_of_the_mode_starts_no_istiod_anew() -> None:
    """Of clusters that kind makes: the gateways' names are the same in both modes."""
    assert run(KEYLESS)["cluster1-istiod"].inputs == variant("the talk's")["cluster1-istiod"].inputs


def test_a_service_that_a_cluster_does_not_run_has_a_name_there() -> None:
    application: dict[str, Any] = {
        "details": {"versions": {"v1": {}}},
        "ratings": {"versions": {"v1": {}}, "clusters": ["cluster2"]},
    }
    config = changed("application", application, changed("mesh.exported", ["details", "ratings"], KEYLESS))
    program = run(config)
    (service,) = program.in_cluster("cluster1", "Service", "ratings")
    assert service["spec"] == {"selector": {"app": "ratings"}, "ports": [{"name": "http", "port": 9080}]}
    assert "ratings-v1.cluster2" in entries(program, "cluster1")
    assert "ratings-v1.cluster1" not in entries(program, "cluster2")


def test_config_says_what_is_exported() -> None:
    program = run(changed("mesh.exported", ["details", "reviews"], KEYLESS))
    names = {f"{pods}.cluster2" for pods in ("details-v1", "reviews-v1", "reviews-v2", "reviews-v3")}
    assert entries(program, "cluster1").keys() == names
