"""Who the callers are, and how their proxies are asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from settings import ManagementSettings
from tests.unit.vmmesh.support import CLUSTER1, VM, Programs, details, ruled, settings
from toolchain.problem import Problem
from vmmesh.calls import STATS, Calls, counters
from vmmesh.kubectl import Unreachable, run, written
from vmmesh.mesh import Mesh, connect, has_sidecar

OUTPUTS = {
    "kubeconfigs": {"cluster1": "one", "cluster2": "two"},
    "transports": {"vm1": "docker exec -i vm"},
    "urls": {"cluster1": "http://127.0.0.1:8081/", "cluster2": None},
}
# Pods only in the first cluster; the stats and the routes are what the files beside it say.
KUBECTL = """
here=$(dirname "$0")
case "$(cat "${1#--kubeconfig=}") $*" in
*get\\ pods*one*|one*get\\ pods*) cat "$here/pods" ;;
*get\\ pods*) echo '{"items": []}' ;;
*get\\ service*) cat "$here/service" ;;
*port-forward*) echo "Forwarding from 127.0.0.1:$(cat "$here/port") -> 15000"; exec sleep 60 ;;
esac
"""


def pod(name: str, *containers: str, gone: bool = False, native: bool = False) -> dict[str, Any]:
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if gone else {})}
    kind = "initContainers" if native else "containers"
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "app"}]} | {kind: [{"name": c} for c in containers]},
    }


def routes(**weights: int) -> str:
    names = {"vm1": VM, "cluster1": CLUSTER1}
    action = {"weighted_clusters": {"clusters": [{"name": names[key], "weight": w} for key, w in weights.items()]}}
    host = {"domains": ["details.default.svc.cluster.local"], "routes": [{"route": action}]}
    return json.dumps({"configs": [{"route_config": {"virtual_hosts": [host]}}]})


@contextmanager
def envoy(programs: Programs) -> Generator[None]:
    """Envoy's admin interface: answers what the files beside the programs say."""

    class Admin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as http.server names it
            answer = programs.read("stats" if self.path.startswith("/stats") else "routes").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Admin) as server:
        programs.write("port", str(server.server_port))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture
def mesh(programs: Programs) -> Generator[Mesh]:
    programs.make("kubectl", KUBECTL)
    pods = [pod("front", "app", "istio-proxy"), pod("plain", "app"), pod("old", "istio-proxy", gone=True)]
    programs.write("pods", json.dumps({"items": [*pods, pod("native", "istio-init", "istio-proxy", native=True)]}))
    programs.write("stats", json.dumps({"stats": [{"name": f"cluster.{VM};.upstream_rq_total", "value": 3}]}))
    with envoy(programs), connect(settings(), OUTPUTS) as mesh:
        yield mesh


def test_callers_are_the_pods_with_a_sidecar_that_stay(mesh: Mesh) -> None:
    assert [(proxy.cluster, proxy.name) for proxy in mesh.callers(details())] == [
        ("cluster1", "default/front"),
        ("cluster1", "default/native"),
    ]


def test_counts_are_those_of_every_caller(mesh: Mesh) -> None:
    assert list(mesh.counts(details()).values()) == [{VM: Calls(3)}, {VM: Calls(3)}]


def test_routes_that_are_there_are_not_waited_for(mesh: Mesh, programs: Programs) -> None:
    programs.write("routes", routes(vm1=75, cluster1=25))
    mesh.wait_for_routes(details(), 0)


def test_routes_that_do_not_come_are_told(mesh: Mesh, programs: Programs) -> None:
    programs.write("routes", routes(vm1=100))
    with pytest.raises(
        Problem, match=r"2 of 2 .* canary \(vm1 75%, cluster1 25%\): cluster1 default/front has vm1 100%"
    ):
        mesh.wait_for_routes(details(), 0.2)


def test_a_caller_that_a_match_is_for_is_to_have_what_the_match_says(mesh: Mesh, programs: Programs) -> None:
    route = ruled(match=[{"labels": {"app": "front"}, "destination": "cluster1"}])
    pods = [pod("front", "istio-proxy"), pod("other", "istio-proxy")]
    pods[0]["metadata"]["labels"] = {"app": "front"}
    programs.write("pods", json.dumps({"items": pods}))
    programs.write("routes", routes(vm1=75, cluster1=25))
    with pytest.raises(Problem, match=r"1 of 2 .* \(cluster1 100%\): cluster1 default/front has vm1 75%, cluster1 25%"):
        mesh.wait_for_routes(route, 0)


