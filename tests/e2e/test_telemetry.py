"""Access logs and traces of the whole mesh in one place, through the mesh; they come and go without a lost call."""

from __future__ import annotations

import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from tests.e2e.callers import Caller, in_place
from tests.e2e.environment import Environment, eventually
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = [pytest.mark.e2e, pytest.mark.long]

ON: dict[str, Any] = {"cluster": "cluster2", "accessLogs": {}, "traces": {}}
CLUSTERS = ("cluster1", "cluster2")
# istiod reads changed mesh config when kubelet has brought it into its pod, which takes up to two minutes; and calls of
# connections that are open then are logged as before, until proxies have drained the listener, for 45 seconds.
TAKES_EFFECT = 240
# A proxy sends its lines each second.
SENT = 4
HOPS = {
    ("istio-ingressgateway", "outbound"),
    ("productpage", "inbound"),
    ("productpage", "outbound"),
    ("details", "inbound"),
}
STORE = "http://access-logs.management.svc.cluster.local:9428"


def apply(environment: Environment, management: dict[str, Any] | None) -> None:
    with environment.edited() as config:
        config.pop("vm-mesh:management", None)
        if management:
            config["vm-mesh:management"] = management
    environment.make("tools")
    environment.up()


def pods(environment: Environment) -> set[str]:
    """Names of all pods but those that gather."""
    path = 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
    found = [environment.kubectl(cluster, "get", "pods", "-A", "-o", path).split() for cluster in CLUSTERS]
    return {pod for names in found for pod in names if not pod.startswith("management/")}


def kept(environment: Environment, *options: str) -> list[dict[str, Any]]:
    lines = environment.vmmesh("logs", "--since", "30m", "--outbound", "--json", *options).splitlines()
    return [json.loads(line) for line in lines]


def hops(environment: Environment, ids: Iterable[int]) -> dict[str, list[dict[str, Any]]]:
    """The lines that are kept of each of the numbered requests."""
    wanted = {str(number) for number in ids}
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in kept(environment):
        number = str(line["path"]).rpartition("/")[2]
        if number in wanted:
            found[number].append(line)
    return found


def all_kept(environment: Environment, ids: list[int]) -> dict[str, list[dict[str, Any]]]:
    """Every hop of every one of the requests, once it is there."""
    found: dict[str, list[dict[str, Any]]] = {}

    def check() -> None:
        found.update(hops(environment, ids))
        assert not lacking(ids, found)

    eventually(check, TAKES_EFFECT)
    return found


def lacking(ids: list[int], found: Mapping[str, list[dict[str, Any]]]) -> dict[int, set[tuple[str, str]]]:
    """Which hops of which of the numbered requests are not among the lines that were found."""
    missing = {number: HOPS - {_hop(line) for line in found.get(str(number), ())} for number in ids}
    return {number: hops for number, hops in missing.items() if hops}


def _hop(line: dict[str, Any]) -> tuple[str, str]:
    return line["app"], line["upstream_cluster"].partition("|")[0]


@pytest.fixture(scope="module")
def gathering(running: Environment) -> Iterator[Environment]:
    """The environment with both turned on, and off again; neither costs a call, nor makes a pod anew."""
    url, before = running.outputs["urls"]["cluster1"], pods(running)
    with Stream(url, rate=20) as stream:
        apply(running, ON)

        def takes_effect() -> None:
            ids = new_ids(200)
            send(url, ids)
            time.sleep(SENT)
            assert not lacking(ids, hops(running, ids))

        eventually(takes_effect, TAKES_EFFECT)
        assert running.changes() == []
    print(f"turned on: {dict(stream.results)} in {stream.seconds:.0f} s")
    assert set(stream.results) == {"200"}
    assert pods(running) == before
    yield running
    before = pods(running)
    with Stream(url, rate=20) as stream:
        apply(running, None)
        time.sleep(30)
    print(f"turned off: {dict(stream.results)} in {stream.seconds:.0f} s")
    assert set(stream.results) == {"200"}
    assert pods(running) == before
    for cluster in CLUSTERS:
        assert "namespace/management" not in running.kubectl(cluster, "get", "namespaces", "-o", "name").split()
        assert running.kubectl(cluster, "get", "telemetries.telemetry.istio.io", "-A", "-o", "name") == ""
        assert running.kubectl(cluster, "get", "persistentvolumes", "-o", "name") == ""
        node = f"vm-mesh-{running.stack}-{cluster}-control-plane"
        assert running.run("docker", "exec", node, "sh", "-c", "ls /var/lib/vm-mesh 2>/dev/null || true") == ""


