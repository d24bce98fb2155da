"""What a preview may not announce: removals and replacements of what serves calls, and jumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from components.http_routes import http_routes
from settings import RuleSettings, Settings, first_subset
from tests.unit.vmmesh.support import CONFIG, event_of
from toolchain.problem import Problem
from vmmesh import guard, planned
from vmmesh.stackfile import load

VIRTUAL_SERVICE = "kubernetes:networking.istio.io/v1:VirtualService"
SERVICE = "kubernetes:core/v1:Service"
CONTAINER_VM = "vm-mesh:index:ContainerVm"
WORKLOAD_GROUP = "vm-mesh:index:WorkloadGroup"
KIND_CLUSTER = "vm-mesh:index:KindCluster"
HOST = "details.default.svc.cluster.local"


def urn(types: str, name: str) -> str:
    return f"urn:pulumi:dev::vm-mesh::{types}::{name}"


def event(
    operation: str, types: str, name: str, parent: str, old: Any = None, new: Any = None, **more: Any
) -> EngineEvent:
    """A step of the engine, of a resource below ``parent``, the name of a component of the first of ``types``."""
    above = urn(types.rpartition("$")[0], parent) if "$" in types else ""

    def state(inputs: Any) -> Any:
        return {"type": types.rpartition("$")[2], "urn": urn(types, name), "parent": above, "inputs": inputs}

    metadata = {
        "op": operation,
        "urn": urn(types, name),
        "type": types.rpartition("$")[2],
        "old": None if old is None else state(old),
        "new": None if new is None else state(new),
        "detailedDiff": {path: {"diffKind": "update"} for path in more.get("diff", ())},
        "provider": more.get("provider", ""),
    }
    return event_of({"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": metadata}})


def route(
    before: tuple[int, int] | None,
    after: tuple[int, int] | None,
    cluster: str = "cluster1",
    rules: tuple[Any, Any] = ({}, {}),
    diff: Sequence[str] = ("spec.http[0].route[0].weight",),
    *,
    failover: bool = False,
) -> EngineEvent:
    """Weights of the VM and cluster1, and rules, as they are and as they are to be."""

    def spec(weights: tuple[int, int] | None, rule: Any) -> Any:
        if weights is None:
            return None
        vm1, cluster1 = {"host": "details-vm1.virtual-machines.svc.cluster.local"}, {"host": HOST, "subset": "cluster1"}
        places = alone = {"vm1": vm1, "cluster1": cluster1}
        if failover:
            places = {name: {**place, "subset": first_subset(name)} for name, place in alone.items()}
        made = RuleSettings.model_validate(rule, by_alias=True, by_name=False)
        shares = {"vm1": weights[0], "cluster1": weights[1]}
        return {
            "metadata": {"name": "details", "namespace": "default"},
            "spec": {"hosts": [HOST], "http": http_routes(places, shares, made, copied_to=alone)},
        }

    old, new = spec(before, rules[0]), spec(after, rules[1])
    operation = "create" if old is None else "delete" if new is None else "same" if old == new else "update"
    return event(
        operation,
        f"vm-mesh:index:Route${VIRTUAL_SERVICE}",
        f"details-{cluster}-weights",
        "details",
        old,
        new,
        provider=f"{urn('pulumi:providers:kubernetes', f'{cluster}-kubernetes')}::id",
        diff=diff,
    )


def services(vm_stays: bool = True) -> list[EngineEvent]:
    """The Services that the weights are for."""
    machine = {
        "metadata": {"name": "details-vm1", "namespace": "virtual-machines"},
        "spec": {"selector": {"vm-mesh/vm": "vm1"}},
    }
    pods = {"metadata": {"name": "details", "namespace": "default"}}
    below = f"vm-mesh:index:Onboarding${SERVICE}"
    return [
        event("same" if vm_stays else "delete", below, "vm1-details", "vm1", machine, machine if vm_stays else None),
        event("same", f"vm-mesh:index:Application${SERVICE}", "details", "cluster1", pods, pods),
    ]


def settings(**changes: Any) -> Settings:
    text = CONFIG
    if step := changes.get("max_step"):
        text = text.replace("probePath:", f"maxStep: {step}\n        probePath:")
    if callers := changes.get("callers"):
        text = text.replace("namespaces: [default]", f"namespaces: [{callers}]")
    if machines := changes.get("machines"):
        text = text.replace("      probe:", f"      machines: {machines}\n      probe:")
    if names := changes.get("allow_replace"):
        text += f"  vm-mesh:allowReplace: {names}\n"
    return load(text, "Pulumi.test.yaml")


def rules(*events: EngineEvent, **changes: Any) -> list[str]:
    return [f"{it.rule}: {it.message}" for it in guard.findings(events, settings(**changes))]


def test_an_update_that_moves_calls_breaks_nothing() -> None:
    assert rules(route((100, 0), (75, 25)), *services()) == []


def test_shares_are_those_of_the_weights_whatever_matches() -> None:
    """A tester's destination has gained nothing that maxStep is about."""
    testers = {"match": [{"headers": {"end-user": "jason"}, "destination": "cluster1"}], "affinity": {"cookie": "a"}}
    assert rules(route((100, 0), (75, 25), rules=({}, testers)), *services(), max_step=25) == []
    assert "steps-small" in rules(route((100, 0), (75, 25), rules=(testers, testers)), *services(), max_step=24)[0]


