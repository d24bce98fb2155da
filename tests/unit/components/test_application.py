"""The application's services in the clusters."""

from __future__ import annotations

import pytest

from tests.unit.components.monitor import Program
from tests.unit.components.program import ARTIFACTS, changed, run, variant

BOOKINFO = {"productpage-v1", "details-v1", "reviews-v1", "reviews-v2", "reviews-v3", "ratings-v1"}
SHOP = {
    "details": {
        "port": 8000,
        "versions": {"v1": {"image": "details:own", "replicas": 3, "env": {"LEVEL": "debug"}}},
    },
    "stock": {"versions": {"v1": {"image": "stock:own"}}, "clusters": ["cluster1"]},
    "front": {"versions": {"v1": {"image": "front:own"}}, "ingressPaths": ["/", "/cart"]},
}


@pytest.fixture(scope="module")
def shop() -> Program:
    return run(changed("application", SHOP))


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_bookinfo_runs_in_every_cluster(cluster: str) -> None:
    program = variant("the talk's")
    deployments = {it["metadata.name"]: it for it in program.in_cluster(cluster, "Deployment")}
    assert deployments.keys() == BOOKINFO
    for name, deployment in deployments.items():
        service, _, version = name.partition("-")
        (container,) = deployment["spec.template.spec.containers"]
        assert container["image"] == ARTIFACTS["images"][name]
        # What Istio's telemetry, and the answer of each version, tell versions and clusters apart by.
        assert deployment["spec.template.metadata.labels"] == {"app": service, "version": version}
        assert {"name": "CLUSTER_NAME", "value": cluster} in container["env"]


def test_a_version_is_what_the_config_says(shop: Program) -> None:
    (deployment,) = shop.in_cluster("cluster1", "Deployment", "details-v1")
    (container,) = deployment["spec.template.spec.containers"]
    assert deployment["spec.replicas"] == 3
    assert container["image"] == "details:own"
    assert container["ports"] == [{"containerPort": 8000}]
    assert {"name": "LEVEL", "value": "debug"} in container["env"]


def test_an_environment_variable_arrives_as_the_config_has_it() -> None:
    """Kubernetes would put another variable in place of $(LEVEL), and one $ in place of two."""
    env = {"LEVEL": "debug", "WORD": "$(LEVEL) pa$$word $HOME"}
    program = run(changed("application.details.versions", {"v1": {"image": "details:own", "env": env}}))
    (deployment,) = program.in_cluster("cluster1", "Deployment", "details-v1")
    (container,) = deployment["spec.template.spec.containers"]
    assert {"name": "WORD", "value": "$$(LEVEL) pa$$$$word $$HOME"} in container["env"]


def test_a_service_runs_in_the_clusters_that_it_names(shop: Program) -> None:
    assert shop.in_cluster("cluster1", "Deployment", "stock-v1")
    assert not shop.in_cluster("cluster2", "Deployment", "stock-v1")


def test_deployments_select_the_pods_of_their_services(shop: Program) -> None:
    for deployment in shop.custom("Deployment"):
        labels = deployment["spec.template.metadata.labels"].items()
        assert deployment["spec.selector.matchLabels"].items() <= labels
        (service,) = shop.in_cluster(
            shop.cluster_of(deployment), "Service", deployment["spec.template.metadata.labels.app"]
        )
        assert service["spec.selector"].items() <= labels
        assert deployment["spec.template.spec.serviceAccountName"] == service["metadata.name"]


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_people_reach_what_has_ingress_paths_and_nothing_else(shop: Program, cluster: str) -> None:
    (exposed,) = (it for it in shop.in_cluster(cluster, "VirtualService") if it.name.endswith("-exposed"))
    (http,) = exposed["spec.http"]
    assert http["match"] == [{"uri": {"prefix": "/"}}, {"uri": {"prefix": "/cart"}}]
    (route,) = http["route"]
    assert route["destination"]["host"].startswith("front.default.")


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_a_pod_serves_from_when_it_is_ready_until_every_caller_knows_that_it_goes(cluster: str) -> None:
    """Pods are made anew when their sidecar changes: no call may find one that does not listen yet, or no more."""
    (container,) = variant("the talk's")[f"{cluster}-details-v1-deployment"]["spec.template.spec.containers"]
    assert container["readinessProbe"]["tcpSocket"] == {"port": 9080}
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
