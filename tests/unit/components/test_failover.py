"""Who takes over from a destination that fails."""

from __future__ import annotations

import functools
from itertools import permutations
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import DEV, changed, run

ORDER = ["cluster1", "cluster2", "vm1"]
CONFIG = changed("routes.details.failover", ORDER)
VM = "outbound|9080|{}|details-vm1.virtual-machines.svc.cluster.local"
PODS = "outbound|9080|{}|details.default.svc.cluster.local"
MEMBERS = {"vm1": VM.format(""), "cluster1": PODS.format("cluster1"), "cluster2": PODS.format("cluster2")}
FIRST = {"vm1": VM.format("1st-vm1"), **{name: PODS.format(f"1st-{name}") for name in ("cluster1", "cluster2")}}


@pytest.fixture(scope="module")
def program() -> Program:
    return run(CONFIG)


@functools.cache
def at(stage: str) -> Program:
    return run(changed("stages.details", stage, CONFIG))


def added(program: Program, cluster: str) -> dict[str, list[str]]:
    """Envoy's aggregate clusters -> those that they are of, in order."""
    (declared,) = program.in_cluster(cluster, "EnvoyFilter")
    values = [it["patch"]["value"] for it in declared["spec.configPatches"] if it["patch"]["operation"] == "ADD"]
    return {value["name"]: value["clusterType"]["typedConfig"]["clusters"] for value in values}


def subsets(rules: list[Registered]) -> dict[str, dict[str, Any]]:
    return {subset["name"]: subset.get("labels", {}) for rule in rules for subset in rule["spec.subsets"]}


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_each_destination_has_the_others_behind_it(program: Program, cluster: str) -> None:
    assert added(program, cluster) == {
        FIRST["vm1"]: [MEMBERS["vm1"], MEMBERS["cluster1"], MEMBERS["cluster2"]],
        FIRST["cluster1"]: [MEMBERS["cluster1"], MEMBERS["cluster2"], MEMBERS["vm1"]],
        FIRST["cluster2"]: [MEMBERS["cluster2"], MEMBERS["cluster1"], MEMBERS["vm1"]],
    }


def test_by_locality_each_cluster_has_an_order_of_its_own() -> None:
    program = run(changed("routes.details.failover", "locality"))
    for cluster, other in (("cluster1", "cluster2"), ("cluster2", "cluster1")):
        assert added(program, cluster)[FIRST["vm1"]] == [MEMBERS["vm1"], MEMBERS[cluster], MEMBERS[other]]


def test_what_istio_made_of_the_subset_makes_place(program: Program) -> None:
    """Else there are two clusters of one name, and without the filter calls go to the destination alone."""
    (declared,) = program.in_cluster("cluster1", "EnvoyFilter")
    removed = [it["match"] for it in declared["spec.configPatches"] if it["patch"]["operation"] == "REMOVE"]
    assert {it["cluster"]["name"] for it in removed} == set(FIRST.values())
    assert {it["match"]["context"] for it in declared["spec.configPatches"]} == {"SIDECAR_OUTBOUND"}
    assert declared["metadata"] == {"name": "failover-details", "namespace": "istio-system"}
    of_pods = program.in_cluster("cluster1", "DestinationRule", "details.failover")
    assert subsets(of_pods) == {f"1st-cluster{n}": {"topology.istio.io/network": f"network{n}"} for n in (1, 2)}
    assert subsets(program.in_cluster("cluster1", "DestinationRule", "details-vm1")) == {"1st-vm1": {}}


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
@pytest.mark.parametrize("rule", ["details", "details-vm1"])
def test_the_failure_of_every_destination_is_noticed(program: Program, cluster: str, rule: str) -> None:
    (found,) = program.in_cluster(cluster, "DestinationRule", rule)
    policy = found["spec.trafficPolicy"]
    assert policy["tls"]["mode"] == "ISTIO_MUTUAL"
    assert policy["outlierDetection"]["maxEjectionPercent"] == 100


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_so_is_that_of_a_service_that_people_reach_too(cluster: str) -> None:
    """Istio joins all rules of a host, and takes the policy of the oldest that has one."""
    versions = {"v1": {"image": "details:own"}}
    program = run(changed("application.details", {"versions": versions, "ingressPaths": ["/details"]}, CONFIG))
    (host,) = program[f"details-{cluster}-weights"]["spec.hosts"]
    rules = {
        rule["metadata.name"]: rule["spec"]
        for rule in program.in_cluster(cluster, "DestinationRule")
        if rule["spec.host"] == host
    }
    assert rules.keys() == {"details", "details.failover", "details-ingress"}
    assert [name for name, spec in rules.items() if "trafficPolicy" in spec] == ["details"]
    (own,) = rules["details-ingress"]["subsets"]
    assert own["trafficPolicy"].keys() == {"tls", "connectionPool"}  # a subset takes what it has not from the rule
    whole = rules["details"]["trafficPolicy"]["connectionPool"]["tcp"]
    assert own["trafficPolicy"]["connectionPool"]["tcp"].items() > whole.items()


