"""What Kiali and Grafana are given is enough for what they do, and for nothing more; nobody of the mesh calls them.

A program of the tests is in their place: their images cannot be had here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import intruder
from tests.e2e.callers import Caller, in_place
from tests.e2e.environment import Environment, eventually
from tests.e2e.pages import loaded
from tests.e2e.test_intruders import knocks
from tests.e2e.test_metrics import CLUSTERS, RATE, left_behind, managed, prometheus, running_since
from tests.e2e.traffic import Stream
from vmmesh.forward import Forwards

pytestmark = [pytest.mark.e2e, pytest.mark.long]

HOME = "cluster2"
PORTS = {"kiali": 20001, "grafana": 3000}
READ = [
    "GET /apis/networking.istio.io/v1/workloadgroups",
    "GET /apis/networking.istio.io/v1/virtualservices",
    "GET /api/v1/namespaces",
    "GET /api/v1/configmaps",
]
NOT_READ = [
    "GET /api/v1/secrets",
    "GET /api/v1/namespaces/default/pods/any/log",
    "POST /api/v1/namespaces/default/pods/any/exec?command=true&stdout=true",
    "POST /api/v1/namespaces?dryRun=All",
]
QUERY = "POST /api/v1/query"
ABOUT = [
    "GET /api/v1/label/__name__/values",
    "GET /api/v1/status/buildinfo",
    "GET /api/v1/status/config",
    "GET /api/v1/status/runtimeinfo",
    "GET /-/healthy",
]
REFUSED = ["GET /api/v1/query?query=up", "GET /api/v1/status/tsdb", "POST /api/v1/write"]


def answers(allowed: list[str], refused: list[str]) -> dict[str, str]:
    return dict.fromkeys(allowed, "200") | dict.fromkeys(refused, "403")


@pytest.fixture(scope="module")
def shown(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment with both in cluster2. That they come and go loses no call and starts nothing anew."""
    before, url = running_since(running), running.outputs["urls"]["cluster1"]
    with loaded(running, HOME, tmp_path_factory.mktemp("page")) as image:
        pages = {page: {"image": image} for page in PORTS}
        try:
            with Stream(url, rate=RATE) as on:
                managed(running, {"cluster": HOME, "metrics": {}, **pages})
            print(f"turned on: {dict(on.results)} in {on.seconds:.0f} s")
            assert set(on.results) == {"200"}
            assert running_since(running) == before
            yield running
        finally:
            with Stream(url, rate=RATE) as off:
                managed(running, None)
    print(f"turned off: {dict(off.results)} in {off.seconds:.0f} s")
    assert set(off.results) == {"200"}
    assert running.changes() == []
    assert running_since(running) == before
    assert left_behind(running) == []
    for cluster in CLUSTERS:
        roles = running.kubectl(cluster, "get", "clusterroles,clusterrolebindings", "-o", "name").split()
        assert [role for role in roles if "kiali" in role] == []


def looked_at(environment: Environment, page: str, path: str) -> str:
    """What answers in the place of a page, by a port-forward, as people look at it."""
    with Forwards() as forwards:
        kubeconfig = environment.kubeconfig(HOME)
        return forwards.to(kubeconfig, "management", f"deployment/{page}", PORTS[page], page).get(path)


def seen(environment: Environment, page: str) -> dict[str, Any]:
    """What came of all that it has just tried in the place of a page."""
    return json.loads(looked_at(environment, page, "seen"))


def counts(environment: Environment, page: str, allowed: list[str], refused: list[str]) -> None:
    """It may ask this of the metrics store and that not, and is told what people are told."""
    with prometheus(environment) as store:

        def the_same() -> None:
            metrics = seen(environment, page)["metrics"]
            assert metrics["statuses"] == answers(allowed, refused)
            assert [metrics["count"]] == [it["value"][1] for it in store.ask("count(up)")]

        # The first readings of proxies come some seconds after what keeps them.
        eventually(the_same, seconds=90)


