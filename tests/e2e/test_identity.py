"""Who may speak to whom: mTLS both ways, and nothing in plain text."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.environment import Environment, eventually

pytestmark = pytest.mark.e2e

VM = "spiffe://cluster.local/ns/virtual-machines/sa/vm1"
PRODUCTPAGE = "spiffe://cluster.local/ns/default/sa/productpage"
READER = "system:serviceaccount:istio-system:istio-remote-reader"
VM_ACCOUNT = "system:serviceaccount:virtual-machines:vm1"


def access_log(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def bystander(running: Environment) -> Iterator[str]:
    """A pod without a sidecar that has curl: Istio's own proxy image, not running the proxy."""
    sidecar = running.pod("cluster1", "app=productpage")
    image = running.kubectl(
        "cluster1", "get", sidecar, "-o", "jsonpath={.spec.initContainers[?(@.name=='istio-init')].image}"
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bystander", "namespace": "kube-public"},
        "spec": {
            "containers": [{"name": "curl", "image": image, "command": ["sleep", "infinity"]}],
            "terminationGracePeriodSeconds": 0,
        },
    }
    running.kubectl("cluster1", "create", "-f", str(_write(running, pod)))
    running.kubectl("cluster1", "wait", "-n", "kube-public", "--for=condition=Ready", "pod/bystander", "--timeout=60s")
    yield "bystander"
    running.kubectl("cluster1", "delete", "-n", "kube-public", "pod/bystander", "--now")


def _write(environment: Environment, document: dict[str, Any]) -> Any:
    file = environment.kubeconfigs / f"{document['metadata']['name']}.json"
    file.write_text(json.dumps(document))
    return file


def test_the_vm_calls_productpage_through_the_gateway_as_itself(running: Environment) -> None:
    """200 over mTLS, by cluster1's gateway, and productpage's sidecar knows the VM by its SPIFFE identity."""
    path = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
    gateway = running.kubectl("cluster1", "get", "nodes", "-o", path)
    # Endpoints of both clusters serve it, so enough calls to be sure that cluster1's are among them.
    marker = "vm-calls"
    printed = running.on_vm(
        f"for i in $(seq 40); do curl -s -o /dev/null -w '%{{http_code}}\\n'"
        f" 'http://productpage.default.svc.cluster.local:9080/health?{marker}'; done"
    )
    assert printed.split() == ["200"] * 40

    def by_the_gateway() -> None:
        outbound = access_log(running.on_vm("tail -n 200 /var/log/istio/istio.log"))
        hosts = {line["upstream_host"] for line in outbound if marker in str(line.get("path"))}
        assert f"{gateway}:15443" in hosts
        pod = running.pod("cluster1", "app=productpage")
        inbound = access_log(running.kubectl("cluster1", "logs", pod, "-c", "istio-proxy", "--since=60s"))
        peers = {line["downstream_peer"] for line in inbound if marker in str(line.get("path"))}
        assert peers == {VM}

    eventually(by_the_gateway)


def test_pods_call_the_vm_as_themselves(running: Environment) -> None:
    """The VM's sidecar knows productpage, and productpage's knows the VM."""
    url = running.outputs["urls"]["cluster1"]
    assert httpx.get(f"{url}/api/v1/products/4711").status_code == 200

    def mutual() -> None:
        inbound = access_log(running.on_vm("tail -n 200 /var/log/istio/istio.log"))
        assert {line["downstream_peer"] for line in inbound if line.get("path") == "/details/4711"} == {PRODUCTPAGE}
        pod = running.pod("cluster1", "app=productpage")
        outbound = access_log(running.kubectl("cluster1", "logs", pod, "-c", "istio-proxy", "--since=60s"))
        assert {line["upstream_peer"] for line in outbound if line.get("path") == "/details/4711"} == {VM}

    eventually(mutual)


def test_plain_text_to_a_pod_is_refused(running: Environment, bystander: str) -> None:
    address = running.kubectl(
        "cluster1", "get", running.pod("cluster1", "app=productpage"), "-o", "jsonpath={.status.podIP}"
    )
    assert curl_result(running, bystander, f"http://{address}:9080/health") == "refused"
    # The same caller does reach what is not in the mesh, so it is the mesh that refuses.
    assert curl_result(running, bystander, "https://kubernetes.default.svc/livez") != "refused"


def test_plain_text_to_the_vm_is_refused(running: Environment, bystander: str) -> None:
    address = running.on_vm("hostname --all-ip-addresses").split()[0]
    assert curl_result(running, bystander, f"http://{address}:9080/health") == "refused"
    # It is there: the VM itself reaches it.
    assert running.on_vm("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9080/health") == "200"