def test_a_pod_that_goes_while_it_is_asked_is_no_caller_any_more(mesh: Mesh, programs: Programs) -> None:
    gone = KUBECTL.replace("*port-", '*port-forward*front*) echo \'{"items": []}\' >"$here/pods"; exit 1 ;;\n*port-')
    programs.make("kubectl", gone)
    assert [proxy.name for proxy in mesh.counts(details())] == ["default/native"]


def test_a_pod_that_stays_and_does_not_answer_is_told(mesh: Mesh, programs: Programs) -> None:
    programs.make(
        "kubectl", KUBECTL.replace("*port-forward*)", "*port-forward*) echo 'no such pod' >&2; exit 1 ;;\n*never*)")
    )
    with pytest.raises(Unreachable, match="no such pod"):
        mesh.counts(details())


def test_a_proxy_has_one_port_forward_however_often_it_is_asked(mesh: Mesh, programs: Programs) -> None:
    for _ in range(3):
        mesh.counts(details())
    assert len([call for call in programs.calls if "port-forward" in call]) == 2


def test_a_port_forward_that_leads_nowhere_any_more_is_opened_again(mesh: Mesh, programs: Programs) -> None:
    with envoy(programs):
        proxy = mesh.callers(details())[0]
        assert counters(proxy.request(STATS)) == {VM: Calls(3)}
    with pytest.raises(Unreachable, match="does not answer at stats"):
        proxy.request(STATS)
    with envoy(programs):
        assert counters(proxy.request(STATS)) == {VM: Calls(3)}


def test_a_cluster_without_a_url_is_reached_by_its_load_balancer(mesh: Mesh, programs: Programs) -> None:
    assert mesh.url("cluster1") == "http://127.0.0.1:8081"
    programs.write("service", "{}")
    assert mesh.url("cluster2") is None
    programs.write("service", '{"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}')
    assert mesh.url("cluster2") == "http://lb.example"


def test_a_vm_is_asked_through_its_transport(mesh: Mesh, programs: Programs) -> None:
    programs.make("docker", "echo certificate")
    assert mesh.on_machine("vm1", "cat", "/etc/certs/cert-chain.pem") == "certificate\n"
    assert programs.calls == ["docker exec -i vm cat /etc/certs/cert-chain.pem"]


OF_WHAT_IS_NOT_THERE: list[tuple[Callable[[Mesh], object], str]] = [
    (lambda mesh: mesh.get("cluster3", "pods"), "cluster3"),
    (lambda mesh: mesh.delete("cluster3", "pods", "front"), "cluster3"),
    (lambda mesh: mesh.metrics("api/v1/query"), "cluster3"),
    (lambda mesh: mesh.on_machine("vm3", "true"), "vm3"),
]


@pytest.mark.parametrize(("ask", "what"), OF_WHAT_IS_NOT_THERE)
def test_what_is_in_the_config_only_is_told(programs: Programs, ask: Callable[[Mesh], object], what: str) -> None:
    config = settings().model_copy(update={"management": ManagementSettings(cluster="cluster3")})
    with connect(config, OUTPUTS) as mesh, pytest.raises(Unreachable, match=f"{what} is not set up yet: run `make"):
        ask(mesh)
    assert programs.calls == []


def test_kubeconfigs_are_private_and_gone_afterwards() -> None:
    with written({"cluster1": "secret"}) as files:
        file = files["cluster1"]
        assert file.read_text() == "secret"
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
    assert not file.parent.exists()


def test_what_does_not_answer_is_told_without_the_kubeconfig() -> None:
    with pytest.raises(Unreachable) as error:
        run(["sh", "-c", "echo refused >&2; exit 1", "--kubeconfig=/tmp/x"])
    assert str(error.value).endswith("refused")
    assert "kubeconfig" not in str(error.value)
    with pytest.raises(Unreachable, match=r"no answer in 0 s: sleep 9"):
        run(["sleep", "9"], 0.1)
    with pytest.raises(Unreachable, match="nowhere cannot be run"):
        run(["nowhere"])


def test_a_sidecar_is_a_container_or_an_init_container() -> None:
    assert has_sidecar(pod("a", "istio-proxy"))
    assert has_sidecar(pod("a", "istio-proxy", native=True))
    assert not has_sidecar(pod("a", "app"))
