"""Parts of the mesh die while calls go on, none of which anybody tries again: what is lost, for how long, and that it
heals by itself.

A destination that dies in the midst of a call takes that call with it; nothing else may be lost, and nothing is to be
done by anybody.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment
from tests.e2e.faults import Fault, docker, every_destination_has_calls, for_a_while, heals, node, on_vm, pod

pytestmark = pytest.mark.e2e

GATEWAY_PORTS = "OUTPUT -p tcp -m multiport --dports 15012,15443 -j DROP"
CUT = for_a_while(on_vm(f"iptables -I {GATEWAY_PORTS}"), on_vm(f"iptables -D {GATEWAY_PORTS}"))
GONE = for_a_while(docker("pause", node("cluster2")), docker("unpause", node("cluster2")))

FAULTS = [
    Fault(name="istiod of cluster1 is killed", strike=pod("cluster1", "app=istiod"), most_lost=0),
    Fault(name="the VM's Envoy is killed", strike=on_vm("pkill -9 -x envoy")),
]
MORE = [
    Fault(name="istiod of cluster2 is killed", strike=pod("cluster2", "app=istiod"), most_lost=0),
    Fault(name="cluster2's east-west gateway is killed", strike=pod("cluster2", "istio=eastwestgateway")),
    Fault(name="a pod of details is killed", strike=pod("cluster1", "app=details", "default")),
    Fault(name="the VM's agent is killed", strike=on_vm("pkill -9 -x pilot-agent")),
    Fault(name="the VM's service is killed", strike=on_vm("pkill -9 -x details")),
    Fault(name="the VM is rebooted", strike=docker("restart", "--time", "0", f"vm-mesh-{STACK}-vm1")),
    Fault(name="the VM is cut off from the gateways", strike=CUT, most_lost=0),
    Fault(name="cluster2 is gone for 15 s", strike=GONE),
]


@pytest.fixture(scope="module", autouse=True)
def spread(running: Environment) -> Iterator[None]:
    with every_destination_has_calls(running):
        yield


@pytest.mark.parametrize(
    "fault",
    [*FAULTS, *(pytest.param(it, marks=pytest.mark.long) for it in MORE)],
    ids=lambda fault: fault.name,
)
def test_it_heals_by_itself(running: Environment, fault: Fault) -> None:
    heals(running, fault)
