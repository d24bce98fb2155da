"""Istio upgraded by revision, with traffic running: another control plane beside, who moves to it, the old one gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send
from toolchain import artifacts

pytestmark = [pytest.mark.e2e, pytest.mark.long]

RATE = 40
"""Requests a second, half of them through each cluster's ingress."""
NEXT_TAG = "next"
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def spread(running: Environment) -> Iterator[Environment]:
    """The environment in the stage that has callers go to the VM and to both clusters; afterwards as it was found."""
    with running.edited() as config:
        before = json.loads(json.dumps(config))
    running.set_stage("spread")
    running.up()
    try:
        yield running
    finally:
        with running.edited() as config:
            config.clear()
            config.update(before)
        running.up()


@pytest.fixture
def next_tag(running: Environment) -> Iterator[str]:
    """Istio's images under another tag too, as another version has: told apart, and the same on every machine."""
    istio = artifacts.load(running.root).istio
    images = [f"{istio.hub}/{name}" for name in ("pilot", "proxyv2")]
    nodes = [f"vm-mesh-{running.stack}-{cluster}-control-plane" for cluster in running.outputs["urls"]]

    def ctr(node: str, *arguments: str) -> None:
        running.run("docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", *arguments)

    for node in nodes:
        for image in images:
            ctr(node, "tag", "--force", f"{image}:{istio.tag}", f"{image}:{NEXT_TAG}")
    yield NEXT_TAG
    for node in nodes:
        for image in images:
            ctr(node, "rm", f"{image}:{NEXT_TAG}")


def test_istio_is_upgraded_by_revision_without_a_lost_request(spread: Environment, next_tag: str) -> None:
    def beside(istio: dict[str, Any]) -> None:
        istio["revisions"] = {"default": {}, "next": {"tag": next_tag}}

    def one_namespace(istio: dict[str, Any]) -> None:
        istio["namespaces"] = {"default": "next"}

    def gateways(istio: dict[str, Any]) -> None:
        istio["gateways"] = "next"

    def all_of_it(istio: dict[str, Any]) -> None:
        istio |= {"revision": "next"}

    def old_one_gone(istio: dict[str, Any]) -> None:
        del istio["revisions"]["default"]

    take(spread, beside)
    assert istiods(spread) == {"istiod", "istiod-next"}
    assert used(spread) == {"istiod"}

    take(spread, one_namespace)
    eventually(lambda: assert_used(spread, "default/", {"istiod-next"}), seconds=60)
    assert_used(spread, "istio-system/", {"istiod"})
    assert images(spread, "default") == {next_tag}

    take(spread, gateways)
    eventually(lambda: assert_used(spread, "istio-system/", {"istiod-next"}), seconds=60)
    assert images(spread, "istio-system") >= {next_tag}

    take(spread, all_of_it)
    take(spread, old_one_gone)
    assert istiods(spread) == {"istiod-next"}
    assert spread.changes() == []

    # The VM names no revision: its agent is at the mesh's istiod, whichever that is.
    def vm_is_at_the_new_one() -> None:
        log = spread.kubectl("cluster1", "-n", "istio-system", "logs", "deployment/istiod-next")
        assert any("ADS: new" in line and "vm1" in line for line in log.splitlines())

    eventually(vm_is_at_the_new_one, seconds=90)
    for url in spread.outputs["urls"].values():
        assert send(url, new_ids(40)) == {"200": 40}


def take(environment: Environment, edit: Edit) -> None:
    """Makes an edit of the config, and applies it while calls go on, of which none may be lost."""
    with environment.edited() as config:
        edit(config.setdefault("vm-mesh:istio", {}))
    planned = environment.changes()
    assert {operation for operation, _ in planned} <= {"create", "update", "delete"}
    urls = list(environment.outputs["urls"].values())
    with Stream(urls[0], RATE / 2) as first, Stream(urls[1], RATE / 2) as second:
        environment.make("up")
        eventually(lambda: assert_none_is_ending(environment), seconds=90)
    results = first.results + second.results
    print(f"{edit.__name__}: {dict(results)} in {first.seconds:.0f} s; {len(planned)} changes")
    assert {*results} == {"200"}


def assert_none_is_ending(environment: Environment) -> None:
    """A pod that was replaced may still hold calls."""
    path = "jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}"
    ending = [
        environment.kubectl(cluster, "get", "pod", "--all-namespaces", "-o", path)
        for cluster in environment.outputs["urls"]
    ]
    assert not any(ending)


def proxies(environment: Environment) -> list[dict[str, Any]]:
    """Every proxy, as `vmmesh proxies` shows it."""
    return json.loads(environment.vmmesh("proxies", "--json", "--wait", "60"))["proxies"]


def used(environment: Environment) -> set[str]:
    return {proxy["istiod"] for proxy in proxies(environment)}


def assert_used(environment: Environment, namespace: str, istiods: set[str]) -> None:
    found = {proxy["istiod"] for proxy in proxies(environment) if proxy["proxy"].startswith(namespace)}
    assert found == istiods


def istiods(environment: Environment) -> set[str]:
    """Names of the istiods that both clusters have."""
    found = [
        environment.kubectl(cluster, "-n", "istio-system", "get", "deployment", "-l", "app=istiod", "-o", "name")
        for cluster in environment.outputs["urls"]
    ]
    assert len(set(found)) == 1
    return {line.split("/")[1] for line in found[0].split()}


def images(environment: Environment, namespace: str) -> set[str]:
    """Tags of the proxies' images in a namespace."""
    path = (
        "jsonpath={range .items[*]}{range .spec.containers[?(@.name=='istio-proxy')]}{.image}{'\\n'}{end}"
        "{range .spec.initContainers[?(@.name=='istio-proxy')]}{.image}{'\\n'}{end}{end}"
    )
    running = ("get", "pod", "-n", namespace, "--field-selector=status.phase=Running", "-o", path)
    listed = [environment.kubectl(cluster, *running) for cluster in environment.outputs["urls"]]
    return {line.rpartition(":")[2] for lines in listed for line in lines.split()}
