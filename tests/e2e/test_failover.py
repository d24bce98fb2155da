"""Others take the calls of what fails, within seconds, and give them back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Logs, Stream, followed, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CLUSTERS = ("cluster1", "cluster2")
ORDER = ["cluster1", "cluster2", "vm1"]
RATE = 60
SECONDS = 5
"""In which another destination has all calls. A probe takes a service out in four, a caller's own proxy sooner."""


@contextmanager
def failover(environment: Environment) -> Generator[None]:
    with environment.edited() as config:
        config["vm-mesh:routes"]["details"]["failover"] = ORDER
    try:
        environment.up()
        yield
    finally:
        with environment.edited() as config:
            config["vm-mesh:routes"]["details"].pop("failover", None)
        environment.up()


@pytest.fixture(scope="module")
def guarded(running: Environment) -> Iterator[Environment]:
    """The route with failover, turned on and off under traffic that loses nothing."""
    urls = running.outputs["urls"]
    with Stream(urls["cluster1"], RATE) as stream:
        running.set_stage("vm-only")
        with failover(running):
            time.sleep(2)
    print(f"on and off: {dict(stream.results)} in {stream.seconds:.1f} s")
    assert set(stream.results) == {"200"}
    with failover(running):
        yield running
    assert running.changes() == []


@contextmanager
def service_stopped(environment: Environment) -> Generator[None]:
    environment.on_vm("sv stop details")
    try:
        yield
    finally:
        environment.on_vm("sv start details")


@contextmanager
def without_pods(environment: Environment, cluster: str) -> Generator[None]:
    environment.kubectl(cluster, "scale", "deployment/details-v1", "--namespace=default", "--replicas=0")
    try:
        yield
    finally:
        # One that is on its way out would be taken for the one that logs are followed of.
        environment.kubectl(cluster, "wait", "pod", "--for=delete", "--selector=app=details", "--timeout=50s")
        environment.kubectl(cluster, "scale", "deployment/details-v1", "--namespace=default", "--replicas=1")
        environment.kubectl(
            cluster, "rollout", "status", "deployment/details-v1", "--namespace=default", "--timeout=50s"
        )


def places(logs: Logs, ids: list[int], names: tuple[str, ...]) -> Counter[str]:
    """Where requests were served, as those who served say."""
    numbers = {str(number) for number in ids}
    return Counter({name: count for name in names if (count := logs.served(name, numbers).total())})


def served_by(environment: Environment, logs: Logs, caller: str, name: str) -> Callable[[], None]:
    """A check that all calls are answered, and by one destination alone."""

    def check() -> None:
        ids = new_ids(30)
        assert send(environment.outputs["urls"][caller], ids) == {"200": 30}
        # A log is flushed once a second.
        eventually(lambda: logged(logs, ids, name), seconds=3)

    return check


def logged(logs: Logs, ids: list[int], name: str) -> None:
    assert places(logs, ids, ("vm1", *CLUSTERS)) == {name: len(ids)}


def answers(environment: Environment, caller: str) -> None:
    assert send(environment.outputs["urls"][caller], new_ids(20)) == {"200": 20}


def lost(stream: Stream) -> int:
    return stream.results.total() - stream.results["200"]


def test_while_all_are_well_each_has_its_own_calls(guarded: Environment, tmp_path: Path) -> None:
    for caller in CLUSTERS:
        with followed(guarded, tmp_path, caller) as logs:
            eventually(served_by(guarded, logs, caller, "vm1"))


@pytest.mark.parametrize("caller", CLUSTERS)
def test_the_clusters_take_over_from_the_vm_and_give_back(guarded: Environment, tmp_path: Path, caller: str) -> None:
    """cluster1 first, from wherever the call comes; the VM again once its service runs."""
    url = guarded.outputs["urls"][caller]
    with followed(guarded, tmp_path, caller) as logs:
        eventually(served_by(guarded, logs, caller, "vm1"))
        with Stream(url, RATE) as stream, service_stopped(guarded):
            began = time.monotonic()
            eventually(lambda: answers(guarded, caller), seconds=SECONDS)
            print(f"{caller}: others answer after {time.monotonic() - began:.1f} s")
            eventually(served_by(guarded, logs, caller, "cluster1"))
            time.sleep(5)
        print(f"{caller}: {lost(stream)} of {stream.results.total()} lost while the VM's service was down")
        # A few until the proxy has seen three fail, and those that were under way.
        assert lost(stream) <= RATE
        with Stream(url, RATE) as stream:
            began = time.monotonic()
            eventually(served_by(guarded, logs, caller, "vm1"))
        print(f"{caller}: the VM serves again after {time.monotonic() - began:.1f} s, {dict(stream.results)}")
        assert set(stream.results) == {"200"}


def test_the_next_in_order_takes_over_when_two_are_down(guarded: Environment, tmp_path: Path) -> None:
    with followed(guarded, tmp_path, "cluster1") as logs, service_stopped(guarded):
        eventually(served_by(guarded, logs, "cluster1", "cluster1"))
        with Stream(guarded.outputs["urls"]["cluster1"], RATE) as stream, without_pods(guarded, "cluster1"):
            eventually(served_by(guarded, logs, "cluster1", "cluster2"))
        print(f"VM and cluster1 down: {dict(stream.results)} in {stream.seconds:.1f} s")
        assert set(stream.results) == {"200"}
    eventually(lambda: answers(guarded, "cluster1"))


@pytest.mark.parametrize("caller", CLUSTERS)
def test_cluster2_and_then_the_vm_take_over_from_cluster1(guarded: Environment, tmp_path: Path, caller: str) -> None:
    with guarded.in_stage("kubernetes"), followed(guarded, tmp_path, caller) as logs:
        eventually(served_by(guarded, logs, caller, "cluster1"))
        with Stream(guarded.outputs["urls"][caller], RATE) as stream, without_pods(guarded, "cluster1"):
            eventually(served_by(guarded, logs, caller, "cluster2"))
            with without_pods(guarded, "cluster2"):
                eventually(served_by(guarded, logs, caller, "vm1"))
        print(f"{caller}: {dict(stream.results)} in {stream.seconds:.1f} s without cluster1, then without cluster2")
        # Of pods behind a gateway the caller learns a moment late, and the gateway can only close the connection.
        assert lost(stream) <= 2 * RATE


def test_a_weight_is_for_whom_a_call_is_meant(guarded: Environment, tmp_path: Path) -> None:
    """In the canary stage cluster1 serves the VM's calls beside its own; cluster2, with weight 0, none."""
    with guarded.in_stage("canary"), followed(guarded, tmp_path, "cluster1") as logs:
        with service_stopped(guarded):
            eventually(served_by(guarded, logs, "cluster1", "cluster1"))

        def both() -> None:
            ids = new_ids(60)
            assert send(guarded.outputs["urls"]["cluster1"], ids) == {"200": 60}
            eventually(lambda: shared(logs, ids), seconds=3)

        eventually(both)


def shared(logs: Logs, ids: list[int]) -> None:
    counts = places(logs, ids, ("vm1", *CLUSTERS))
    assert counts.total() == len(ids)
    assert counts.keys() == {"vm1", "cluster1"}


def test_a_stage_is_one_update_a_cluster_with_failover_too(guarded: Environment) -> None:
    guarded.set_stage("canary")
    try:
        assert guarded.changes() == [("update", "kubernetes:networking.istio.io/v1:VirtualService")] * 2
    finally:
        guarded.set_stage("vm-only")
