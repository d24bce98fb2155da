"""Clusters that hold no credentials of each other split calls as those that do, and a change of the mode loses none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import splits
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, followed, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CLUSTERS = ("cluster1", "cluster2")
RATE = 60
# In each cluster, what the other one exports: the service that has a route, and the VM that runs it.
EXPORTED = {
    "cluster1": {"default/details-v1.cluster2"},
    "cluster2": {"default/details-v1.cluster1", "virtual-machines/vm.vm1.cluster1"},
}


@pytest.fixture(scope="module")
def keyless(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment in the mode without remote secrets, and afterwards in the other one again.

    Both ways are gone under a stream, in the stage ``spread``, where a quarter of cluster1's calls cross to cluster2.
    """
    with running.in_stage("spread"):
        there = switched(running, "serviceEntries", tmp_path_factory.mktemp("there"))
    try:
        assert set(there.results) == {"200"}
        yield running
    finally:
        with running.in_stage("spread"):
            back = switched(running, None, tmp_path_factory.mktemp("back"))
    assert set(back.results) == {"200"}


def switched(environment: Environment, discovery: str | None, folder: Path) -> Stream:
    """Changes the mode by the config and `up`, until calls are split by the stage; the stream meanwhile."""
    with followed(environment, folder, "cluster1") as logs:
        splits.settled(environment, logs, "cluster1", "spread")
        with environment.edited() as config:
            mesh = config.setdefault("vm-mesh:mesh", {})
            mesh.pop("discovery", None)
            if discovery:
                mesh["discovery"] = discovery
            if not mesh:
                del config["vm-mesh:mesh"]
        with Stream(environment.outputs["urls"]["cluster1"], rate=RATE) as stream:
            environment.up()
            splits.settled(environment, logs, "cluster1", "spread")
    lost = stream.results.total() - stream.results["200"]
    print(f"{discovery or 'remoteSecrets'}: {lost} of {stream.results.total()} lost in {stream.seconds:.0f} s")
    print(dict(stream.results))
    return stream


def test_every_stage_there_and_back(keyless: Environment, tmp_path: Path) -> None:
    """The three-way split among them, and no stage touches more than it does in the other mode."""
    splits.every_stage_there_and_back(keyless, tmp_path)


def test_callers_of_the_other_cluster_split_alike(keyless: Environment, tmp_path: Path) -> None:
    """They reach the VM by the gateway of the cluster that it has joined."""
    splits.callers_of_the_other_cluster_split_alike(keyless, tmp_path)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_talks_split_over_the_vm_and_both_clusters(keyless: Environment, tmp_path: Path, cluster: str) -> None:
    with keyless.in_stage("spread"), followed(keyless, tmp_path, cluster) as logs:
        splits.settled(keyless, logs, cluster, "spread")
        splits.assert_split(keyless, logs, cluster, "spread")


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_no_cluster_holds_a_key_of_another(keyless: Environment, cluster: str) -> None:
    """No remote secret, nobody who could be one, and no right that one had."""

    def names(*arguments: str) -> list[str]:
        return keyless.kubectl(cluster, "get", *arguments, "-o", "name").split()

    assert names("secrets", "--all-namespaces", "-l", "istio/multiCluster") == []
    everything = [
        *names("serviceaccounts", "--all-namespaces"),
        *names("secrets", "-n", "istio-system"),
        *names("clusterroles"),
        *names("clusterrolebindings"),
        *names("roles", "-n", "istio-system"),
        *names("rolebindings", "-n", "istio-system"),
    ]
    assert [name for name in everything if "istio-remote-reader" in name or "istio-remote-secret" in name] == []


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_what_others_export_is_all_that_is_written_down(keyless: Environment, cluster: str) -> None:
    listed = keyless.kubectl(
        cluster, "get", "workloadentries", "--all-namespaces", "-l", "vm-mesh/exported-by", "-o", "json"
    )
    found = {f"{it['metadata']['namespace']}/{it['metadata']['name']}" for it in json.loads(listed)["items"]}
    assert found == EXPORTED[cluster]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_istiod_reads_no_other_cluster(keyless: Environment, cluster: str) -> None:
    known = ("exec", "-n", "istio-system", "deployment/istiod", "--", "pilot-discovery", "request", "GET")
    found = json.loads(keyless.kubectl(cluster, *known, "/debug/clusterz"))
    assert {remote["id"] for remote in found or ()} <= {cluster}


def test_a_vm_that_cannot_serve_is_refused_where_it_is_known(keyless: Environment, tmp_path: Path) -> None:
    """cluster2 does not know whether the VM serves; cluster1's gateway does, and it comes back by itself."""
    url = keyless.outputs["urls"]["cluster2"]
    keyless.on_vm("sv stop details")
    try:

        def refused() -> None:
            assert send(url, new_ids(20))["200"] == 0

        eventually(refused)
    finally:
        keyless.on_vm("sv start details")

    def served() -> None:
        assert send(url, new_ids(20)) == {"200": 20}

    eventually(served, seconds=60)
    with followed(keyless, tmp_path, "cluster2") as logs:
        splits.settled(keyless, logs, "cluster2", "vm-only")


@pytest.mark.parametrize("command", ["doctor", "drift", "status", "graph"])
def test_what_looks_at_the_mesh_is_content(keyless: Environment, tmp_path: Path, command: str) -> None:
    """Raises CalledProcessError, with what it printed, if it is not."""
    keyless.vmmesh(command, *(["--output", str(tmp_path / "topology.svg")] if command == "graph" else []))
