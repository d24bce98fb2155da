"""What Envoy's admin interface says, as it was answered by a mesh of two clusters and a VM."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from tests.unit.vmmesh.support import CLUSTER1, CLUSTER2, VM, details
from vmmesh.proxies import STATS, Calls, by_destination, counters, percents, routes_path
from vmmesh.routes import ELSEWHERE

STATS_ANSWER: dict[str, Any] = {
    "stats": [
        {"name": f"cluster.{VM};.external.upstream_rq_200", "value": 70},
        {"name": f"cluster.{VM};.external.upstream_rq_5xx", "value": 9},
        {"name": f"cluster.{VM};.upstream_rq_2xx", "value": 70},
        {"name": f"cluster.{VM};.upstream_rq_5xx", "value": 2},
        {"name": f"cluster.{VM};.upstream_rq_total", "value": 72},
        {"name": f"cluster.{CLUSTER1};.upstream_rq_total", "value": 28},
        {"name": "cluster.outbound|80||a.b.svc.cluster.local;.zone.x.upstream_rq_total", "value": 5},
        {"name": "cluster.outbound|80||other.default.svc.cluster.local.upstream_rq_total", "value": 3},
        {"name": "cluster.xds-grpc;.upstream_rq_total", "value": 1},
        {"histograms": {}},
    ]
}


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


def test_counters_are_read_once_each() -> None:
    assert counters(json.dumps(STATS_ANSWER)) == {
        VM: Calls(72, 2),
        CLUSTER1: Calls(28),
        "outbound|80||other.default.svc.cluster.local": Calls(3),
    }


def test_a_proxy_that_has_called_nobody_has_no_counters() -> None:
    assert counters('{"stats": []}') == {}


def test_only_the_route_s_own_calls_count() -> None:
    counted = counters(json.dumps(STATS_ANSWER))
    assert by_destination(details(), counted) == {
        "vm1": Calls(72, 2),
        "cluster1": Calls(28),
        "cluster2": Calls(),
    }


def test_calls_to_the_service_that_take_no_destination_are_elsewhere() -> None:
    counted = by_destination(details(), {"outbound|9080||details.default.svc.cluster.local": Calls(4)})
    assert counted[ELSEWHERE] == Calls(4)


def test_calls_before_the_window_do_not_count() -> None:
    assert Calls(10, 3).since(Calls(4, 1)) == Calls(6, 2)
    assert Calls(10, 3).since(Calls()) == Calls(10, 3)


def test_a_proxy_that_was_started_again_counts_from_zero() -> None:
    assert Calls(10, 0).since(Calls(400, 1)) == Calls(10, 0)


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


def test_paths_are_fit_for_a_url() -> None:
    for path in (STATS, routes_path(details())):
        assert not set(path) & set(" |\\^$()*")
    assert unquote(routes_path(details())).endswith("name_regex=^(.*:)?9080$")
