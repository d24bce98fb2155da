"""Figures are read from what Envoy answers, by destination, and as differences."""

from __future__ import annotations

import json

from tests.unit.vmmesh.support import CLUSTER1, VM, details
from vmmesh.figures import FIGURES, Figures, by_destination, read

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


def test_figures_of_envoys_answer() -> None:
    found = read(ANSWER)[CLUSTER1]
    assert (found.begun, found.answered, found.failed, found.given_up, found.waiting) == (12, 6, 2, 1, 3)
    assert (found.ended, found.bad, found.timed) == (9, 3, 8)
    assert found.slower(500) == 2
    assert (found.percentile(50), found.percentile(99)) == (0, 500)


def test_the_path_asks_for_what_is_read() -> None:
    assert "histogram_buckets=detailed" in FIGURES
    assert " " not in FIGURES


def test_an_answer_without_statistics_has_no_figures() -> None:
    assert read('{"stats": []}') == {}


def test_figures_since_a_moment() -> None:
    before = Figures(begun=10, answered=8, failed=1, waiting=1, times={1.0: 8, 5.0: 1})
    after = Figures(begun=15, answered=12, failed=2, waiting=1, times={1.0: 12, 5.0: 1, 9.0: 1})
    assert after.since(before) == Figures(begun=5, answered=4, failed=1, waiting=1, times={1.0: 4, 9.0: 1})


def test_a_proxy_that_was_started_again_begins_at_zero() -> None:
    fresh = Figures(begun=3, answered=3, times={1.0: 3})
    assert fresh.since(Figures(begun=10, answered=10, times={1.0: 10})) == fresh


def test_figures_of_all_callers_by_destination() -> None:
    other = "outbound|80||other.default.svc.cluster.local"
    one, two = {VM: Figures(begun=2), CLUSTER1: Figures(begun=1)}, {VM: Figures(begun=3), other: Figures(begun=9)}
    found = by_destination(details(), [one, two])
    assert {name: figures.begun for name, figures in found.items()} == {"vm1": 5, "cluster1": 1, "cluster2": 0}
