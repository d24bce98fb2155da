"""Who may call what, as Istio enforces it, and who may change the routes."""

from __future__ import annotations

from typing import Any

import pytest

from settings import INGRESS_ACCOUNT, load, policies
from tests.unit.components.monitor import Program, Registered
from tests.unit.components.program import DEV, FLEET, changed, run, variant

CLUSTERS = ("cluster1", "cluster2")
NS = "cluster.local/ns"


@pytest.fixture
def program() -> Program:
    return variant("with access and failover")


def rules(*callers: str, **more: Any) -> list[dict[str, Any]]:
    return [{"from": [{"source": {"principals": list(callers)}}], "to": [{"operation": more}]}]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_same_rule_holds_at_pods_and_vms_of_every_cluster(program: Program, cluster: str) -> None:
    declared = {it["metadata.name"]: it for it in program.in_cluster(cluster, "AuthorizationPolicy")}
    expected = rules(f"{NS}/default/sa/productpage", ports=["9080"], methods=["GET"], paths=["/details/*"])
    assert declared["details"]["spec.rules"] == declared["vm.vm1"]["spec.rules"] == expected
    assert declared["details"]["metadata.namespace"] == "default"
    assert declared["vm.vm1"]["metadata.namespace"] == "virtual-machines"


def test_policies_select_what_runs_the_service(program: Program) -> None:
    (of_pods,) = program.in_cluster("cluster1", "AuthorizationPolicy", "details")
    pods = program["cluster1-details-v1-deployment"]["spec.template.metadata.labels"]
    assert of_pods["spec.selector"]["matchLabels"].items() <= pods.items()
    (of_vm,) = program.in_cluster("cluster1", "AuthorizationPolicy", "vm.vm1")
    entries = program["vm1-group"]["spec.metadata.labels"]
    assert of_vm["spec.selector"]["matchLabels"].items() <= entries.items()


def test_the_ingress_is_known_by_its_own_account(program: Program) -> None:
    (policy,) = program.in_cluster("cluster1", "AuthorizationPolicy", "productpage")
    assert policy["spec.rules"] == rules(f"{NS}/istio-system/sa/{INGRESS_ACCOUNT}", ports=["9080"])
    assert program["cluster1-ingress"]["name"] == INGRESS_ACCOUNT


def test_nothing_is_denied_before_all_is_allowed(program: Program) -> None:
    """And, since what depends goes first, nothing is denied any more when an allowance goes."""
    policies = program.custom("AuthorizationPolicy")
    denying = [it for it in policies if not it["spec"]]
    allowing = {it.urn for it in policies if it["spec"]}
    assert {(program.cluster_of(it), it["metadata.namespace"]) for it in denying} == {
        (cluster, namespace) for cluster in CLUSTERS for namespace in ("default", "virtual-machines")
    }
    for it in denying:
        assert allowing <= it.depends_on


def of_fleet(enforced: list[str]) -> list[dict[str, Any]]:
    """Rules of a VM that runs two services, one of them without rules."""
    config = changed("vms.fleet", FLEET)
    settings = load({**config, "access": {"rules": {"details": [{"from": ["*"]}]}, "enforced": enforced}})
    (found,) = (it for it in policies(settings) if it.name == "vm.fleet")
    return found.spec["rules"]


def test_a_service_without_rules_stays_open_beside_one_with_rules() -> None:
    assert of_fleet([]) == [*rules("*", ports=["9080"]), {"to": [{"operation": {"ports": ["9081"]}}]}]
    assert of_fleet(["virtual-machines"]) == rules("*", ports=["9080"])


def test_callers_are_in_the_meshs_own_trust_domain() -> None:
    config = {**DEV, "mesh": {"trustDomain": "mesh.example.com"}}
    callers = ["vm1", "default/*", "audit/reader"]
    (of_pods, of_vm) = policies(load({**config, "access": {"rules": {"details": [{"from": callers}]}}}))
    names = ["virtual-machines/sa/vm1", "default/sa/*", "audit/sa/reader"]
    assert of_pods.spec["rules"] == rules(*(f"mesh.example.com/ns/{name}" for name in names), ports=["9080"])
    assert of_vm.spec["rules"] == of_pods.spec["rules"]


def test_of_an_empty_list_nobody_may_call() -> None:
    (of_pods, _) = policies(load({**DEV, "access": {"rules": {"details": []}}}))
    assert of_pods.spec == {"selector": {"matchLabels": {"app": "details"}}, "action": "ALLOW", "rules": []}
    assert not of_pods.denies


def test_without_access_nothing_is_declared() -> None:
    assert not run(DEV).custom("AuthorizationPolicy")
    assert not [it for it in run(DEV).components() if it.type.endswith((":Access", ":Operators"))]


def subjects(binding: Registered) -> list[tuple[str, str]]:
    return [(subject["kind"], subject["name"]) for subject in binding["subjects"]]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_operators_may_edit_routes_and_nothing_else(program: Program, cluster: str) -> None:
    bindings = {
        it["metadata.namespace"]: it for it in program.in_cluster(cluster, "RoleBinding", "vm-mesh-route-operator")
    }
    jane = ("User", "jane@example.com")
    assert {namespace: subjects(it) for namespace, it in bindings.items()} == {
        "default": [("Group", "books"), jane],
        "virtual-machines": [jane],
    }
    roles = program.in_cluster(cluster, "Role", "vm-mesh-route-operator")
    assert {it["metadata.namespace"] for it in roles} == bindings.keys()
    for role in roles:
        (rule,) = role["rules"]
        assert rule["apiGroups"] == ["networking.istio.io"]
        assert rule["resources"] == ["virtualservices", "destinationrules"]
        assert set(rule["verbs"]) == {"get", "list", "watch", "update", "patch"}