def test_shares_are_by_destination_and_calling_cluster() -> None:
    steps = planned.steps([route((100, 0), (75, 25), "cluster2"), route((100, 0), (75, 25)), *services()])
    found = planned.shares(steps)
    assert [(it.route, it.cluster) for it in found] == [("details", "cluster1"), ("details", "cluster2")]
    assert (found[0].before, found[0].after) == ({"vm1": 100, "cluster1": 0}, {"vm1": 75, "cluster1": 25})


@pytest.mark.parametrize(("before", "refused"), [((100, 0), True), ((1, 99), True), ((0, 100), False)])
def test_a_vm_with_traffic_may_not_go_even_if_the_update_moves_it(before: tuple[int, int], refused: bool) -> None:
    gone = event("delete", WORKLOAD_GROUP, "vm1", "", {})
    found = rules(gone, route(before, (0, 100)), *services(vm_stays=False))
    assert bool(found) == refused
    if refused:
        assert found[0].startswith(
            f"destinations-drained: vm1 would be removed with {before[0]}% of the calls of details"
        )


@pytest.mark.parametrize(
    ("name", "cluster", "refused"),
    [
        ("shop", "cluster1", True),
        ("virtual-machines", "cluster1", True),
        ("old", "cluster1", False),
        ("shop", "x", False),
    ],
)
def test_a_namespace_that_the_config_has_may_not_go(name: str, cluster: str, refused: bool) -> None:
    provider = f"{urn('pulumi:providers:kubernetes', f'{cluster}-kubernetes')}::id"
    below = "vm-mesh:index:InstalledMesh$kubernetes:core/v1:Namespace"
    made = {"metadata": {"name": name, "labels": {"istio-injection": "enabled"}}}
    gone = event("delete", below, f"{cluster}-{name}", cluster, made, provider=provider)
    found = rules(gone, callers="default, shop")
    assert bool(found) == refused
    if refused:
        assert found[0].startswith(f"namespaces-kept: namespace {name} would be removed from cluster1 with all that ")
        assert f"pulumi state delete --yes '{urn(below, f'{cluster}-{name}')}'" in found[0]


def test_one_machine_of_a_vm_may_go() -> None:
    gone = event("delete", CONTAINER_VM, "vm1", "", {})
    assert rules(gone, route((100, 0), (100, 0)), *services()) == []


def test_a_cluster_with_traffic_may_not_go() -> None:
    gone = event("delete", KIND_CLUSTER, "cluster1", "", {})
    assert "cluster1 would be removed with 25%" in rules(gone, route((75, 25), (75, 25)), *services())[0]


REPLACED = {
    "a VM's container": (f"{CONTAINER_VM}$docker:index/container:Container", "vm1-container", "vm1"),
    "a cluster's node": (f"{KIND_CLUSTER}$command:local:Command", "cluster1-node", "cluster1"),
    "a cluster's provider": (f"{KIND_CLUSTER}$pulumi:providers:kubernetes", "cluster1-kubernetes", "cluster1"),
}


