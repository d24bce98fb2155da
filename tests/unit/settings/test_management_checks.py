"""The management cluster, and clusters that take no part in the application."""

from __future__ import annotations

from typing import Any

import pytest

from settings import PROJECT, exporters, load
from tests.unit.settings.support import APART, REMOVED, changed, errors, shown

KIALI = f"kiali/kiali:v2.30.0@sha256:{64 * 'b'}"
GRAFANA = f"grafana/grafana@sha256:{64 * 'c'}"


def test_a_cluster_may_take_no_part_in_the_application() -> None:
    settings = load(APART)
    assert settings.application_clusters() == ["cluster1", "cluster2"]
    assert settings.services_in("apart") == {}
    assert "apart" not in settings.ports("details")
    assert load(changed("routes/details/callers", {}, APART)).callers("details") == ["cluster1", "cluster2"]
    assert settings.namespaces_in("apart") == ["management"]
    assert settings.namespaces_in("cluster1") == ["default", "management", "virtual-machines"]
    assert load(changed("management", REMOVED, APART)).namespaces_in("apart") == []


@pytest.mark.parametrize(
    ("path", "value", "where", "error"),
    [
        (
            "routes/details/stages/canary",
            {"vm1": 75, "apart": 25},
            "routes/details/stages/canary/apart",
            "cluster \"apart\" has 'application: false', and so is no destination",
        ),
        (
            "routes/details/failover",
            ["apart"],
            "routes/details/failover/0",
            "cluster \"apart\" has 'application: false', and so is no destination",
        ),
        (
            "routes/details/callers/clusters",
            ["apart"],
            "routes/details/callers/clusters/0",
            "cluster \"apart\" has 'application: false'",
        ),
        ("vms/vm1/cluster", "apart", "vms/vm1/cluster", "cluster \"apart\" has 'application: false'"),
        (
            "clusters/apart/kind",
            {"ingressPort": 9},
            "clusters/apart/kind/ingressPort",
            "is of no use: \"apart\" has 'application: false', and so no ingress",
        ),
        ("clusters/apart/application", "no", "clusters/apart/application", 'must be true or false, not "no"'),
    ],
)
def test_nothing_of_the_application_is_where_it_is_not(path: str, value: Any, where: str, error: str) -> None:
    base = changed("routes/details/callers", {}, APART)
    assert errors(changed(path, value, base)) == (f"{shown(where)}: {error}",)


def test_services_and_extensions_are_not_where_the_application_is_not() -> None:
    own: dict[str, Any] = {"details": {"clusters": ["cluster1", "cluster2", "apart"], "versions": {"v1": {}}}}
    extension = {"module": f"oci://registry/x@sha256:{64 * '0'}", "clusters": ["apart"]}
    assert errors({**APART, "application": own, "extensions": {"header": extension}}) == (
        f"{PROJECT}:application.details.clusters[2]: cluster \"apart\" has 'application: false'",
        f"{PROJECT}:extensions.header.clusters[0]: cluster \"apart\" has 'application: false'",
    )


def test_some_cluster_runs_the_application() -> None:
    config = {"clusters": {"apart": {"network": "network9", "application": False}}}
    assert errors(config) == (
        f"{PROJECT}:clusters: every cluster has 'application: false'; at least one must run the application",
    )


@pytest.mark.parametrize(
    ("management", "where", "error"),
    [
        ({"cluster": "apat"}, ".cluster", 'there is no cluster "apat"; did you mean "apart"?'),
        ({"metrics": {}}, ".cluster", "is missing; name the cluster that keeps what is gathered"),
        (
            {"cluster": "apart", "metrics": {"retention": "2y"}},
            ".metrics.retention",
            'must be hours, days or weeks, such as 12h, 7d or 4w, not "2y"',
        ),
        (
            {"cluster": "apart", "metrics": {"interval": "soon"}},
            ".metrics.interval",
            'must be a duration such as 30s, 2m or 1h, not "soon"',
        ),
        ({"cluster": "apart", "metrics": {}, "kiali": {}}, ".kiali.image", "is missing"),
        (
            {"cluster": "apart", "metrics": {}, "kiali": {"image": "kiali/kiali:v2.30.0"}},
            ".kiali.image",
            'must be an image with its digest, [host/]path[:tag]@sha256:digest, not "kiali/kiali:v2.30.0"',
        ),
        (
            {"cluster": "apart", "metrics": {}, "grafana": {"image": GRAFANA, "imge": GRAFANA}},
            ".grafana.imge",
            'unknown key; did you mean "image"?',
        ),
        (
            {"cluster": "apart", "kiali": {"image": KIALI}},
            ".kiali",
            "needs management.metrics; without them it has nothing to show",
        ),
    ],
)
def test_what_is_kept_where(management: dict[str, Any], where: str, error: str) -> None:
    assert errors({**APART, "management": management}) == (f"{PROJECT}:management{where}: {error}",)


def test_all_that_is_wrong_with_pages_is_said_at_once() -> None:
    pages = {"kiali": {"image": "kiali/kiali@sha256:1"}, "grafana": {}}
    assert errors({**APART, "management": {"cluster": "apart", **pages}}) == (
        f"{PROJECT}:management.grafana: needs management.metrics; without them it has nothing to show",
        f"{PROJECT}:management.grafana.image: is missing",
        f"{PROJECT}:management.kiali: needs management.metrics; without them it has nothing to show",
        f"{PROJECT}:management.kiali.image: must be an image with its digest, [host/]path[:tag]@sha256:digest, "
        'not "kiali/kiali@sha256:1"',
    )


def test_pages_are_pulled_by_nodes_and_exported_to_nobody() -> None:
    pages = {"kiali": {"image": KIALI}, "grafana": {"image": GRAFANA}}
    with_pages = load(changed("management", {"cluster": "apart", "metrics": {}, **pages}, APART)).management
    without = load(APART).management
    assert with_pages.pages() == {"kiali": 20001, "grafana": 3000}
    assert without.pages() == {}
    assert with_pages.images() == without.images()
    assert with_pages.all_services() == without.all_services()


def test_the_management_cluster_exports_what_the_others_call() -> None:
    config = changed("mesh", {"discovery": "serviceEntries"}, APART)
    assert load(config).management.all_services() == {"prometheus": 9090}
    assert exporters(load(config)) == ["cluster1", "cluster2", "apart"]
    assert exporters(load(changed("management/metrics", REMOVED, config))) == ["cluster1", "cluster2"]
