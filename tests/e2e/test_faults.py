"""Parts of the mesh die while calls go on, none of which anybody tries again: what is lost, for how long, and that it
heals by itself.

A destination that dies in the midst of a call takes that call with it; nothing else may be lost, and nothing is to be
done by anybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = pytest.mark.e2e

RATE = 100.0
QUIET_SECONDS = 5.0
"""So long without a failure, and the fault is over."""
HEALED_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that dies."""

    name: str
    strike: Callable[[Environment], None]
    spares: bool = False
    """Whether no call at all may be lost: it is in no call's way."""


def pod(cluster: str, selector: str, namespace: str = "istio-system") -> Callable[[Environment], None]:
    """A pod that ends without a word."""

    def strike(environment: Environment) -> None:
        force = ("--force", "--grace-period=0", "--wait=false")
        environment.kubectl(cluster, "-n", namespace, "delete", "pod", "-l", selector, *force)

    return strike


def on_vm(command: str) -> Callable[[Environment], None]:
    return lambda environment: void(environment.on_vm(command))


def docker(*arguments: str) -> Callable[[Environment], None]:
    return lambda environment: void(environment.run("docker", *arguments))


def void(_: object) -> None:
    return None


def for_a_while(begin: Callable[[Environment], None], end: Callable[[Environment], None], seconds: float = 15) -> Fault:
    """A fault that somebody ends."""

    def strike(environment: Environment) -> None:
        begin(environment)
        try:
            time.sleep(seconds)
        finally:
            end(environment)

    return Fault(name="", strike=strike)


GATEWAY_PORTS = "OUTPUT -p tcp -m multiport --dports 15012,15443 -j DROP"
CUT = for_a_while(on_vm(f"iptables -I {GATEWAY_PORTS}"), on_vm(f"iptables -D {GATEWAY_PORTS}")).strike
NODE = f"vm-mesh-{STACK}-cluster2-control-plane"
GONE = for_a_while(docker("pause", NODE), docker("unpause", NODE)).strike

FAULTS = [
    Fault(name="istiod of cluster1 is killed", strike=pod("cluster1", "app=istiod"), spares=True),
    Fault(name="the VM's Envoy is killed", strike=on_vm("pkill -9 -x envoy")),
]
MORE = [
    Fault(name="istiod of cluster2 is killed", strike=pod("cluster2", "app=istiod"), spares=True),
    Fault(name="cluster2's east-west gateway is killed", strike=pod("cluster2", "istio=eastwestgateway")),
    Fault(name="a pod of details is killed", strike=pod("cluster1", "app=details", "default")),
    Fault(name="the VM's agent is killed", strike=on_vm("pkill -9 -x pilot-agent")),
    Fault(name="the VM's service is killed", strike=on_vm("pkill -9 -x details")),
    Fault(name="the VM is rebooted", strike=docker("restart", "--time", "0", f"vm-mesh-{STACK}-vm1")),
    Fault(name="the VM is cut off from the gateways", strike=CUT, spares=True),
    Fault(name="cluster2 is gone for 15 s", strike=GONE),
]


@pytest.fixture(scope="module", autouse=True)
def spread(running: Environment) -> Iterator[None]:
    """Every destination has calls, and a call that fails is not tried again."""
    with running.edited() as config:
        config["vm-mesh:routes"]["details"]["rule"] = {"retries": {"attempts": 0}}
    running.set_stage("spread")
    running.up()
    yield
    with running.edited() as config:
        del config["vm-mesh:routes"]["details"]["rule"]
    running.set_stage("vm-only")
    running.up()


@pytest.mark.parametrize(
    "fault",
    [*FAULTS, *(pytest.param(it, marks=pytest.mark.long) for it in MORE)],
    ids=lambda fault: fault.name,
)
def test_it_heals_by_itself(running: Environment, fault: Fault) -> None:
    with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream:
        eventually(lambda: served(stream, 100))
        struck = time.monotonic()
        fault.strike(running)

        def quiet() -> None:
            assert time.monotonic() - max([struck, *stream.failed]) > QUIET_SECONDS

        eventually(quiet, seconds=HEALED_SECONDS)
    lost = len(stream.failed)
    lasted = max(stream.failed, default=struck) - struck
    print(
        f"{fault.name}: {lost} of {stream.results.total()} lost, the last after {lasted:.1f} s; {dict(stream.results)}"
    )
    if fault.spares:
        assert lost == 0
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)


def served(stream: Stream, count: int) -> None:
    assert stream.results["200"] >= count


def all_is_well(environment: Environment) -> None:
    for url in environment.outputs["urls"].values():
        assert send(url, new_ids(50)) == {"200": 50}
    assert environment.vmmesh("drift")
