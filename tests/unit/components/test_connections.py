"""Connections are left in time for a gateway to end, and nobody but their callers ends them."""

from __future__ import annotations

import pytest

from tests.unit.components.monitor import Program
from tests.unit.components.program import changed, run, variant

CLUSTERS = ("cluster1", "cluster2")
ROUTE = "routes.details"


@pytest.fixture
def program() -> Program:
    return variant("the talk's")


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_callers_of_every_service_make_their_connections_anew(program: Program, cluster: str) -> None:
    rule = program[f"{cluster}-connections"]
    assert (rule["metadata.namespace"], rule["spec.host"]) == ("istio-system", "*.local")
    assert rule["spec.trafficPolicy"] == {"connectionPool": {"tcp": {"maxConnectionDuration": "30s"}}}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_gateway_is_not_told_when_to_cut(program: Program, cluster: str) -> None:
    """Its TCP proxies would take the limit of a rule for their own."""
    assert program[f"{cluster}-connections"]["spec.exportTo"] == ["default", "virtual-machines"]
    for rule in program.in_cluster(cluster, "DestinationRule"):
        if rule["metadata.namespace"] != "istio-system":
            assert "maxConnectionDuration" not in str(rule["spec"].get("trafficPolicy"))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_an_ingress_makes_its_connections_anew(program: Program, cluster: str) -> None:
    (subset,) = program[f"{cluster}-productpage-own"]["spec.subsets"]
    assert subset["trafficPolicy"] == {
        "tls": {"mode": "ISTIO_MUTUAL"},
        "connectionPool": {"tcp": {"maxConnectionDuration": "30s"}},
    }


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_destinations_of_a_route_keep_the_rest_of_its_pool(cluster: str) -> None:
    """A subset's pool is taken in place of the rule's, and not beside it."""
    rule = run(changed(f"{ROUTE}.failover", "locality"))[f"details-{cluster}-destinations"]
    whole = rule["spec.trafficPolicy.connectionPool.tcp"]
    for subset in rule["spec.subsets"]:
        assert subset["trafficPolicy"]["connectionPool"]["tcp"] == {**whole, "maxConnectionDuration": "30s"}


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("gateway", ["eastwest", "ingress"])
def test_a_gateway_that_ends_waits_until_nobody_is_left(program: Program, cluster: str, gateway: str) -> None:
    values = program[f"{cluster}-{gateway}"]["values"]
    assert values["env"]["EXIT_ON_ZERO_ACTIVE_CONNECTIONS"] == "true"
    assert values["terminationGracePeriodSeconds"] > 30
