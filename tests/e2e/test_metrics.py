"""The metrics of every proxy come together in one place, nobody else reads them, and none are lost on the way."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e import splits
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, followed, new_ids, send
from vmmesh.forward import Forwards

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CLUSTERS = ("cluster1", "cluster2")
INTERVAL = 5
"""Seconds between two readings, by default."""
REQUESTS = 1_000
RATE = 40
AWAY = 40
"""Seconds without the management cluster's Prometheus."""
_LIST = "ls /var/lib/vm-mesh 2>/dev/null || :"
READ = "https://{}:15091/stats/prometheus"


@pytest.fixture(scope="module")
def kept(running: Environment) -> Iterator[Environment]:
    """The environment with metrics, kept in cluster2. That they come and go loses no call and starts nothing anew."""
    before = running_since(running)
    with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as on:
        managed(running, {"cluster": "cluster2", "metrics": {}})
    assert set(on.results) == {"200"}
    assert running_since(running) == before
    try:
        yield running
    finally:
        with Stream(running.outputs["urls"]["cluster1"], rate=RATE) as off:
            managed(running, None)
    assert set(off.results) == {"200"}
    assert running_since(running) == before
    assert left_behind(running) == []


def managed(
    environment: Environment, management: dict[str, Any] | None, clusters: dict[str, Any] | None = None
) -> None:
    """Applies the config with this management cluster, and with these clusters beside the others."""
    with environment.edited() as config:
        config.pop("vm-mesh:management", None)
        if management:
            config["vm-mesh:management"] = management
        config["vm-mesh:clusters"] |= clusters or {}
    environment.make("tools")
    environment.up()
    environment.forget_outputs()


def running_since(environment: Environment) -> list[str]:
    """The pods that serve calls and pass them on, but for those that are ending, and the VM's agent."""
    places = [(cluster, namespace) for cluster in CLUSTERS for namespace in ("default", "istio-system")]
    found = [
        environment.kubectl(cluster, "get", "pods", "-n", namespace, "-o", "json") for cluster, namespace in places
    ]
    pods = [pod["metadata"] for listed in found for pod in json.loads(listed)["items"]]
    there = sorted(pod["uid"] for pod in pods if "deletionTimestamp" not in pod)
    return [*there, environment.on_vm("pgrep -x pilot-agent")]


def left_behind(environment: Environment) -> list[str]:
    """What is there of the metrics, in the clusters, on their nodes and on the VM."""
    found: list[str] = []
    for cluster in CLUSTERS:
        listed = environment.kubectl(cluster, "get", "namespaces,envoyfilters,roles", "--all-namespaces", "-o", "name")
        found += [line for line in listed.split() if any(it in line for it in ("management", "readings", "prometheus"))]
        listed = environment.run("docker", "exec", node(environment, cluster), "sh", "-c", _LIST)
        found += listed.split()

    def closed() -> None:
        assert environment.on_vm("curl -sk -m 5 https://127.0.0.1:15091/; echo $?").strip() == "7"

    eventually(closed)
    return found


def node(environment: Environment, cluster: str) -> str:
    return f"vm-mesh-{environment.stack}-{cluster}-control-plane"


@contextmanager
def prometheus(environment: Environment, cluster: str = "cluster2") -> Generator[Prometheus]:
    with Forwards() as forwards:
        yield Prometheus(forwards, environment.kubeconfig(cluster))


class Prometheus:
    """The management cluster's, by a port-forward, as people ask it."""

    def __init__(self, forwards: Forwards, kubeconfig: Path) -> None:
        self._forward = forwards.to(kubeconfig, "management", "deployment/prometheus", 9090, "Prometheus")

    def ask(self, query: str) -> list[dict[str, Any]]:
        return json.loads(self._forward.get(f"api/v1/query?{urlencode({'query': query})}"))["data"]["result"]

    def counted(self) -> Counter[str]:
        """Calls of details by destination, as the callers in cluster1 have counted them so far."""
        caller = 'cluster="cluster1",app="productpage"'
        found = self.ask(f"sum by (cluster_name) (envoy_cluster_upstream_rq_total{{{caller}}})")
        names = {envoy: name for name, envoy in splits.ENVOY_CLUSTERS.items()}
        return Counter(
            {
                names[it["metric"]["cluster_name"]]: int(it["value"][1])
                for it in found
                if it["metric"]["cluster_name"] in names
            }
        )