def test_weights_name_the_subsets_that_go_on_to_others(program: Program) -> None:
    (http,) = program["details-cluster1-weights"]["spec.http"]
    assert [(it["destination"]["subset"], it["weight"]) for it in http["route"]] == [
        ("1st-vm1", 100),
        ("1st-cluster1", 0),
        ("1st-cluster2", 0),
    ]
    # One more than it takes to leave a destination out.
    detection = program["details-cluster1-destinations"]["spec.trafficPolicy.outlierDetection"]
    assert http["retries"]["attempts"] > detection["consecutiveGatewayErrors"]


def test_the_subsets_outlast_the_weights_that_name_them(program: Program) -> None:
    linger = program["details-failover-linger"]
    waited_for = {it.urn for it in program.custom() if it.name.endswith(("-subsets", "-order"))}
    assert waited_for <= linger.depends_on
    for cluster in ("cluster1", "cluster2"):
        assert {*waited_for, linger.urn} <= program[f"details-{cluster}-weights"].depends_on


@pytest.mark.parametrize(("before", "after"), [*permutations(DEV["routes"]["details"]["stages"], 2)])
def test_a_stage_is_one_virtual_service_a_cluster_with_failover_too(before: str, after: str) -> None:
    old, new = (at(stage).resources for stage in (before, after))
    assert {new[urn].name for urn in new if old.get(urn) != new[urn]} == {
        "details-cluster1-weights",
        "details-cluster2-weights",
    }
    assert old.keys() == new.keys()


def test_callers_of_the_named_clusters_alone_have_the_order() -> None:
    program = run(changed("routes.details.callers.clusters", ["cluster2"], CONFIG))
    assert not program.in_cluster("cluster1", "EnvoyFilter")
    assert program.in_cluster("cluster2", "EnvoyFilter")


def test_matches_and_sessions_fail_over_and_copies_do_not() -> None:
    """A copy that failed over would be a second call of a destination that has calls of its own."""
    testers = {"headers": {"end-user": "jason"}, "destination": "cluster2"}
    config = changed("routes.details.rule", {"match": [testers], "affinity": {"cookie": "session"}}, CONFIG)
    program = run(changed("routes.details.rules", {"vm-only": {"mirror": {"cluster1": 50}}}, config))
    (declared,) = program.in_cluster("cluster1", "VirtualService", "details")
    match, session, divided = declared["spec.http"]
    assert match["route"][0]["destination"]["subset"] == "1st-cluster2"
    assert session["route"][0]["destination"]["subset"] == "1st-vm1"
    assert [it["destination"]["subset"] for it in divided["route"]] == ["1st-vm1", "1st-cluster1", "1st-cluster2"]
    assert divided["mirrors"][0]["destination"]["subset"] == "cluster1"
    assert all(entry["retries"] == divided["retries"] for entry in (match, session))


def test_without_failover_nothing_is_declared() -> None:
    program = run(DEV)
    assert not program.custom("EnvoyFilter")
    assert not [it for it in program.components() if it.type.endswith(":Failover")]