@pytest.mark.parametrize("what", REPLACED)
def test_a_replacement_needs_a_word_in_the_config(what: str) -> None:
    types, name, subject = REPLACED[what]
    steps = [
        event("replace", types, name, subject, {}, {}, diff=["image"]),
        event("create-replacement", types, name, subject, {}, {}),
        event("delete-replaced", types, name, subject, {}, None),
        route((75, 25), (75, 25)),
        *services(),
    ]
    (said,) = rules(*steps)
    share = {"vm1": 75, "cluster1": 25}[subject]
    assert said.startswith(
        f"replacements-allowed: {subject} would be replaced because of image, with {share}% of the calls"
    )
    assert rules(*steps, allow_replace=f"[{subject}]") == []
    assert rules(*steps, allow_replace="[cluster2]") != []


def test_a_replaced_machine_is_told_with_what_its_vm_serves() -> None:
    """Weights are of a VM; each of its machines has a part of its calls."""
    types, _, _ = REPLACED["a VM's container"]
    replaced = event("replace", types, "vm1-a-container", "vm1-a", {}, {}, diff=["image"])
    (said,) = rules(replaced, route((75, 25), (75, 25)), *services(), machines="{vm1-a: {}, vm1-b: {}}")
    assert "vm1-a would be replaced because of image, one of 2 machines with 75% of the calls of details;" in said


def test_a_machine_may_be_replaced_by_the_name_of_its_vm() -> None:
    """The config allows VMs and clusters: a machine of several has no name of its own there."""
    types, _, _ = REPLACED["a VM's container"]
    replaced = event("replace", types, "vm1-a-container", "vm1-a", {}, {}, diff=["image"])
    machines = "{vm1-a: {}, vm1-b: {}}"
    (said,) = rules(replaced, machines=machines)
    assert said.endswith("if that is meant, add vm1 to vm-mesh:allowReplace for this update")
    assert rules(replaced, machines=machines, allow_replace="[vm1]") == []


def test_what_may_be_replaced_without_harm_needs_no_word() -> None:
    images = event("replace", f"{KIND_CLUSTER}$command:local:Command", "cluster1-images", "cluster1", {}, {})
    assert rules(images) == []


@pytest.mark.parametrize(("most", "refused"), [(24, True), (25, False)])
def test_no_destination_gains_more_than_the_route_allows(most: int, refused: bool) -> None:
    found = rules(route((100, 0), (75, 25)), route((100, 0), (75, 25), "cluster2"), *services(), max_step=most)
    assert len(found) == int(refused)
    if refused:
        assert "cluster1 would take 25% of the calls of details after 0%" in found[0]
        assert "maxStep allows 24 points" in found[0]


def test_a_jump_can_be_asked_for_and_a_new_route_is_none() -> None:
    events = [route((100, 0), (0, 100)), *services()]
    assert guard.findings(events, settings(max_step=10)) != []
    assert guard.findings(events, settings(max_step=10), allow_jump=True) == []
    assert rules(route(None, (0, 100)), *services(), max_step=10) == []


def test_rules_of_the_state_to_come_and_of_other_packs_count_too() -> None:
    bad = event("create", "docker:index/container:Container", "vm1-container", "vm1", None, {"image": "debian"})
    pack = {"resourceUrn": urn("a:b:C", "bucket"), "message": "no\nbuckets", "policyName": "buckets"}
    pack |= {"color": "never", "policyPackName": "p", "policyPackVersion": "1", "policyPackVersionTag": "1"}
    pack |= {"enforcementLevel": "mandatory"}
    found = rules(bad, event_of({"sequence": 1, "timestamp": 1, "policyEvent": pack}))
    assert [it.split(":")[0] for it in found] == ["images-pinned", "buckets"]
    assert found[1] == "buckets: no buckets"


def test_a_refusal_names_each_rule_and_resource() -> None:
    guard.refuse([])
    found = guard.findings([route((100, 0), (75, 25)), *services()], settings(max_step=1))
    with pytest.raises(Problem, match=r"nothing was changed.*\n  - details-cluster1-weights: .* \(steps-small\)"):
        guard.refuse(found)
