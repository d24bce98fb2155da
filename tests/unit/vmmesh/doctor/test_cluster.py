"""The checks of a cluster, by what kubectl answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vmmesh.doctor.support import answers, deployment
from tests.unit.vmmesh.support import Programs
from vmmesh.doctor import cluster
from vmmesh.doctor.examined import Examined
from vmmesh.doctor.finding import Said


@pytest.mark.parametrize(
    ("found", "level"),
    [
        ([], "failure"),
        ([deployment(0)], "failure"),
        ([deployment(1)], "ok"),
        ([deployment(1, "1.30.2")], "warning"),
    ],
)
def test_istiod_must_be_ready_and_of_the_version(
    examined: Examined, programs: Programs, found: list[Any], level: str
) -> None:
    answers(programs, deployments=found)
    assert [said.level for said in cluster.istiod(examined)] == [level]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"spec": {"externalIPs": ["10.0.0.1"]}}, ["10.0.0.1"]),
        ({"spec": {}, "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}, ["lb.example"]),
        ({"spec": {"type": "NodePort"}}, ["the nodes' addresses"]),
        ({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}}, []),
    ],
)
def test_a_gateway_has_the_address_of_its_service(service: Any, expected: list[str]) -> None:
    assert cluster.addresses(service) == expected


def test_a_gateway_without_an_address_fails(examined: Examined, programs: Programs) -> None:
    answers(programs, service=[{"spec": {"type": "LoadBalancer"}}], deployment=[deployment(1)])
    found = list(cluster.gateways(examined))
    assert [said.level for said in found] == ["failure", "failure"]
    assert "has no address" in found[0].what
    answers(programs, service=[], deployment=[])
    assert all("there is no" in said.what for said in cluster.gateways(examined))


def test_an_api_server_that_does_not_answer_says_why(examined: Examined, programs: Programs) -> None:
    programs.make("kubectl", "echo 'connection refused' >&2; exit 1")
    (found,) = cluster.api(examined)
    assert isinstance(found, Said)
    assert found.level == "failure"
    assert "connection refused" in found.what
