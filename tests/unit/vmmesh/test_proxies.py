"""What Envoy's admin interface says, as it was answered by a mesh of two clusters and a VM."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.unit.vmmesh.support import CLUSTER1, CLUSTER2, VM, details
from vmmesh.proxies import percents, routes_path
from vmmesh.routes import ELSEWHERE


def config_dump(action: dict[str, Any]) -> str:
    other = {"domains": ["reviews.default.svc.cluster.local"], "routes": [{"route": {"cluster": "x"}}]}
    ours = {
        "domains": ["details.default.svc.cluster.local", "details", "10.96.95.32"],
        "routes": [{"match": {"prefix": "/"}, "route": action}],
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
    assert percents(details(), config_dump(action)) == expected


def test_a_proxy_may_have_no_route() -> None:
    assert percents(details(), "{}") is None
    assert percents(details(), '{"configs": [{"route_config": {"virtual_hosts": [{"domains": ["*"]}]}}]}') is None


def test_the_path_is_fit_for_a_url() -> None:
    assert not set(routes_path(details())) & set(" |\\^$()*")
    assert unquote(routes_path(details())).endswith("name_regex=^(.*:)?9080$")
