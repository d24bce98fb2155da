"""What a proxy does with calls, as Envoy says it and as a rule wants it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.unit.vmmesh.support import CLUSTER1, CLUSTER2, VM, details, ruled
from vmmesh.routes import ELSEWHERE
from vmmesh.routing import Routing, routes_path, routing, routing_for


def config_dump(action: dict[str, Any], *before: dict[str, Any]) -> str:
    other = {"domains": ["reviews.default.svc.cluster.local"], "routes": [{"route": {"cluster": "x"}}]}
    ours = {
        "domains": ["details.default.svc.cluster.local", "details", "10.96.95.32"],
        "routes": [{"match": {"prefix": "/"}, "route": it} for it in (*before, action)],
    }
    hosts = {"name": "9080", "virtual_hosts": [other, ours]}
    return json.dumps({"configs": [{"route_config": {"name": "9080"}}, {"route_config": hosts}]})


def weighted(**weights: int) -> dict[str, Any]:
    names = {
        "vm1": VM,
        "cluster1": CLUSTER1,
        "cluster2": CLUSTER2,
        "other": "outbound|9080||x.y.svc.cluster.local",
    }
    return {
        "weighted_clusters": {"clusters": [{"name": names[key], "weight": weight} for key, weight in weights.items()]}
    }


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (weighted(vm1=75, cluster1=25), {"vm1": 75, "cluster1": 25, "cluster2": 0}),
        (weighted(vm1=100), {"vm1": 100, "cluster1": 0, "cluster2": 0}),
        ({"cluster": VM}, {"vm1": 100, "cluster1": 0, "cluster2": 0}),
        (weighted(vm1=99, other=1), {"vm1": 99, "cluster1": 0, "cluster2": 0, ELSEWHERE: 1}),
        ({"cluster": "PassthroughCluster"}, {"vm1": 0, "cluster1": 0, "cluster2": 0, ELSEWHERE: 100}),
        ({}, {"vm1": 0, "cluster1": 0, "cluster2": 0, ELSEWHERE: 100}),
    ],
)
def test_the_route_of_a_proxy_is_read(action: dict[str, Any], expected: dict[str, int]) -> None:
    assert routing(details(), config_dump(action)) == Routing(percents=expected)


def test_a_proxy_may_have_no_route() -> None:
    assert routing(details(), "{}") is None
    assert routing(details(), '{"configs": [{"route_config": {"virtual_hosts": [{"domains": ["*"]}]}}]}') is None


def test_the_path_is_fit_for_a_url() -> None:
    path = routes_path(details())
    assert not set(path) & set(" |\\^$()*")
    assert unquote(path).endswith("name_regex=^(.*:)?9080$")


def test_the_weights_are_those_of_the_last_route_behind_conditions() -> None:
    found = routing(details(), config_dump(weighted(vm1=75, cluster1=25), {"cluster": CLUSTER2}, {"cluster": VM}))
    assert found == Routing(percents=details().percents, conditional=("cluster2", "vm1"))
    assert str(found) == "vm1 75%, cluster1 25%, on a condition cluster2, on a condition vm1"


@pytest.mark.parametrize(
    ("fraction", "percent"),
    [
        ({"default_value": {"numerator": 500_000, "denominator": "MILLION"}}, 50),
        ({"default_value": {"numerator": 700, "denominator": "TEN_THOUSAND"}}, 7),
        ({"default_value": {"numerator": 5}}, 5),
        ({}, 100),
    ],
)
def test_copies_are_read(fraction: dict[str, Any], percent: int) -> None:
    policy = {"cluster": CLUSTER2, **({"runtime_fraction": fraction} if fraction else {})}
    found = routing(details(), config_dump({**weighted(vm1=100), "request_mirror_policies": [policy]}))
    assert found is not None
    assert found.copies == {"cluster2": percent}
    assert str(found) == f"vm1 100%, copies of {percent}% to cluster2"


def test_a_caller_has_what_its_rule_makes_of_the_weights() -> None:
    assert routing_for(details(), "default", {}) == Routing(percents=details().percents)
    tester = {"headers": {"end-user": "jason"}, "destination": "cluster2"}
    route = ruled(match=[tester], mirror={"cluster2": 10}, affinity={"cookie": "session"})
    assert routing_for(route, "default", {}) == Routing(
        percents=details().percents, copies={"cluster2": 10}, conditional=("cluster2", "vm1", "cluster1")
    )


def test_a_caller_whose_calls_all_match_has_nothing_behind_that() -> None:
    tester = {"cookie": {"a": "b"}, "destination": "cluster2"}
    batch = {"namespaces": ["batch"], "labels": {"app": "night"}, "destination": "cluster1"}
    route = ruled(match=[tester, batch], mirror={"cluster2": 10}, affinity={"cookie": "session"})
    alone = Routing(percents={"vm1": 0, "cluster1": 100, "cluster2": 0}, conditional=("cluster2",))
    assert routing_for(route, "batch", {"app": "night", "version": "v1"}) == alone
    for namespace, labels in (("batch", {}), ("default", {"app": "night"}), ("batch", {"app": "day"})):
        assert routing_for(route, namespace, labels).percents == details().percents
