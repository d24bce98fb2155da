"""Calls are read from what Envoy answers, as it was by a mesh of two clusters and a VM."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.vmmesh.support import CLUSTER1, VM, details
from vmmesh.calls import STATS, Calls, by_destination, counters, together
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
NAME = "cluster.outbound|9080|cluster1|details.default.svc.cluster.local;"
# As Envoy 1.40 answers, but for the percentiles.
ANSWER = json.dumps(
    {
        "stats": [
            {"name": f"{NAME}.external.upstream_rq_2xx", "value": 5},
            {"name": f"{NAME}.upstream_rq_2xx", "value": 5},
            {"name": f"{NAME}.upstream_rq_4xx", "value": 1},
            {"name": f"{NAME}.upstream_rq_5xx", "value": 2},
            {"name": f"{NAME}.upstream_rq_active", "value": 3},
            {"name": f"{NAME}.upstream_rq_total", "value": 12},
            {"name": f"{NAME}.upstream_rq_tx_reset", "value": 1},
            {
                "histograms": {
                    "supported_percentiles": [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100],
                    "details": [
                        {
                            "name": f"{NAME}.external.upstream_rq_time",
                            "totals": [{"lower_bound": 9, "width": 1, "count": 9}],
                        },
                        {
                            "name": f"{NAME}.upstream_rq_time",
                            "totals": [
                                {"lower_bound": 0, "width": 0, "count": 4},
                                {"lower_bound": 1, "width": 0.1, "count": 1},
                                {"lower_bound": 490, "width": 10, "count": 1},
                                {"lower_bound": 500, "width": 10, "count": 2},
                            ],
                            "intervals": [],
                        },
                    ],
                }
            },
        ]
    }
)


def test_how_calls_were_answered_and_when() -> None:
    found = counters(ANSWER)[CLUSTER1]
    assert (found.total, found.answered, found.failed, found.given_up, found.waiting) == (12, 6, 2, 1, 3)
    assert (found.ended, found.bad, found.timed) == (9, 3, 8)
    assert found.slower(500) == 2
    assert (found.percentile(50), found.percentile(99)) == (0, 500)


def test_the_path_asks_for_what_is_counters() -> None:
    assert "histogram_buckets=detailed" in STATS
    assert not set(STATS) & set(" |\\^$()*")


def test_answers_before_the_window_do_not_count() -> None:
    before = Calls(total=10, answered=8, failed=1, waiting=1, times={1.0: 8, 5.0: 1})
    after = Calls(total=15, answered=12, failed=2, waiting=1, times={1.0: 12, 5.0: 1, 9.0: 1})
    assert after.since(before) == Calls(total=5, answered=4, failed=1, waiting=1, times={1.0: 4, 9.0: 1})


def test_calls_of_several_counts_together() -> None:
    found = together([{"vm1": Calls(2), "cluster1": Calls(1, 1)}, {"vm1": Calls(3, times={1.0: 2})}])
    assert found == {"vm1": Calls(5, times={1.0: 2}), "cluster1": Calls(1, 1)}


def test_counters_are_read_once_each() -> None:
    assert counters(json.dumps(STATS_ANSWER)) == {
        VM: Calls(72, 2, answered=70),
        CLUSTER1: Calls(28),
        "outbound|80||other.default.svc.cluster.local": Calls(3),
    }


def test_a_proxy_that_has_called_nobody_has_no_counters() -> None:
    assert counters('{"stats": []}') == {}


def test_only_the_route_s_own_calls_count() -> None:
    counted = counters(json.dumps(STATS_ANSWER))
    assert by_destination(details(), counted) == {
        "vm1": Calls(72, 2, answered=70),
        "cluster1": Calls(28),
        "cluster2": Calls(),
    }


def test_with_failover_a_call_begins_where_it_went_and_is_answered_for_whom_it_was_meant() -> None:
    first = "outbound|9080|1st-vm1|details-vm1.virtual-machines.svc.cluster.local"
    found = by_destination(details(), {first: Calls(answered=9, failed=1), VM: Calls(7), CLUSTER1: Calls(3)})
    assert found == {"vm1": Calls(7, 1, answered=9), "cluster1": Calls(3), "cluster2": Calls()}


def test_calls_to_the_service_that_take_no_destination_are_elsewhere() -> None:
    counted = by_destination(details(), {"outbound|9080||details.default.svc.cluster.local": Calls(4)})
    assert counted[ELSEWHERE] == Calls(4)


def test_calls_before_the_window_do_not_count() -> None:
    assert Calls(10, 3).since(Calls(4, 1)) == Calls(6, 2)
    assert Calls(10, 3).since(Calls()) == Calls(10, 3)


def test_a_proxy_that_was_started_again_counts_from_zero() -> None:
    fresh = Calls(3, answered=3, times={1.0: 3})
    assert fresh.since(Calls(10, answered=10, times={1.0: 10})) == fresh
    assert Calls(10, 0).since(Calls(400, 1)) == Calls(10, 0)