def test_every_hop_of_every_request_is_kept(gathering: Environment) -> None:
    ids = new_ids(200)
    with gathering.in_stage("uneven"):
        assert send(gathering.outputs["urls"]["cluster1"], ids) == {"200": len(ids)}
        found = all_kept(gathering, ids)
    served = {line["place"] for lines in found.values() for line in lines if _hop(line) == ("details", "inbound")}
    assert served == {"vm1", "cluster1", "cluster2"}
    for lines in found.values():
        assert len({line["request_id"] for line in lines}) == 1
        assert len({line["trace_id"] for line in lines}) == 1


def test_what_a_collector_has_received_is_kept_whatever_restarts(gathering: Environment) -> None:
    """The store ends in order, the collector is killed. Lines that proxies send while there is no collector are lost,
    and only those."""
    url = gathering.outputs["urls"]["cluster1"]
    first, without_store, after = new_ids(100), new_ids(100), new_ids(100)
    with Stream(url, rate=20) as stream:
        send(url, first)
        time.sleep(SENT)
        gathering.kubectl("cluster2", "delete", "pod", "-n", "management", "access-logs-0", "--wait=false")
        send(url, without_store)
        time.sleep(SENT)
        pod = ("-n", "management", "pod/collector-cluster1-0")
        gathering.kubectl("cluster1", "delete", *pod, "--grace-period=0", "--force")

        def back() -> None:
            for cluster, name in (("cluster1", "collector-cluster1"), ("cluster2", "access-logs")):
                path = "jsonpath={.status.readyReplicas}"
                assert gathering.kubectl(cluster, "get", "statefulset", "-n", "management", name, "-o", path) == "1"

        eventually(back, 120)
        time.sleep(SENT)  # until proxies know its new address
        send(url, after)
        all_kept(gathering, [*first, *without_store, *after])
    print(f"collector and store restarted: {dict(stream.results)}")
    assert set(stream.results) == {"200"}


def test_lines_outlive_the_pods_that_wrote_them(gathering: Environment) -> None:
    url = gathering.outputs["urls"]["cluster1"]
    ids = new_ids(20)
    with gathering.in_stage("kubernetes"):
        send(url, ids)
        time.sleep(SENT)
        gathering.kubectl("cluster1", "delete", "-n", "default", gathering.pod("cluster1", "app=details"))
        found = all_kept(gathering, ids)
    assert {line["place"] for lines in found.values() for line in lines} == {"cluster1"}


def test_a_trace_shows_the_hop_on_the_vm(gathering: Environment) -> None:
    [number] = ids = new_ids(1)
    send(gathering.outputs["urls"]["cluster1"], ids)
    lines = all_kept(gathering, ids)[str(number)]

    def traced() -> None:
        for name in (lines[0]["request_id"], lines[0]["trace_id"]):
            found = json.loads(gathering.vmmesh("trace", name, "--json"))["hops"]
            passed = [(hop["service"], hop["kind"], hop["place"]) for hop in found]
            assert ("details", "server", "vm1") in passed
            assert passed.index(("productpage", "client", "cluster1")) < passed.index(("details", "server", "vm1"))

    eventually(lambda: _unless_it_fails(traced), 60)
    of_one = kept(gathering, "--trace", lines[0]["trace_id"], "--where", "machine=vm1")
    assert {line["place"] for line in of_one} == {"vm1"}


def _unless_it_fails(check: Callable[[], None]) -> None:
    try:
        check()
    except subprocess.CalledProcessError as error:
        raise AssertionError from error


def test_nobody_but_collectors_may_insert_or_ask(gathering: Environment) -> None:
    strangers = [Caller(gathering, cluster, "stranger") for cluster in CLUSTERS]
    with in_place(strangers):
        for stranger in strangers:
            assert stranger.curl("-X", "POST", "-d", "{}", f"{STORE}/insert/opentelemetry/v1/logs") == ["403"]
            assert stranger.curl("-d", "query=*", f"{STORE}/select/logsql/query") == ["403"]
