"""What is asked of the metrics of a route."""

from __future__ import annotations

import re

from settings import load, queries
from tests.unit.settings.support import APART, DEV, changed


def matchers(text: str) -> dict[str, str]:
    """Label -> the regular expression that it must match."""
    return dict(re.findall(r'(\w+)=~"([^"]*)"', text))


def test_each_destination_is_counted_by_its_own_clusters_of_envoy() -> None:
    found = queries(load(DEV), "details")
    assert list(found) == ["vm1", "cluster1", "cluster2"]
    names = {
        "vm1": "outbound|9080||details-vm1.virtual-machines.svc.cluster.local",
        "cluster1": "outbound|9080|cluster1|details.default.svc.cluster.local",
        "cluster2": "outbound|9080|cluster2|details.default.svc.cluster.local",
    }
    for destination, asked in found.items():
        pattern = matchers(asked.calls("20s"))["cluster_name"]
        assert [name for name, it in names.items() if re.fullmatch(pattern, it)] == [destination]
        # Of a route with failover, the same destination has another cluster.
        first = names[destination].replace("||", "|1st-vm1|").replace("|cluster", "|1st-cluster")
        assert re.fullmatch(pattern, first)
        assert "\\" not in asked.calls("20s") + asked.failed("20s") + asked.percentile(99, "20s")


def test_only_the_routes_callers_are_asked() -> None:
    route = changed("routes/details/callers", {"clusters": ["cluster2"], "namespaces": ["shop"]}, DEV)
    found = matchers(queries(load(route), "details")["vm1"].calls("1m"))
    assert (found["cluster"], found["namespace"]) == ("cluster2", "shop")


def test_a_cluster_without_the_application_is_neither_asked_nor_asked_for() -> None:
    found = queries(load(changed("routes/details/callers", {}, APART)), "details")
    assert "apart" not in found
    assert matchers(found["vm1"].calls("1m"))["cluster"] == "cluster1|cluster2"


def test_a_percentile_is_of_the_buckets() -> None:
    asked = queries(load(DEV), "details")["vm1"].percentile(99, "20s")
    assert asked.startswith("histogram_quantile(0.99, sum by (le) (rate(envoy_cluster_upstream_rq_time_bucket{")