def proxies(environment: Environment, cluster: str) -> set[str]:
    """Pods with a proxy, but for those that read."""
    pods = json.loads(environment.kubectl(cluster, "get", "pods", "--all-namespaces", "-o", "json"))["items"]
    return {
        pod["metadata"]["name"]
        for pod in pods
        for container in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])
        if container["name"] == "istio-proxy" and pod["metadata"]["labels"].get("app") != "prometheus-agent"
    }


def all_read(environment: Environment, store: Prometheus, clusters: tuple[str, ...] = CLUSTERS) -> None:
    """Pods and gateways of the clusters, and the VM."""
    up = [it["metric"] for it in store.ask("up == 1")]
    for cluster in clusters:
        assert {it["pod"] for it in up if it["cluster"] == cluster and "pod" in it} == proxies(environment, cluster)
    assert [(it["cluster"], it["machine"]) for it in up if it.get("vm") == "vm1"] == [("cluster1", "vm1")]
    assert store.ask("up == 0") == []


def test_every_proxy_is_read(kept: Environment) -> None:
    with prometheus(kept) as store:
        eventually(lambda: all_read(kept, store), seconds=120)
        (apps,) = [{it["metric"].get("app") for it in store.ask('up{cluster="cluster1"}')}]
    assert apps >= {"productpage", "details", "istio-ingressgateway", "istio-eastwestgateway"}
    assert kept.changes() == []


def test_what_is_counted_is_what_was_sent(kept: Environment, tmp_path: Path) -> None:
    url = kept.outputs["urls"]["cluster1"]
    with prometheus(kept) as store, kept.in_stage("spread"), followed(kept, tmp_path, "cluster1") as logs:
        splits.settled(kept, logs, "cluster1", "spread")
        # What has counted nothing yet is not there, so that the first calls would be missing.
        send(url, new_ids(100))
        time.sleep(3 * INTERVAL)
        before = store.counted()
        ids = new_ids(REQUESTS)
        assert send(url, ids) == {"200": REQUESTS}

        def all_there() -> None:
            numbers = {str(number) for number in ids}
            logged = {name: logs.served(name, numbers).total() for name in splits.ENVOY_CLUSTERS}
            assert sum(logged.values()) == REQUESTS
            assert store.counted() - before == logged

        eventually(all_there, seconds=60)


@pytest.fixture(scope="module")
def certificates(kept: Environment) -> Iterator[dict[str, str]]:
    """On cluster1's node, options by which curl shows who it is: nobody, a VM of the mesh, and the one who reads."""
    reader = kept.pod("cluster1", "app=prometheus-agent", "management")
    folder = "/etc/istio-certificates"

    def of_reader(file: str) -> str:
        return kept.kubectl(
            "cluster1", "exec", "-n", "management", reader, "-c", "istio-proxy", "--", "cat", f"{folder}/{file}"
        )

    pems = {
        "vm": (kept.on_vm("cat /etc/certs/cert-chain.pem"), kept.on_vm("cat /etc/certs/key.pem")),
        "reader": (of_reader("cert-chain.pem"), of_reader("key.pem")),
    }
    found = {"nobody": ""}
    try:
        for who, pem in pems.items():
            for kind, text in zip(("cert", "key"), pem, strict=True):
                on_node(kept, f"umask 077; cat >/tmp/{who}.{kind}", text)
            found[who] = f"--cert /tmp/{who}.cert --key /tmp/{who}.key"
        yield found
    finally:
        on_node(kept, "rm -f /tmp/vm.* /tmp/reader.*")


