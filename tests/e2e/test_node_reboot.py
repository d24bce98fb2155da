"""A cluster's node goes and comes back, at the address that it had or at another: nothing is to be done by anybody."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.e2e.conftest import STACK
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CLUSTERS = ("cluster1", "cluster2")
# A node starts in about half a minute; another address of its gateway, the other istiod learns when the name's record
# in its cluster's DNS (30 s) and in its own cache (at least 30 s) is over.
SECONDS = 180


def node(cluster: str) -> str:
    return f"vm-mesh-{STACK}-{cluster}-control-plane"


def address(environment: Environment, container: str) -> str:
    path = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return environment.run("docker", "inspect", "-f", path, container).strip()


def other_than(cluster: str) -> str:
    return next(name for name in CLUSTERS if name != cluster)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_node_that_restarts_is_back_by_itself(running: Environment, cluster: str) -> None:
    registered = connected_at(running)
    running.run("docker", "restart", node(cluster))
    assert_all_is_well(running, cluster, registered)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_node_that_comes_back_with_another_address_is_found(running: Environment, cluster: str) -> None:
    registered, before = connected_at(running), address(running, node(cluster))
    running.run("docker", "stop", node(cluster))
    with taken(running, before):
        running.run("docker", "start", node(cluster))
        assert address(running, node(cluster)) != before
        assert_all_is_well(running, cluster, registered)
    assert running.changes() == []


@contextmanager
def taken(environment: Environment, wanted: str) -> Generator[None]:
    """Another container has this address: Docker gives away the lowest that is free."""
    image = environment.run("docker", "inspect", "-f", "{{.Image}}", node("cluster1")).strip()
    names = [f"vm-mesh-{STACK}-squatter{number}" for number in range(4)]
    try:
        for name in names:
            command = ("--entrypoint", "sleep", image, "infinity")
            environment.run("docker", "run", "-d", "--name", name, "--network", f"vm-mesh-{STACK}", *command)
            if address(environment, name) == wanted:
                break
        else:
            pytest.fail(f"Docker gave {wanted} to none of {names}")
        yield
    finally:
        environment.run("sh", "-c", 'docker rm --force "$@" >/dev/null 2>&1 || true', "sh", *names)


def assert_all_is_well(environment: Environment, cluster: str, registered: datetime) -> None:
    """Until people are served, the VM is registered anew, and the other cluster's pods are answered by this one's."""
    start = time.monotonic()

    def served() -> None:
        assert send(environment.outputs["urls"][cluster], new_ids(5)) == {"200": 5}

    def joined() -> None:
        if cluster == "cluster1":  # whose control plane it is
            assert connected_at(environment) > registered
        assert send(environment.outputs["urls"]["cluster1"], new_ids(5)) == {"200": 5}

    def found() -> None:
        assert gateways_of_reviews(environment, other_than(cluster)) == {address(environment, node(cluster))}

    def answered() -> None:
        # By the address alone nobody knows whether the pods behind it are up again.
        url = environment.outputs["urls"][other_than(cluster)]
        assert send(url, [f"{number}/reviews" for number in new_ids(40)]) == {"200": 40}

    checks = {"traffic": served, "VM": joined, "other cluster": found, "its calls": answered}
    seconds = {name: seconds_until(check, start) for name, check in checks.items()}
    print(f"{cluster} is back: " + ", ".join(f"{name} after {taken:.0f} s" for name, taken in seconds.items()))


def seconds_until(check: Callable[[], None], start: float) -> float:
    def checked() -> None:
        try:
            check()
        except subprocess.CalledProcessError as error:  # the cluster does not answer yet
            raise AssertionError(str(error)) from error

    eventually(checked, seconds=SECONDS)
    return time.monotonic() - start


def gateways_of_reviews(environment: Environment, cluster: str) -> set[str]:
    """Addresses of gateways that productpage's proxy in a cluster has as endpoints of reviews."""
    clusters = environment.kubectl(
        cluster,
        "exec",
        "deployment/productpage-v1",
        "-c",
        "istio-proxy",
        "--",
        "pilot-agent",
        "request",
        "GET",
        "clusters",
    )
    prefix = "outbound|9080||reviews.default.svc.cluster.local::"
    endpoints = {line.removeprefix(prefix).split("::")[0] for line in clusters.splitlines() if line.startswith(prefix)}
    return {endpoint.removesuffix(":15443") for endpoint in endpoints if endpoint.endswith(":15443")}


def connected_at(environment: Environment) -> datetime:
    """When the VM last registered with istiod."""
    arguments = ("-n", "virtual-machines", "get", "workloadentries", "-o", "json")
    (entry,) = json.loads(environment.kubectl("cluster1", *arguments))["items"]
    return datetime.fromisoformat(entry["metadata"]["annotations"]["istio.io/connectedAt"][:19])
