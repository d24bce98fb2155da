"""Which of Envoy's clusters is which destination."""

from __future__ import annotations

import pytest

from tests.unit.vmmesh.support import CLUSTER1, CLUSTER2, VM, details, settings
from toolchain.problem import Problem
from vmmesh.routes import ELSEWHERE, check_applied, route_of
from vmmesh.stackfile import Misuse


def test_a_route_knows_all_destinations_zeros_included() -> None:
    route = details()
    assert route.percents == {"vm1": 75, "cluster1": 25, "cluster2": 0}
    assert list(route.clusters) == ["cluster1", "cluster2"]
    assert route.namespaces == ("default",)


@pytest.mark.parametrize(
    ("cluster", "destination"),
    [
        (VM, "vm1"),
        (VM.replace("9080", "8000"), "vm1"),
        (CLUSTER1, "cluster1"),
        (CLUSTER2, "cluster2"),
        ("outbound|9080|1st-vm1|details-vm1.virtual-machines.svc.cluster.local", "vm1"),
        ("outbound|9080|1st-cluster1|details.default.svc.cluster.local", "cluster1"),
        ("outbound|9080|1st-vm1|details.default.svc.cluster.local", ELSEWHERE),
        ("outbound|9080||details.default.svc.cluster.local", ELSEWHERE),
        ("outbound|9080|v1|details.default.svc.cluster.local", ELSEWHERE),
        ("outbound|9080||reviews.default.svc.cluster.local", None),
        ("outbound|9080|cluster1|details.other.svc.cluster.local", None),
        ("PassthroughCluster", None),
        ("", None),
    ],
)
def test_a_cluster_of_envoy_is_a_destination(cluster: str, destination: str | None) -> None:
    assert details().destination(cluster) == destination


def test_without_callers_a_route_is_for_all() -> None:
    config = settings()
    route = config.routes["details"].model_copy(update={"callers": type(config.routes["details"].callers)()})
    everyone = route_of(config.model_copy(update={"routes": {"details": route}}), "details")
    assert everyone.namespaces == ["default", "virtual-machines"]
    assert everyone.clusters == ["cluster1", "cluster2"]


def test_an_unknown_route_is_told_with_the_nearest() -> None:
    with pytest.raises(Misuse, match=r"no route detail; did you mean details\?"):
        route_of(settings(), "detail")


def test_a_stage_that_is_in_the_config_only_is_told() -> None:
    check_applied([details()], {"details": "canary"})
    with pytest.raises(Problem, match="details is in stage canary, but the last update has put vm-only in place"):
        check_applied([details()], {"details": "vm-only"})


def test_a_route_that_is_new_in_the_config_has_nothing_in_place() -> None:
    with pytest.raises(Problem, match="the last update has put nothing in place"):
        check_applied([details()], {})