def on_node(environment: Environment, command: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["docker", "exec", "-i", node(environment, "cluster1"), "sh", "-c", command],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("where", ["pod", "gateway", "vm"])
def test_only_the_one_who_reads_is_let_in(kept: Environment, certificates: dict[str, str], where: str) -> None:
    address = {"pod": "app=details", "gateway": "app=istio-eastwestgateway"}
    if where == "vm":
        host = kept.outputs["transports"]["vm1"].split()[-1]  # its container, by Docker's DNS
    else:
        namespace = "default" if where == "pod" else "istio-system"
        pod = kept.pod("cluster1", address[where], namespace)
        host = kept.kubectl("cluster1", "get", "-n", namespace, pod, "-o", "jsonpath={.status.podIP}")

    def status(options: str, url: str = READ.format(host)) -> str:
        return on_node(kept, f"curl -sk -m 10 -o /dev/null -w '%{{http_code}}' {options} {url} || :")

    assert status(certificates["nobody"]) == "000"
    assert status("", READ.format(host).replace("https", "http")) == "000"
    assert status(certificates["vm"]) == "000"
    assert status(certificates["reader"]) == "200"
    assert status(certificates["reader"], f"https://{host}:15091/config_dump") == "404"


def test_nobody_of_the_mesh_asks_what_keeps_them(kept: Environment) -> None:
    url = "http://prometheus.management.svc.cluster.local:9090"
    for path, method in (("/api/v1/query?query=up", "GET"), ("/api/v1/write", "POST")):
        assert kept.on_vm(f"curl -s -m 10 -o /dev/null -w '%{{http_code}}' -X {method} '{url}{path}'") == "403"


def test_nothing_is_lost_while_the_management_cluster_is_away(kept: Environment) -> None:
    scale = ("scale", "-n", "management", "deployment/prometheus")
    with Stream(kept.outputs["urls"]["cluster1"], rate=RATE) as stream:
        time.sleep(3 * INTERVAL)
        kept.kubectl("cluster2", *scale, "--replicas=0")
        kept.kubectl(
            "cluster2", "delete", "pod", "-n", "management", "-l", "app=prometheus", "--force", "--grace-period=0"
        )
        time.sleep(AWAY)
        kept.kubectl("cluster2", *scale, "--replicas=1")
        kept.kubectl("cluster2", "rollout", "status", "-n", "management", "deployment/prometheus", "--timeout=120s")
        with prometheus(kept) as store:

            def no_gap() -> None:
                for chosen in ('vm="vm1"', 'cluster="cluster1",app="productpage"'):
                    (series,) = store.ask(f"up{{{chosen}}}[{AWAY + 60}s]")
                    moments = [moment for moment, _ in series["values"]]
                    assert max(later - earlier for earlier, later in pairwise(moments)) < 2 * INTERVAL
                    assert moments[-1] - moments[0] > AWAY + 30

            eventually(no_gap, seconds=90)
    assert set(stream.results) == {"200"}
    assert kept.changes() == []


def test_a_migration_is_drawn_over_time(kept: Environment, tmp_path: Path) -> None:
    with Stream(kept.outputs["urls"]["cluster1"], rate=RATE) as stream, kept.in_stage("kubernetes"):
        time.sleep(8 * INTERVAL)
    assert set(stream.results) == {"200"}
    image = tmp_path / "picture.png"
    found = json.loads(kept.vmmesh("graph", "--over", "10m", "--output", str(image), "--json"))
    assert image.read_bytes().startswith(b"\x89PNG")
    (route,) = found["routes"]
    assert [it["stage"] for it in route["stages"]][-2:] == ["kubernetes", "vm-only"]
    shares = {name: it["percent"] for name, it in route["destinations"].items()}
    assert max(it for it in shares["cluster1"] if it is not None) == pytest.approx(100, abs=0.1)
    assert max(it for it in shares["vm1"] if it is not None) == pytest.approx(100, abs=0.1)
    assert all(not it for it in route["destinations"]["vm1"]["failed_percent"])
    assert any(route["destinations"]["cluster1"]["p99_milliseconds"])
