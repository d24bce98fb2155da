"""What Envoy's admin interface says, as it was answered by a mesh of two clusters and a VM."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.vmmesh.support import CLUSTER1, VM, details
from vmmesh.proxies import STATS, Calls, by_destination, counters
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


def test_the_path_is_fit_for_a_url() -> None:
    assert not set(STATS) & set(" |\\^$()*")