def curl_result(environment: Environment, pod: str, url: str) -> str:
    """HTTP status, or ``refused`` if the connection was cut (curl's 7, 52 and 56)."""
    command = f"curl -sk -m 10 -o /dev/null -w '%{{http_code}}' {url}; echo \" $?\""
    status, code = environment.kubectl("cluster1", "exec", "-n", "kube-public", pod, "--", "sh", "-c", command).split()
    return "refused" if code in ("7", "52", "56") else status


@pytest.mark.parametrize("port", [15010, 15014, 15017, 8080])
def test_no_other_port_of_istiod_is_reached_from_outside(running: Environment, port: int) -> None:
    assert not reached(running, port)


def test_istiod_is_reached_on_15012_by_its_own_name_alone(running: Environment) -> None:
    """The gateway passes TLS through by the name asked for; it is istiod's own certificate that answers."""
    assert reached(running, 15012, "istiod.istio-system.svc")
    assert not reached(running, 15012, "kubernetes.default.svc")


def reached(environment: Environment, port: int, name: str = "istiod.istio-system.svc") -> bool:
    """Whether a TLS server answers there, seen from the VM without its sidecar (as the user that it lets through)."""
    gateway = "$(sed -n 's/^PILOT_ADDRESS=\\(.*\\):15012/\\1/p' /var/lib/istio/envoy/cluster.env)"
    probe = (
        "sudo -u istio-proxy curl -s -m 5 -o /dev/null --cacert /etc/certs/root-cert.pem"
        f" --connect-to ::{gateway}:{port} https://{name}:{port}/; echo $?"
    )
    # 35 and 60: a handshake took place or failed; 7, 28 and 35 with a cut connection are told apart by the text.
    code = int(environment.on_vm(probe).split()[-1])
    return code not in (7, 28, 35)


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
@pytest.mark.parametrize("labels", [{}, {"istio.io/rev": "default"}])
def test_the_api_server_knows_istiod_that_checks_what_is_written(
    running: Environment, cluster: str, labels: dict[str, str]
) -> None:
    """Which of Istio's two webhooks asks it goes by the label; no schema knows what is wrong here."""
    everything = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "everything", "namespace": "default", "labels": labels},
        "spec": {"hosts": ["*"], "http": [{"route": [{"destination": {"host": "details"}}]}]},
    }
    with pytest.raises(subprocess.CalledProcessError) as refused:
        running.kubectl(cluster, "create", "--dry-run=server", "-f", str(_write(running, everything)))
    assert "denied the request: configuration is invalid: wildcard host" in refused.value.stderr


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
@pytest.mark.parametrize("resource", ["secrets", "configmaps", "deployments"])
def test_clusters_read_no_more_of_each_other_than_endpoints(running: Environment, cluster: str, resource: str) -> None:
    assert not may(running, cluster, READER, "list", resource)
    assert may(running, cluster, READER, "list", "services")
    assert not may(running, cluster, READER, "create", "services")


@pytest.mark.parametrize(
    ("verb", "resource"),
    [("get", "pods"), ("list", "secrets"), ("create", "workloadentries.networking.istio.io")],
)
def test_the_account_of_a_vm_can_do_nothing_in_kubernetes(running: Environment, verb: str, resource: str) -> None:
    assert not may(running, "cluster1", VM_ACCOUNT, verb, resource)


def may(environment: Environment, cluster: str, account: str, verb: str, resource: str) -> bool:
    command = environment.kubectl_command(
        cluster, "auth", "can-i", verb, resource, f"--as={account}", "--all-namespaces"
    )
    # kubectl answers "no" with exit code 1.
    answer = subprocess.run(
        command, env=environment.variables, capture_output=True, text=True, check=False
    ).stdout.strip()
    assert answer in ("yes", "no")
    return answer == "yes"


def test_the_container_of_the_vm_is_not_privileged(running: Environment) -> None:
    capabilities = running.on_vm("grep CapBnd /proc/1/status").split()[1]
    admin = 1 << 21
    assert not int(capabilities, 16) & admin, "CAP_SYS_ADMIN"


def test_secrets_on_the_vm_are_for_the_agent_alone(running: Environment) -> None:
    """The key is 0600, the token is gone once it was exchanged for a certificate."""
    assert running.on_vm("stat -c '%a %U' /etc/certs/key.pem").split() == ["600", "istio-proxy"]
    assert running.on_vm("find /var/run/secrets/tokens -type f").split() == []
    assert ssl.PEM_HEADER in running.on_vm("cat /etc/certs/cert-chain.pem")


def test_no_secret_is_in_clear_text_in_the_state(running: Environment) -> None:
    state = running.pulumi("stack", "export")
    assert "PRIVATE KEY" not in state
    assert "client-key-data" not in state
    assert "eyJhbGciOi" not in state, "a token"
    assert "ciphertext" in state