def test_kiali_reads_every_cluster_and_changes_none(shown: Environment) -> None:
    clusters = seen(shown, "kiali")["clusters"]
    assert {name: it["statuses"] for name, it in clusters.items()} == dict.fromkeys(CLUSTERS, answers(READ, NOT_READ))
    assert {name: it["groups"] for name, it in clusters.items()} == {"cluster1": ["vm1"], "cluster2": []}


def test_kiali_asks_for_metrics_and_about_them_and_writes_none(shown: Environment) -> None:
    counts(shown, "kiali", [QUERY, *ABOUT], REFUSED)


def test_kiali_finds_grafana_and_sees_nothing_of_it_but_its_dashboards(shown: Environment) -> None:
    assert seen(shown, "kiali")["grafana"] == answers(["GET /api/health"], ["GET /seen"])


def test_grafana_asks_for_metrics_and_nothing_else(shown: Environment) -> None:
    counts(shown, "grafana", [QUERY], [*ABOUT, *REFUSED])


def test_grafana_opens_with_the_dashboard_and_has_no_rights_in_its_cluster(shown: Environment) -> None:
    found = seen(shown, "grafana")
    assert found["dashboards"] == [found["home"]] == ["vm-mesh: routes"]
    assert found["keeps"]
    assert not found["token"]


@pytest.mark.parametrize("path", ["seen", "api/health"])
def test_no_pod_calls_grafana_by_its_service(shown: Environment, path: str) -> None:
    """By mTLS, as itself, and from the same cluster: so it is the policy that refuses, not the way."""
    curious = Caller(shown, HOME, "curious")
    with in_place([curious]):
        assert curious.curl(f"http://grafana.management.svc.cluster.local:{PORTS['grafana']}/{path}") == ["403"]


def test_nobody_of_the_mesh_calls_them_by_their_addresses(shown: Environment, tmp_path: Path) -> None:
    """With the certificate of the VM, shown from the network of cluster2's node, where every pod of it is reached.

    A pod's own sidecar would send plain text to an address that is of no Service, as Kiali's is, and the VM itself
    reaches no pod of another network: neither would come as far as the policy.
    """
    files = [str(tmp_path / file) for file in ("cert-chain.pem", "key.pem")]
    for file in map(Path, files):
        file.touch(mode=0o600)
        file.write_text(shown.on_vm(f"cat /etc/certs/{file.name}"))
    guises = {"plain": None, "nobody": None, "vm": files}
    targets = [(address(shown, f"app={page}", "management"), port) for page, port in PORTS.items()]
    paths = ["/seen", "/healthz", "/api/health"]
    for found in knocks(shown, HOME, targets, guises, paths):
        met = (found["what"], found["status"])
        expected = (intruder.ANSWERS, 403) if found["who"] == "vm" else (intruder.CUT, None)
        assert met == expected, (found["port"], found["path"], found["who"])
    # The same certificate is let in where there is no policy.
    front = [(address(shown, "app=productpage", "default"), 9080)]
    (welcome,) = knocks(shown, HOME, front, {"vm": files}, ["/health"])
    assert welcome["status"] == 200


def address(environment: Environment, selector: str, namespace: str) -> str:
    pod = environment.pod(HOME, selector, namespace)
    return environment.kubectl(HOME, "get", "-n", namespace, pod, "-o", "jsonpath={.status.podIP}")


@pytest.mark.parametrize(("page", "health"), [("kiali", "healthz"), ("grafana", "api/health")])
def test_people_look_at_them_by_a_port_forward(shown: Environment, page: str, health: str) -> None:
    assert looked_at(shown, page, health) == ""


def test_make_up_tells_the_way_to_them_and_changes_nothing(shown: Environment) -> None:
    said = shown.make("up")
    for page, port in PORTS.items():
        way = f"kubectl --namespace management port-forward deployment/{page} {port}, then http://localhost:{port}"
        assert f"{page} of {HOME}: {way}" in said
    assert "nothing changed" in said
    assert shown.changes() == []
