"""A stage changes weights, and nothing but weights: what it may name is there before it names it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import DEV, VARIANTS, changed, run, variant

ROUTE = "routes.details"
STAGES: dict[str, Mapping[str, int]] = {
    **DEV["routes"]["details"]["stages"],
    "odd": {"vm1": 10, "cluster1": 30, "cluster2": 60},
}
WITH_ODD = changed(f"{ROUTE}.stages", STAGES)
TRANSITIONS = list(permutations(STAGES, 2))
CALLERS = {"all": ("cluster1", "cluster2"), "one": ("cluster2",)}


@functools.cache
def at(stage: str, callers: str = "all", *, preview: bool = False) -> Program:
    config = changed(f"{ROUTE}.callers.clusters", list(CALLERS[callers]), WITH_ODD)
    return run(changed("stages.details", stage, config), preview=preview)


def weights(service: Registered) -> dict[str, int]:
    """Weight of each destination: its host, and its subset if it has one."""
    return {
        "/".join([route["destination"]["host"], *filter(None, [route["destination"].get("subset")])]): route["weight"]
        for http in service["spec.http"]
        for route in http["route"]
    }


def without_weights(service: Registered) -> Registered:
    http = [{**entry, "route": [{**route, "weight": 0} for route in entry["route"]]} for entry in service["spec.http"]]
    return replace(service, inputs={**service.inputs, "spec": {**service["spec"], "http": http}})


@pytest.mark.parametrize("callers", CALLERS)
@pytest.mark.parametrize(("before", "after"), TRANSITIONS)
def test_a_stage_changes_one_virtual_service_in_each_calling_cluster(before: str, after: str, callers: str) -> None:
    old, new = at(before, callers).resources, at(after, callers).resources
    assert old.keys() == new.keys()  # so nothing comes and nothing goes

    differing = [urn for urn in new if old[urn] != new[urn]]
    assert {new[urn].name for urn in differing} == {f"details-{cluster}-weights" for cluster in CALLERS[callers]}
    for urn in differing:
        assert without_weights(old[urn]) == without_weights(new[urn])


@pytest.mark.parametrize(("before", "after"), TRANSITIONS)
def test_nor_does_a_preview_from_nothing_differ_elsewhere(before: str, after: str) -> None:
    old, new = at(before, preview=True).resources, at(after, preview=True).resources
    assert {new[urn].name for urn in new if old.get(urn) != new[urn]} == {
        "details-cluster1-weights",
        "details-cluster2-weights",
    }


@pytest.mark.parametrize("callers", CALLERS)
@pytest.mark.parametrize("stage", STAGES)
def test_every_caller_gets_the_weights_of_the_stage(stage: str, callers: str) -> None:
    program = at(stage, callers)
    host = "details.default.svc.cluster.local"
    expected = {
        "details-vm1.virtual-machines.svc.cluster.local": STAGES[stage].get("vm1", 0),
        f"{host}/cluster1": STAGES[stage].get("cluster1", 0),
        f"{host}/cluster2": STAGES[stage].get("cluster2", 0),
    }
    services = [it for it in program.custom("VirtualService") if it.name.endswith("-weights")]
    assert sorted(program.cluster_of(service) for service in services) == list(CALLERS[callers])
    for service in services:
        assert service["spec.hosts"] == [host]
        assert weights(service) == expected
        assert sum(weights(service).values()) == 100


@pytest.mark.parametrize("name", VARIANTS)
def test_whatever_a_stage_can_name_is_in_every_cluster_before_a_weight_names_it(name: str) -> None:
    """A weight on a host or a subset that is not there yet answers 503."""
    program = variant(name)
    clusters = [it.name for it in program.components() if it.type.endswith(":Application")]
    for service in (it for it in program.custom("VirtualService") if it.name.endswith("-weights")):
        for destination in (route["destination"] for http in service["spec.http"] for route in http["route"]):
            host, namespace = destination["host"].split(".")[:2]
            for cluster in clusters:
                (there,) = program.in_cluster(cluster, "Service", host)
                assert there["metadata.namespace"] == namespace
                if "subset" in destination:
                    (there,) = (
                        rule
                        for rule in program.in_cluster(cluster, "DestinationRule")
                        if rule["spec.host"] == destination["host"]
                        and destination["subset"] in [subset["name"] for subset in rule["spec.subsets"]]
                        and not rule.name.endswith("-own")
                    )
                assert there.urn in service.depends_on, f"{service.name} does not wait for {there.name}"


@pytest.mark.parametrize("name", VARIANTS)
def test_whatever_a_stage_can_name_outlasts_the_route(name: str) -> None:
    """Proxies that have not heard yet that the route is gone call by it for a moment."""
    program = variant(name)
    for service in (it for it in program.custom("VirtualService") if it.name.endswith("-weights")):
        pause = program[f"{service['metadata.name']}-linger"]
        assert pause["delete"] == "sh components/scripts/linger.sh"
        owners = {urn: program.resources[program.resources[urn].parent].type for urn in service.depends_on}
        named = {urn for urn, owner in owners.items() if owner.endswith((":Route", ":WorkloadGroup", ":Onboarding"))}
        assert pause.urn in named
        assert named - {pause.urn} <= pause.depends_on


@pytest.mark.parametrize("name", ["the talk's", "with access and failover", "without remote secrets"])
def test_nobody_is_waited_for_where_the_clusters_go(name: str) -> None:
    program = variant(name)
    pauses = [it for it in program.custom("Command") if it.name.endswith("-linger")]
    assert {it.deleted_with for it in pauses} == {program["cluster1-node"].urn}


RULES: dict[str, dict[str, Any]] = {
    "vm-only": {"mirror": {"cluster1": 50, "cluster2": 5}},
    "canary": {"match": [{"headers": {"end-user": "jason"}, "destination": "cluster2"}], "timeout": "2s"},
    "odd": {"affinity": {"cookie": "session"}, "retries": {"attempts": 0}},
}


@functools.cache
def ruled(stage: str) -> Program:
    """A route with a rule, of which each stage makes something else."""
    config = changed(f"{ROUTE}.rule", {"timeout": "3s", "affinity": {"cookie": "sticky", "ttl": "5m"}}, WITH_ODD)
    return run(changed("stages.details", stage, changed(f"{ROUTE}.rules", RULES, config)))


@pytest.mark.parametrize(("before", "after"), TRANSITIONS)
def test_rules_change_with_a_stage_and_change_nothing_else(before: str, after: str) -> None:
    old, new = ruled(before).resources, ruled(after).resources
    assert old.keys() == new.keys()
    differing = [urn for urn in new if old[urn] != new[urn]]
    assert {new[urn].name for urn in differing} == {"details-cluster1-weights", "details-cluster2-weights"}
    for urn in differing:
        assert replace(old[urn], inputs={}) == replace(new[urn], inputs={})


@pytest.mark.parametrize("stage", STAGES)
def test_a_rule_takes_no_call_away_from_the_weights(stage: str) -> None:
    for cluster in ("cluster1", "cluster2"):
        ruled_spec, spec = (it[f"details-{cluster}-weights"]["spec.http"] for it in (ruled(stage), at(stage)))
        assert {route["destination"]["host"]: route["weight"] for route in ruled_spec[-1]["route"]} == {
            route["destination"]["host"]: route["weight"] for route in spec[-1]["route"]
        }
        assert "match" not in ruled_spec[-1]
        assert all("match" in entry for entry in ruled_spec[:-1])


def test_a_stage_keeps_what_it_does_not_say_of_the_rule() -> None:
    entries = ruled("odd")["details-cluster1-weights"]["spec.http"]
    assert [entry["timeout"] for entry in entries] == ["3s"] * 4
    assert "Max-Age=3600" in entries[-1]["route"][0]["headers"]["response"]["add"]["set-cookie"]
    assert (
        "Max-Age=300"
        in ruled("spread")["details-cluster1-weights"]["spec.http"][-1]["route"][0]["headers"]["response"]["add"][
            "set-cookie"
        ]
    )


def test_a_rule_of_nothing_is_no_rule() -> None:
    config = changed(f"{ROUTE}.rules", {"vm-only": {"mirror": {}, "match": []}}, changed(f"{ROUTE}.rule", {}))
    assert run(config).resources == run(DEV).resources


def test_stages_name_each_destination_that_the_config_has() -> None:
    """Those of other stages too, with weight 0: a destination must not come and go with a stage."""
    program = variant("with existing clusters")
    assert {weight for cluster in DEV["clusters"] for weight in weights(program[f"details-{cluster}-weights"])} == {
        "details-vm1.virtual-machines.svc.cluster.local",
        "details-vm2.more-machines.svc.cluster.local",
        "details-fleet.virtual-machines.svc.cluster.local",
        *(f"details.default.svc.cluster.local/cluster{number}" for number in (1, 2, 3)),
    }


@pytest.mark.parametrize(("callers", "exported"), [(["default"], ["default"]), (["a", "b"], ["a", "b"]), (None, ["*"])])
def test_a_route_is_for_the_namespaces_of_its_callers(callers: list[str] | None, exported: list[str]) -> None:
    program = run(changed(f"{ROUTE}.callers.namespaces", callers))
    for cluster in ("cluster1", "cluster2"):
        assert program[f"details-{cluster}-weights"]["spec.exportTo"] == exported


def test_a_route_that_names_no_callers_is_for_all_clusters() -> None:
    program = run(changed(f"{ROUTE}.callers", None))
    assert len(program.in_cluster("cluster1", "VirtualService", "details")) == 1
    assert len(program.in_cluster("cluster2", "VirtualService", "details")) == 1


def test_clusters_are_told_apart_by_the_labels_that_istio_itself_sets() -> None:
    for rule in (it for it in variant("the talk's").custom("DestinationRule") if it.name.endswith("-destinations")):
        assert rule["spec.trafficPolicy.tls.mode"] == "ISTIO_MUTUAL"
        assert {subset["name"]: subset["labels"] for subset in rule["spec.subsets"]} == {
            "cluster1": {"topology.istio.io/network": "network1"},
            "cluster2": {"topology.istio.io/network": "network2"},
        }


def test_clusters_of_one_network_are_told_apart_by_their_names() -> None:
    program = run(changed("clusters.cluster2.network", "network1"))
    for rule in (it for it in program.custom("DestinationRule") if it.name.endswith("-destinations")):
        assert {subset["name"]: subset["labels"] for subset in rule["spec.subsets"]} == {
            "cluster1": {"topology.istio.io/cluster": "cluster1"},
            "cluster2": {"topology.istio.io/cluster": "cluster2"},
        }
