"""The network is slow or loses packets, and a whole cluster goes and comes back, while calls go on."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.faults import (
    HEALED_SECONDS,
    RATE,
    Fault,
    all_is_well,
    docker,
    every_destination_has_calls,
    for_a_while,
    heals,
    node,
    served,
    told,
)
from tests.e2e.traffic import Stream

pytestmark = [pytest.mark.e2e, pytest.mark.long]

SECONDS = 30.0
NETEM = "netem delay 100ms 20ms loss 3%"
# What is lost is sent again after 200 ms and more, so it is slow as well. A packet that TCP sends and one that it gets.
LOSSY = [
    f"{chain} -p tcp -m multiport --{side}ports 15012,15443 -m statistic --mode random --probability 0.05 -j DROP"
    for chain, side in (("OUTPUT", "d"), ("INPUT", "s"))
]
CALLS = (
    "for i in $(seq 100); do curl -s -m 20 -o /dev/null -w '%{http_code}\\n'"
    " http://productpage.default.svc.cluster.local:9080/health || :; done"
)


@pytest.fixture(scope="module", autouse=True)
def spread(running: Environment) -> Iterator[None]:
    with every_destination_has_calls(running):
        yield


@contextmanager
def bad_network(environment: Environment) -> Generator[str]:
    """The VM's network is slow and loses packets; by netem, or if the kernel has none, towards the gateways alone."""
    try:
        environment.on_vm(f"tc qdisc add dev eth0 root {NETEM}")
        how = NETEM
    except subprocess.CalledProcessError:
        how = "5 % of the packets to and from the gateways are dropped (no netem in this kernel)"
    try:
        if how != NETEM:
            for rule in LOSSY:
                environment.on_vm(f"iptables -I {rule}")
        yield how
    finally:
        for undo in ("tc qdisc del dev eth0 root", *(f"iptables -D {rule}" for rule in LOSSY)):
            with suppress(subprocess.CalledProcessError):
                environment.on_vm(f"{undo} 2>/dev/null")


def test_a_bad_network_of_the_vm_makes_calls_slow_and_loses_hardly_any(running: Environment) -> None:
    """TCP makes good what is lost: of the calls to the VM and of those that it makes, one in a hundred may fail."""
    with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream:
        eventually(lambda: served(stream, 100))
        struck, own = time.monotonic(), Counter[str]()
        with bad_network(running) as how:
            while time.monotonic() < struck + SECONDS:
                own.update(running.on_vm(CALLS).split())
    told(f"{how}; of the VM's own calls {dict(own)}", stream, struck)
    assert len(stream.failed) <= stream.results.total() / 100
    assert own.total() - own["200"] <= own.total() / 100
    eventually(lambda: all_is_well(running), seconds=HEALED_SECONDS)


def test_a_stage_is_taken_over_a_bad_network(running: Environment) -> None:
    """Callers are told of a stage by their own istiods: nothing of it waits for the VM's network."""
    with bad_network(running) as how, Stream(running.outputs["urls"]["cluster1"], rate=RATE) as stream:
        struck = time.monotonic()
        running.make("stage", "SERVICE=details", "STAGE=canary")
        running.make("stage", "SERVICE=details", "STAGE=spread")
    told(f"two stages are taken, while {how}", stream, struck)
    assert len(stream.failed) <= stream.results.total() / 100
    assert running.changes() == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(
            name="cluster2 hangs for 30 s",
            strike=for_a_while(docker("pause", node("cluster2")), docker("unpause", node("cluster2")), SECONDS),
            most_lost=0.3,
        ),
        Fault(
            name="cluster2's node is off for 30 s",
            strike=for_a_while(docker("kill", node("cluster2")), docker("start", node("cluster2")), SECONDS),
            most_lost=0.3,
        ),
    ],
    ids=lambda fault: fault.name,
)
def test_a_cluster_that_goes_takes_its_own_share_along_and_comes_back(running: Environment, fault: Fault) -> None:
    """A quarter of the calls are cluster2's; a few more hang in the midst, when it goes and when it comes."""
    heals(running, fault)


def test_a_run_goes_on_with_a_cluster_that_somebody_has_paused(running: Environment) -> None:
    running.set_stage("canary")
    running.run("docker", "pause", node("cluster2"))
    try:
        running.vmmesh("up")
    finally:
        with suppress(subprocess.CalledProcessError):  # of one that goes on already
            running.run("docker", "unpause", node("cluster2"))
    assert running.changes() == []
    running.set_stage("spread")
    running.up()
